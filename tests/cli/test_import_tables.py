import datetime as dt
import gzip
import importlib
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from stream.cli.failure import CommandFailedError
from stream.cli.import_tables import opened_rows
from stream.events.history_map import ColumnMap, Columns, Layout, TimeFormat
from stream.events.history_table import HistoryRowError, Row


def a_map(time: str = "%d.%m.%Y", zone: str = "UTC", **layout: Any) -> ColumnMap:
    return ColumnMap(
        columns=Columns(customer="who", time="when", amount="paid"),
        time=TimeFormat(format=time, zone=zone),
        row="order",
        layout=Layout(**layout),
    )


def rows_of(path: Path, map_: ColumnMap, sheet: str | None = None) -> list[Row]:
    with opened_rows(path, map_, sheet) as rows:
        return [(number, list(cells)) for number, cells in rows]


def test_gzip_is_known_by_its_bytes_not_by_its_name(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"who,when\nc1,today\n"))
    assert rows_of(tmp_path / "a.csv", a_map()) == [(1, ["who", "when"]), (2, ["c1", "today"])]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("wer\näöü\n".encode("utf-8-sig"), "utf-8"),
        ("wer\näöü\n".encode("cp1252"), "cp1252"),
        ("wer\näöü\n".encode("utf-16"), "utf-16"),
        ("wer\r\näöü\r\n".encode("latin-1"), "ISO-8859-1"),
    ],
)
def test_text_is_read_in_the_declared_encoding(tmp_path: Path, content: bytes, encoding: str):
    (tmp_path / "a.csv").write_bytes(content)
    rows = rows_of(tmp_path / "a.csv", a_map(encoding=encoding))
    assert rows == [(1, ["wer"]), (2, ["äöü"])]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"a\nb\xff\n", 2, "byte 0xff is not utf-8"),
        (b"a\nb\0\n", 2, "zero byte"),
        (b"a" * 1_000_001, 1, "over 1,000,000 characters"),
    ],
)
def test_bytes_that_are_no_table_are_refused_with_their_line(
    tmp_path: Path, content: bytes, line: int, words: str
):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(HistoryRowError, match=words) as caught:
        rows_of(tmp_path / "a.csv", a_map())
    assert caught.value.line == line


@pytest.mark.parametrize("cut", [12, -3])
def test_a_damaged_gzip_is_refused(tmp_path: Path, cut: int):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"who,when\n" * 999)[:cut])
    with pytest.raises(CommandFailedError, match=r"a\.csv\.gz: .*nothing was imported"):
        rows_of(tmp_path / "a.csv.gz", a_map())


def test_a_folder_is_no_table(tmp_path: Path):
    with pytest.raises(CommandFailedError, match="Is a directory"):
        rows_of(tmp_path, a_map())


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("a.xlsx", "python_calamine", "python-calamine"),
        ("a.parquet", "pyarrow.parquet", "pyarrow"),
    ],
)
def test_without_the_library_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, package: str
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CommandFailedError, match=f"pip install {package}, or export"):
        rows_of(tmp_path / name, a_map())


OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def relations(*targets: tuple[str, str]) -> str:
    links = "".join(
        f'<Relationship Id="r{index}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for index, (kind, target) in enumerate(targets)
    )
    return f"<Relationships>{links}</Relationships>"


def write_excel(path: Path, sheets: dict[str, list[list[str]]]) -> None:
    """The smallest workbook; cells are ready-made XML."""
    names = "".join(f'<sheet name="{name}" r:id="r{i}"/>' for i, name in enumerate(sheets))
    files = [("worksheet", f"worksheets/{index}.xml") for index in range(len(sheets))]
    parts = {
        "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(*files),
        "xl/styles.xml": "<styleSheet><cellXfs><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs>"
        "</styleSheet>",
    }
    for (_, file), rows in zip(files, sheets.values(), strict=True):
        body = "".join(f"<row>{''.join(cells)}</row>" for cells in rows)
        parts[f"xl/{file}"] = f"<worksheet><sheetData>{body}</sheetData></worksheet>"
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)


def text(value: str) -> str:
    return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def number(value: str, style: int = 0) -> str:
    return f'<c s="{style}"><v>{value}</v></c>'


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    pytest.importorskip("python_calamine")
    path = tmp_path / "orders.xlsx"
    header = [text("who"), text("when"), text("paid")]
    # Day 40544 of Excel's calendar is 2011-01-01.
    row = [number("17850"), number("40544", style=1), number("0.30000000000000004")]
    write_excel(path, {"Orders": [header, row], "Notes": [[text("nothing here")]]})
    return path


def test_typed_cells_of_a_workbook_become_the_text_that_the_map_expects(workbook: Path):
    rows = rows_of(workbook, a_map(decimal=","))
    assert rows == [(1, ["who", "when", "paid"]), (2, ["17850", "01.01.2011", "0,3"])]


def test_a_sheet_is_taken_by_its_name(workbook: Path):
    assert rows_of(workbook, a_map(), sheet="Notes") == [(1, ["nothing here"])]
    with pytest.raises(CommandFailedError, match="it has 'Orders', 'Notes'"):
        rows_of(workbook, a_map(), sheet="Bestellungen")


def test_a_workbook_that_is_none_is_refused(tmp_path: Path):
    pytest.importorskip("python_calamine")
    (tmp_path / "a.xlsx").write_bytes(b"who,when\n")
    with pytest.raises(CommandFailedError, match="nothing was imported"):
        rows_of(tmp_path / "a.xlsx", a_map())


def test_parquet_gives_its_columns_and_typed_cells(tmp_path: Path):
    pytest.importorskip("pyarrow")
    arrow = importlib.import_module("pyarrow")
    moment = dt.datetime(2026, 7, 1, 10, 0, tzinfo=dt.UTC)
    table = arrow.table(
        {
            "who": [17850.0, None],
            "when": [moment, moment],
            "paid": [Decimal("2.50"), Decimal("0.10")],
            "junk": ["x", "y"],
        }
    )
    importlib.import_module("pyarrow.parquet").write_table(table, tmp_path / "a.parquet")
    rows = rows_of(tmp_path / "a.parquet", a_map("%Y-%m-%d %H:%M", "Europe/Berlin"))
    assert rows == [
        (0, ["who", "when", "paid", "junk"]),
        (1, ["17850", "2026-07-01 12:00", "2.50", ""]),
        (2, ["", "2026-07-01 12:00", "0.10", ""]),
    ]


def test_parquet_that_is_none_is_refused(tmp_path: Path):
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"who,when\n")
    with pytest.raises(CommandFailedError, match="nothing was imported"):
        rows_of(tmp_path / "a.parquet", a_map())
