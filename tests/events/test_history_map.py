import pytest

from stream.events.history_map import ColumnMapError, parse_map

GOOD = """\
columns:
  order: Invoice
  customer: Customer
  price: Price
  time: Date
time:
  format: "%d.%m.%Y"
  zone: Europe/Berlin
row: line
"""


def refusal(text: str) -> ColumnMapError:
    with pytest.raises(ColumnMapError) as caught:
        parse_map(text, "shop.yaml")
    return caught.value


def test_a_map_says_what_it_says_and_the_rest_has_defaults():
    map_ = parse_map(GOOD, "shop.yaml")
    assert map_.columns.order == "Invoice"
    assert map_.layout.delimiter == ","
    assert map_.negative_lines == "skip"
    assert map_.named_columns() == ("Customer", "Date", "Invoice", "Price")


@pytest.mark.parametrize(
    ("change", "line", "field", "words"),
    [
        (("  price: Price\n", "  price: 7\n"), 4, "$.columns.price", "Expected `str"),
        (("  price: Price\n", "  prize: Price\n"), 4, "$.columns.prize", "unknown field"),
        (("  customer: Customer\n", ""), 1, "$.columns", "missing required field `customer`"),
        (("row: line", "row: lines"), 9, "$.row", "Invalid enum value 'lines'"),
        (("Europe/Berlin", "Europe/Bonn"), 8, "$.time.zone", "Europe/Bonn"),
        (("%d.%m.%Y", "%H:%M"), 7, "$.time.format", "year, month and day"),
        (("  order: Invoice\n", ""), 1, "$.columns", "`order`"),
        (("  price: Price\n", ""), 1, "$.columns", "either `price`"),
        (("row: line", "row: line\nrow: order"), 10, "$.row", "given twice"),
        (("row: line", "row: line\ncurrency: Euro"), 10, "$.currency", "like EUR"),
        (("row: line", "row: line\ncancelled: {column: Type}"), 10, "$.cancelled", "either"),
        (("row: line", "row: line\nlayout: {header: false}"), 10, "$.layout", "`names`"),
        (
            ("row: line", "row: line\nlayout:\n  header: false\n  names: [Invoice]"),
            12,
            "$.layout.names",
            "no column 'Customer'",
        ),
        (
            ("row: line", 'row: line\nlayout:\n  delimiter: "||"'),
            11,
            "$.layout.delimiter",
            "one character",
        ),
        (("row: line", "row: line\nlayout: {encoding: utf9}"), 10, "$.layout.encoding", "utf9"),
        (
            ("row: line", 'row: line\nlayout: {decimal: ".", thousands: "."}'),
            10,
            "$.layout.thousands",
            "decimal mark",
        ),
    ],
)
def test_a_wrong_map_is_refused_with_line_and_field(
    change: tuple[str, str], line: int, field: str, words: str
):
    error = refusal(GOOD.replace(*change))
    assert (error.line, error.field) == (line, field)
    assert words in str(error)
    assert str(error).startswith(f"shop.yaml:{line}: {field}: ")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "columns: [", "a: !!python/none", "\x00"])
def test_what_is_no_map_at_all_is_refused(text: str):
    assert refusal(text).field.startswith("$")
