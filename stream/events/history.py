"""Order history -> canonical events, by a declared column map. Pure: rows come in as text.

Every row has an end, and the counts add up: rows = order lines + refund lines + skipped. A file
with one row that cannot be read is refused as a whole, so that nothing half-imported has to be
found and undone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from stream.clock import FUTURE_TOLERANCE_MS, rfc3339
from stream.events.history_events import Document
from stream.events.history_line import Line, LineReader, Skipped
from stream.events.history_map import ColumnMap
from stream.events.history_money import EXACT, plain
from stream.events.history_table import HistoryRowError, Row, named_rows
from stream.events.money import AMOUNT_MAX
from stream.events.properties import ITEMS_MAX

LINES_MAX = 10_000_000
"""Rows of one file. All lines are held until the last is read, because an order's lines need not
stand together: about 750 bytes each, 7.5 GB at the limit. Split a longer history by year."""


class HistorySummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a file. Money is exact, as text, by currency ("" where unknown).

    `long_documents` have more lines than are kept of one event: `ITEMS_MAX`, the first ones; their
    amount is that of all lines. `revenue` is what was sold, `refunded` what was given back; neither
    is net of the other.
    """

    rows: int
    customers: int
    orders: int
    order_lines: int
    refunds: int
    refund_lines: int
    zero_orders: int
    zero_lines: int
    long_documents: int
    skipped: dict[Skipped, int]
    revenue: dict[str, str]
    refunded: dict[str, str]
    first: str | None
    last: str | None


class History(msgspec.Struct, frozen=True):
    """The orders and cancellations of a file in time order, at equal times in the file's."""

    documents: tuple[Document, ...]
    summary: HistorySummary


def read_history(rows: Iterable[Row], map_: ColumnMap, received_ms: int) -> History:
    """Read all rows of a file.

    Parameters
    ----------
    rows : Iterable of Row
        Numbered rows, the header row included where the map says that there is one.
    map_ : ColumnMap
    received_ms : int
        When the history is imported; what is dated later is refused.

    Raises
    ------
    HistoryRowError
        With line and column of the first thing that cannot be read.
    """
    reader = LineReader(map_)
    grouped: dict[tuple[object, ...], list[Line]] = {}
    skipped: Counter[Skipped] = Counter()
    count = 0
    for count, (number, row) in enumerate(named_rows(rows, map_), start=1):
        if count > LINES_MAX:
            raise HistoryRowError(number, None, f"more than {LINES_MAX:,} rows: split the file")
        line = reader.read(number, row)
        if not isinstance(line, Line):
            skipped[line] += 1
            continue
        if line.time_ms > received_ms + FUTURE_TOLERANCE_MS:
            when = f"{rfc3339(line.time_ms)} is after the import ({rfc3339(received_ms)})"
            raise HistoryRowError(number, map_.columns.time, when)
        grouped.setdefault(_group(line, map_), []).append(line)
    documents = sorted(
        (_document(lines, map_) for lines in grouped.values()),
        key=lambda document: (document.time_ms, document.number),
    )
    return History(tuple(documents), _summary(count, documents, skipped))


def _group(line: Line, map_: ColumnMap) -> tuple[object, ...]:
    """What lines of one document share. Under one id, sold and given back are two documents."""
    if map_.row == "order":
        return (line.number,)
    return (line.order, line.cancellation, line.customer, line.refund)


def _document(lines: list[Line], map_: ColumnMap) -> Document:
    first = lines[0]
    for line in lines:
        if line.currency != first.currency:
            said = f"{line.currency}, but line {first.number} of the order says {first.currency}"
            raise HistoryRowError(line.number, map_.columns.currency, said)
    document = Document(
        number=first.number,
        time_ms=min(line.time_ms for line in lines),
        customer=first.customer,
        refund=first.refund,
        order=first.order,
        cancellation=first.cancellation,
        lines=tuple(lines),
    )
    if document.amount > AMOUNT_MAX:
        raise HistoryRowError(first.number, None, f"the order sums up to {document.amount:,}")
    return document


def _summary(rows: int, documents: list[Document], skipped: Counter[Skipped]) -> HistorySummary:
    sold = [document for document in documents if not document.refund]
    returned = [document for document in documents if document.refund]
    lines = [line for document in documents for line in document.lines]
    summary = HistorySummary(
        rows=rows,
        customers=len({document.customer for document in documents}),
        orders=len(sold),
        order_lines=sum(len(document.lines) for document in sold),
        refunds=len(returned),
        refund_lines=sum(len(document.lines) for document in returned),
        zero_orders=sum(document.amount == 0 for document in sold),
        zero_lines=sum(line.amount == 0 for line in lines),
        long_documents=sum(len(document.lines) > ITEMS_MAX for document in documents),
        skipped=dict(sorted(skipped.items())),
        revenue=_totals(sold),
        refunded=_totals(returned),
        first=rfc3339(documents[0].time_ms) if documents else None,
        last=rfc3339(documents[-1].time_ms) if documents else None,
    )
    found = summary.order_lines + summary.refund_lines + sum(skipped.values())
    assert rows == found, f"{rows} rows went in, {found} came out"
    return summary


def _totals(documents: list[Document]) -> dict[str, str]:
    totals: dict[str, Decimal] = {}
    for document in documents:
        code = document.currency or ""
        totals[code] = EXACT.add(totals.get(code, Decimal(0)), document.amount)
    return {code: f"{plain(total):f}" for code, total in sorted(totals.items())}
