"""The declared column map of an order history: which column of an export means what.

A map is a YAML file, so that a shop's accountant can read it and a reviewer can diff it. Nothing
is guessed from the data: an export whose columns moved is refused, not misread. Whoever opens
files passes the text in; every error names the file, the line and the field.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

BLANKS = "blanks"
"""The delimiter of fixed-width and space-separated files: any run of blanks."""

ISO = "iso"
"""The time format of ISO 8601 texts, with or without an offset."""


class ColumnMapError(ValueError):
    """A column map does not say what it must; `str()` names file, line and field."""

    def __init__(self, source: str, line: int, field: str, message: str) -> None:
        super().__init__(f"{source}:{line}: {field}: {message}")
        self.line = line
        self.field = field


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the file is written.

    `names` are the columns, left to right, of a file without a header row. `decimal` and
    `thousands` are the marks within numbers; `1.234,56` has `decimal: ","`, `thousands: "."`.
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    header: bool = True
    names: tuple[str, ...] = ()
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", "'", " "] = ""


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The name of the column for each role; roles without a column stay unknown.

    `price` is charged per piece, `amount` for the whole line: one of the two. `list_price` and
    `cost` are per piece too, and may be empty. `original_order` is the order that a cancellation
    takes back.
    """

    customer: str
    time: str
    order: str | None = None
    original_order: str | None = None
    product: str | None = None
    quantity: str | None = None
    price: str | None = None
    amount: str | None = None
    currency: str | None = None
    sku: str | None = None
    list_price: str | None = None
    cost: str | None = None
    category: str | None = None
    brand: str | None = None
    size: str | None = None
    coupon: str | None = None
    reason: str | None = None
    channel: str | None = None
    store: str | None = None
    payment_method: str | None = None


class TimeFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`format` is strptime's, or `iso`; `zone` is where the shop's clock hangs (IANA name)."""

    format: str
    zone: str


class Cancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which lines take back: the column's text starts with `prefix`, or is one of `values`.

    `then: refund` makes them refunds. `then: skip` is for exports that list a cancelled order
    once, as cancelled: nothing was sold, so there is nothing to give back.
    """

    column: str
    prefix: str | None = None
    values: tuple[str, ...] = ()
    then: Literal["refund", "skip"] = "refund"


class ColumnMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole map.

    row             `line`: rows with the same `columns.order` (and customer) are one order;
                    `order`: each row is an order of its own
    currency        ISO 4217 code where no column says
    whole_ids       roles whose ids a spreadsheet turned into numbers: `17850.0` is `17850`
    negative_lines  lines below zero that are no cancellation: `skip` (stock corrections) or
                    `refund` (exports that write a return as a negative line)
    zero_lines      lines that cost nothing: `keep` (gifts, samples) or `skip`
    """

    columns: Columns
    time: TimeFormat
    row: Literal["line", "order"]
    description: str = ""
    layout: Layout = Layout()
    currency: str | None = None
    cancelled: Cancellation | None = None
    whole_ids: tuple[Literal["customer", "order", "original_order", "product"], ...] = ()
    negative_lines: Literal["skip", "refund"] = "skip"
    zero_lines: Literal["keep", "skip"] = "keep"

    def zone(self) -> tzinfo:
        return UTC if self.time.zone == "UTC" else ZoneInfo(self.time.zone)

    def named_columns(self) -> tuple[str, ...]:
        """The file's columns that the map uses, each once, in the order of the roles."""
        named = [name for name in msgspec.structs.astuple(self.columns) if name is not None]
        if self.cancelled is not None:
            named.append(self.cancelled.column)
        return tuple(dict.fromkeys(named))


def parse_map(text: str, source: str) -> ColumnMap:
    """Read and check a map; `source` is the file's name for the messages.

    Raises
    ------
    ColumnMapError
        Naming the line and the field of the first thing wrong.
    """
    places: dict[str, int] = {}
    content = _load(text, source, places)
    try:
        column_map = msgspec.convert(content, ColumnMap)
    except msgspec.ValidationError as error:
        message, field = _where(str(error))
        raise ColumnMapError(source, _line(places, field), field, message) from None
    for field, message in _contradictions(column_map):
        raise ColumnMapError(source, _line(places, field), field, message)
    return column_map


MAP_CHARACTERS_MAX = 64 << 10
VALUES_MAX = 2_000
"""Values of a map, each alias counted: one has some dozens. Aliases of aliases double with each
line, and would take hours to look at."""


def _load(text: str, source: str, places: dict[str, int]) -> Any:
    if len(text) > MAP_CHARACTERS_MAX:
        message = f"is longer than {MAP_CHARACTERS_MAX:,} characters; a map is not the data"
        raise ColumnMapError(source, 1, "$", message)
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        if node is None:
            raise ColumnMapError(source, 1, "$", "the file is empty")
        _place(node, "$", places, source)
        return yaml.safe_load(text)
    except RecursionError:
        raise ColumnMapError(source, 1, "$", "is nested too deep; make it flat") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ColumnMapError(source, line, "$", f"not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, ColumnMapError):
            raise
        raise ColumnMapError(source, 1, "$", f"not YAML: {error}") from None


def _place(node: yaml.Node, path: str, places: dict[str, int], source: str) -> None:
    """Note on which line each field stands, and refuse a field that stands there twice."""
    places.setdefault(path, node.start_mark.line + 1)
    if len(places) > VALUES_MAX:
        message = f"is one of more than {VALUES_MAX:,} values; write fewer aliases"
        raise ColumnMapError(source, node.start_mark.line + 1, "$", message)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            field = f"{path}.{key.value}"
            if field in places:
                raise ColumnMapError(source, key.start_mark.line + 1, field, "given twice")
            places[field] = key.start_mark.line + 1
            _place(value, field, places, source)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _place(value, f"{path}[{index}]", places, source)


def _where(error: str) -> tuple[str, str]:
    """Split msgspec's message from the path that it names; an unknown field is its own place."""
    message, _, path = error.partition(" - at `")
    field = path.rstrip("`") or "$"
    unknown = re.search(r"unknown field `(.+)`$", message)
    return message, f"{field}.{unknown[1]}" if unknown else field


def _line(places: dict[str, int], field: str) -> int:
    """Line of the field, or of the nearest one around it that is written down."""
    while field not in places and field != "$":
        field = re.sub(r"(\.[^.\[]+|\[[^\]]*\])$", "", field) or "$"
    return places.get(field, 1)


def _contradictions(map_: ColumnMap) -> list[tuple[str, str]]:
    """(field, message) of what each field allows alone, but not all of them together."""
    return [*_layout_faults(map_.layout), *_time_faults(map_.time), *_column_faults(map_)]


def _layout_faults(layout: Layout) -> list[tuple[str, str]]:
    faults = []
    if layout.delimiter != BLANKS and len(layout.delimiter) != 1:
        faults.append(("$.layout.delimiter", f"one character, or {BLANKS!r}"))
    if len(layout.quote) != 1:
        faults.append(("$.layout.quote", "one character"))
    try:
        "".encode(layout.encoding)
    except LookupError:
        faults.append(("$.layout.encoding", f"no encoding is called {layout.encoding!r}"))
    if layout.header and layout.names:
        faults.append(("$.layout.names", "the header row names the columns; drop one of the two"))
    if not layout.header and not layout.names:
        faults.append(("$.layout", "a file without a header row needs `names`"))
    if layout.decimal == layout.thousands:
        faults.append(("$.layout.thousands", "is the decimal mark already"))
    return faults


def _time_faults(time: TimeFormat) -> list[tuple[str, str]]:
    faults = []
    try:
        ZoneInfo(time.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults.append(("$.time.zone", f"no time zone is called {time.zone!r}"))
    if time.format != ISO:
        day = datetime(2011, 3, 27, tzinfo=UTC)
        try:
            same = datetime.strptime(day.strftime(time.format), time.format).date() == day.date()  # noqa: DTZ007
        except ValueError:
            same = False
        if not same:
            faults.append(("$.time.format", "must give year, month and day (strptime), or be iso"))
    return faults


def _column_faults(map_: ColumnMap) -> list[tuple[str, str]]:
    faults = []
    if (map_.columns.price is None) == (map_.columns.amount is None):
        faults.append(("$.columns", "needs either `price`, per piece, or `amount`, of the line"))
    if map_.row == "line" and map_.columns.order is None:
        faults.append(("$.columns", "rows that are lines need `order` to be put together by"))
    if map_.currency is not None and not re.fullmatch(r"[A-Z]{3}", map_.currency):
        faults.append(("$.currency", "three capital letters, like EUR"))
    cancelled = map_.cancelled
    if cancelled is not None and (cancelled.prefix is None) == (not cancelled.values):
        faults.append(("$.cancelled", "needs either `prefix` or `values`"))
    if not map_.layout.header:
        known = set(map_.layout.names)
        faults += [
            ("$.layout.names", f"has no column {name!r}")
            for name in map_.named_columns()
            if name not in known
        ]
    return faults
