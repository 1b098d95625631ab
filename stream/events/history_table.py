"""Text of an exported table -> numbered rows with just the columns that the map names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from stream.events.history_map import BLANKS, ColumnMap, Layout

Row = tuple[int, Sequence[str]]
"""A row's line in the file, from 1, and its cells."""


class HistoryRowError(ValueError):
    """A row cannot be what the map says it is; `line` 0 is the file as a whole."""

    def __init__(self, line: int, column: str | None, message: str) -> None:
        place = f"column {column!r}: " if column is not None else ""
        super().__init__(f"{place}{message}")
        self.line = line
        self.column = column


def text_rows(lines: Iterable[str], layout: Layout) -> Iterator[Row]:
    """Split the lines of a delimited file; empty lines are no rows.

    A quoted cell may span lines: the row's number is that of its first.
    """
    if layout.delimiter == BLANKS:
        for number, line in enumerate(lines, start=1):
            if cells := line.split():
                yield number, cells
        return
    reader = csv.reader(lines, delimiter=layout.delimiter, quotechar=layout.quote, strict=True)
    started = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise HistoryRowError(started, None, f"not a delimited row: {error}") from None
        if cells:
            yield started, cells
        started = reader.line_num + 1


def named_rows(rows: Iterable[Row], map_: ColumnMap) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows as column name -> text, blanks around it stripped, for the columns that the map names.

    Raises
    ------
    HistoryRowError
        For a missing or doubled column, and for a row that has more or fewer cells than there
        are columns: shifted cells would be read as something else.
    """
    numbered = iter(rows)
    names: Sequence[str] = map_.layout.names
    if map_.layout.header:
        line, header = next(numbered, (1, ()))
        names = [name.strip() for name in header]
        _check_header(line, names, map_)
    places = [(name, names.index(name)) for name in map_.named_columns()]
    for line, cells in numbered:
        if len(cells) != len(names):
            raise HistoryRowError(line, None, f"{len(cells)} cells, for {len(names)} columns")
        yield line, {name: cells[place].strip() for name, place in places}


def _check_header(line: int, names: Sequence[str], map_: ColumnMap) -> None:
    for name in map_.named_columns():
        if name not in names:
            there = ", ".join(repr(known) for known in names) or "none"
            raise HistoryRowError(line, name, f"is not in the header row; there are: {there}")
        if names.count(name) > 1:
            raise HistoryRowError(line, name, "is in the header row more than once")
