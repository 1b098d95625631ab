"""Opens an export, whatever its format, and hands on its rows as text."""

from __future__ import annotations

import codecs
import gzip
import importlib
import io
import math
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import IO, cast

from stream.cli.failure import CommandFailedError
from stream.events.history_map import ISO, ColumnMap
from stream.events.history_table import HistoryRowError, Row, text_rows

LINE_CHARACTERS_MAX = 1_000_000
"""Of one line. A longer one is no table, and must not be read into memory to find that out."""

EXCEL_SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
PARQUET_SUFFIXES = (".parquet", ".pq")

_LIBRARIES = {"python_calamine": "python-calamine", "pyarrow.parquet": "pyarrow"}
"""Module to the distribution that has it. Optional: most histories come as CSV."""


@contextmanager
def opened_rows(path: Path, map_: ColumnMap, sheet: str | None) -> Iterator[Iterable[Row]]:
    """The numbered rows of the file, the header row included, while the context lasts.

    Raises
    ------
    CommandFailedError
        The file is not there, is damaged, or needs a library that is not installed.
    HistoryRowError
        While rows are read: bytes that are no text in the declared encoding.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in EXCEL_SUFFIXES:
            yield _excel_rows(path, map_, sheet)
        elif suffix in PARQUET_SUFFIXES:
            yield _parquet_rows(path, map_)
        else:
            encoding = map_.layout.encoding
            with path.open("rb") as raw, _decoded(_unpacked(raw), encoding) as text:
                yield text_rows(_lines(text, encoding), map_.layout)
    except FileNotFoundError:
        raise CommandFailedError(f"{path} is not there", "name the exported file", 2) from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandFailedError(f"{path}: {reason}", "nothing was imported", 2) from None


def _unpacked(raw: io.BufferedReader) -> IO[bytes]:
    """The bytes, unpacked where they are gzip's, whatever the file is called."""
    packed = raw.peek(2)[:2] == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw, mode="rb")) if packed else raw


def _decoded(raw: IO[bytes], encoding: str) -> io.TextIOWrapper:
    """Text with undecodable bytes kept as surrogates, so that their line can be named."""
    known = codecs.lookup(encoding).name
    with_mark = "utf-8-sig" if known == "utf-8" else known
    errors = "strict" if known.startswith(("utf-16", "utf-32")) else "surrogateescape"
    return io.TextIOWrapper(raw, encoding=with_mark, errors=errors, newline="")


def _lines(text: io.TextIOWrapper, encoding: str) -> Iterator[str]:
    number = 0
    try:
        while line := text.readline(LINE_CHARACTERS_MAX + 1):
            number += 1
            if len(line) > LINE_CHARACTERS_MAX:
                raise HistoryRowError(number, None, f"over {LINE_CHARACTERS_MAX:,} characters")
            if not line.isascii():
                line.encode("utf-8")
            if "\0" in line:
                raise HistoryRowError(number, None, "a zero byte: this is no text")
            yield line
    except UnicodeEncodeError as error:
        byte = ord(str(error.object)[error.start]) & 0xFF
        raise HistoryRowError(number, None, f"byte 0x{byte:02x} is not {encoding}") from None
    except UnicodeDecodeError as error:
        raise HistoryRowError(number + 1, None, f"not {encoding}: {error.reason}") from None


def _excel_rows(path: Path, map_: ColumnMap, sheet: str | None) -> Iterator[Row]:
    calamine = _library("python_calamine", path)
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            there = ", ".join(map(repr, names))
            raise CommandFailedError(f"{path} has no sheet {sheet!r}", f"it has {there}", 2)
        rows = book.get_sheet_by_name(sheet or names[0]).iter_rows()
    except calamine.CalamineError as error:
        raise CommandFailedError(f"{path}: {error}", "nothing was imported", 2) from None
    for number, cells in enumerate(rows, start=1):
        texts = [_cell(cell, map_) for cell in cells]
        if any(texts):
            yield number, texts


def _parquet_rows(path: Path, map_: ColumnMap) -> Iterator[Row]:
    """The column names as row 0, then the rows from 1."""
    parquet = _library("pyarrow.parquet", path)
    errors = _library("pyarrow", path)
    try:
        with parquet.ParquetFile(path) as file:
            yield 0, file.schema_arrow.names
            number = 0
            for batch in file.iter_batches(columns=list(map_.named_columns())):
                for row in batch.to_pylist():
                    number += 1
                    yield number, [_cell(row.get(name), map_) for name in file.schema_arrow.names]
    except errors.ArrowInvalid as error:
        raise CommandFailedError(f"{path}: {error}", "nothing was imported", 2) from None


def _library(module: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        package = _LIBRARIES.get(module, module)
        raise CommandFailedError(
            f"{path.suffix} files need the package {package}",
            f"pip install {package}, or export the table as CSV",
            2,
        ) from None


def _cell(cell: object, map_: ColumnMap) -> str:
    """A typed cell as the text that the map expects of it.

    A double has the 15 digits that spreadsheets show: 0.1 + 0.2 is 0.3 there, and so it is here.
    """
    if cell is None or cell == "":
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        if math.isnan(cell):
            return ""
        cell = Decimal(f"{cell:.15g}")
    if isinstance(cell, int | Decimal):
        return f"{cell:f}".replace(".", map_.layout.decimal)
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        cell = cell.astimezone(map_.zone())
    if isinstance(cell, datetime | date):
        wanted = map_.time.format
        return cell.isoformat() if wanted == ISO else cell.strftime(wanted)
    return str(cell)
