"""The orders of two rows of one person, each number once."""

from __future__ import annotations

from stream.clock import NEVER_MS
from stream.state.orders import (
    ORDERS_MAX,
    SUM_MICROS_MAX,
    mature,
    recount_occasions,
    take_back,
    take_out,
)
from stream.state.row import Row
from stream.state.row_parts import Order, Orders
from stream.state.shed import shed

_SUMMED = (
    "count",
    "revenue_micros",
    "refunded_micros",
    "cancelled",
    "discounted",
    "items",
    "occasions",
    "matured",
    "matured_micros",
    "matured_refunded_micros",
    "foreign",
    "looked",
    "looked_ms",
    "full_price",
)


def merge_orders(row: Row, other: Row) -> None:
    """Orders of both; what either row was told of a common one holds.

    Sums, counts, first and last are exact, up to `SUM_MICROS_MAX`: a merge is never refused.
    Occasions and gaps are exact while all orders of both
    rows are still listed, and added up (two histories taken as interleaved at one point) after.
    """
    theirs = other.orders
    if theirs is None:
        return
    mine = row.orders
    if mine is None:
        row.orders = theirs
        return
    listed = not _has_shed(mine) and not _has_shed(theirs)
    if mine.currency and theirs.currency and mine.currency != theirs.currency:
        _exclude_money(theirs if theirs.first_ms >= mine.first_ms else mine)
    known = {order.number: order for order in mine.recent}
    for order in theirs.recent:
        twin = known.get(order.number)
        if twin is None:
            mine.recent.append(order)
        else:
            _join(mine, twin, theirs, order)
    mine.recent.sort(key=lambda order: (order.time_ms, order.number))
    for field in _SUMMED:
        total = getattr(mine, field) + getattr(theirs, field)
        setattr(mine, field, min(total, SUM_MICROS_MAX))
    later = theirs if theirs.last_ms > mine.last_ms else mine
    mine.last_gap_ms, mine.last_gap_ratio = later.last_gap_ms, later.last_gap_ratio
    mine.currency = mine.currency or theirs.currency
    firsts = [first for first in (mine.first, theirs.first) if first is not None]
    mine.first = min(firsts, key=lambda first: first.time_ms) if firsts else None
    mine.first_ms = min(mine.first_ms or NEVER_MS, theirs.first_ms or NEVER_MS) % NEVER_MS
    mine.last_ms = later.last_ms
    mine.occasion_ms = max(mine.occasion_ms, theirs.occasion_ms)
    if listed:
        standing = [order.time_ms for order in mine.recent if not order.cancelled] or [0]
        mine.first_ms, mine.last_ms = standing[0], standing[-1]
        recount_occasions(mine)
    while len(mine.recent) > ORDERS_MAX:
        oldest = mine.recent.pop(0)
        shed("orders")
        if not oldest.matured and not oldest.cancelled:
            mature(mine, oldest)


def _has_shed(orders: Orders) -> bool:
    return sum(not order.cancelled for order in orders.recent) < orders.count


def _join(mine: Orders, twin: Order, theirs: Orders, order: Order) -> None:
    """Let `twin` know what `order`, the same one in the other row, knows."""
    if order.cancelled:
        theirs.cancelled -= 1
        if not twin.cancelled:
            twin.cancelled = True
            mine.cancelled += 1
            take_out(mine, twin)
        return
    take_out(theirs, order)
    if not twin.cancelled:
        take_back(mine, twin, order.refunded_micros)


def _exclude_money(orders: Orders) -> None:
    """Count the orders and leave out their amounts, which are in another currency."""
    orders.foreign = orders.count
    orders.currency = None
    orders.revenue_micros = orders.refunded_micros = 0
    orders.matured_micros = orders.matured_refunded_micros = 0
    for order in orders.recent:
        order.revenue_micros = order.refunded_micros = 0
