import pytest

from stream.events.history_map import ColumnMap, Columns, Layout, TimeFormat
from stream.events.history_table import HistoryRowError, named_rows, text_rows


def a_map(layout: Layout) -> ColumnMap:
    columns = Columns(customer="who", time="when", amount="paid")
    return ColumnMap(
        columns=columns, time=TimeFormat(format="iso", zone="UTC"), row="order", layout=layout
    )


def test_a_quoted_cell_may_span_lines_and_its_row_has_the_number_of_the_first():
    lines = ['a,"b\n', 'c",d\n', "\n", "e,f,g\n"]
    assert list(text_rows(lines, Layout())) == [(1, ["a", "b\nc", "d"]), (4, ["e", "f", "g"])]


def test_blanks_separate_cells_of_any_width():
    rows = text_rows([" 00004  1\r\n", "\r\n", "5 2"], Layout(delimiter="blanks"))
    assert list(rows) == [(1, ["00004", "1"]), (3, ["5", "2"])]


def test_another_delimiter_and_quote():
    layout = Layout(delimiter=";", quote="'")
    assert list(text_rows(["'a;b';\"c\"\n"], layout)) == [(1, ["a;b", '"c"'])]


@pytest.mark.parametrize("line", ['"open\n', '"a"b,c\n'])
def test_broken_quotes_are_refused_with_the_line_where_they_start(line: str):
    with pytest.raises(HistoryRowError) as caught:
        list(text_rows(["x,y\n", line], Layout()))
    assert caught.value.line == 2


def test_columns_are_found_by_name_wherever_they_stand():
    rows = [(1, ["junk", "paid", " when ", "who"]), (2, ["?", " 5 ", "2026-01-01", "c1"])]
    assert list(named_rows(rows, a_map(Layout()))) == [
        (2, {"who": "c1", "when": "2026-01-01", "paid": "5"})
    ]


def test_a_file_without_header_takes_the_maps_names():
    layout = Layout(header=False, names=("who", "when", "paid"))
    rows = [(1, ["c1", "2026-01-01", "5"])]
    assert list(named_rows(rows, a_map(layout))) == [
        (1, {"who": "c1", "when": "2026-01-01", "paid": "5"})
    ]


def test_a_missing_column_is_refused_with_the_columns_that_are_there():
    with pytest.raises(HistoryRowError, match=r"column 'when': .* 'who', 'date', 'paid'") as caught:
        list(named_rows([(1, ["who", "date", "paid"])], a_map(Layout())))
    assert (caught.value.line, caught.value.column) == (1, "when")


def test_a_column_that_is_there_twice_is_refused_if_it_is_used():
    rows = [(1, ["who", "when", "paid", "paid", "x", "x"])]
    with pytest.raises(HistoryRowError, match=r"column 'paid': .* more than once"):
        list(named_rows(rows, a_map(Layout())))


@pytest.mark.parametrize("cells", [["c1", "2026-01-01"], ["c1", "2026-01-01", "5", ""]])
def test_a_row_of_another_width_is_refused_because_its_cells_may_have_shifted(cells: list[str]):
    rows = [(1, ["who", "when", "paid"]), (7, cells)]
    with pytest.raises(HistoryRowError, match=f"{len(cells)} cells, for 3 columns") as caught:
        list(named_rows(rows, a_map(Layout())))
    assert caught.value.line == 7


def test_an_empty_file_has_no_columns():
    with pytest.raises(HistoryRowError, match="there are: none"):
        list(named_rows([], a_map(Layout())))
