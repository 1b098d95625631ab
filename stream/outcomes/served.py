"""Who is served well: each segment as of the time of what happened, against the rest.

A visit counts for the segments that the customer was in when it began, and so do the orders made
in it and what comes back of them: else who starts to explore and then buys would have a visitor's
visit and an explorer's order. An order outside of any visit, in a store or on the phone, counts for
the segments of its moment, and in no rate of visits.
The rest is what all customers did outside of the segment: others, and the same customers before
they entered it and after they left.

Each figure is a ratio of sums over customers. Its uncertainty comes from customers, who are
independent, and not from visits, which are not: by linearisation (delta method), a customer weighs

    (over1 - r1 * under1) / sum(under1) - (over0 - r0 * under0) / sum(under0)

in the difference r1 - r0. As the report is looked at whenever one likes, the interval is the
always-valid one of `intervals`. A segment is no experiment: better says that its members are
served better, not that being in it did that.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Literal, NamedTuple

import msgspec

from stream.events.changes import SegmentChanged
from stream.events.records import (
    CustomerEvent,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    OrderUpdated,
    PageViewed,
    ProductViewed,
)
from stream.outcomes.attribution import is_opt_out
from stream.outcomes.intervals import EVENTS_MIN, GROUP_MIN, interval_of
from stream.outcomes.plan import amount_micros
from stream.outcomes.recent import Recent
from stream.outcomes.visits import MEASURES, Measure, Tally, Visit
from stream.segments.rules import CUSTOMER
from stream.state.fold import FOLDS, OFFLINE_CHANNELS, SESSIONS
from stream.state.orders import order_number
from stream.state.sessions import SESSION_GAP_MS

CUSTOMERS_MAX = 500_000
"""Customers with sums: about 250 bytes, and as much again for each segment they were in. Events of
further ones are counted as left out."""

ORDERS_MAX = 32
"""Orders of a customer that a return is looked for in, as in the row."""

Word = Literal["better", "worse", "like the rest", "higher", "lower", "too little data"]

EVERYBODY = ""
"""The segment of all customers, whose sums less a segment's are the rest's."""

_VISITING = frozenset(kind for kind, fold in FOLDS.items() if fold.parts & SESSIONS) - {
    OrderUpdated
}
"""What belongs to a visit, as in the customer's row; what the shop or the mail sends is none."""


class Figure(msgspec.Struct, frozen=True):
    """A measure of one segment, with the bounds of its difference to the rest.

    `customers` are those of the segment for whom there is something to divide by.
    """

    measure: str
    segment: float | None
    rest: float | None
    low: float | None
    high: float | None
    customers: int
    word: Word


class Served(msgspec.Struct, frozen=True):
    """How one segment is served."""

    segment: str
    customers: int
    visits: int
    figures: list[Figure]


class _Order(NamedTuple):
    """An order as it stands: whose segments it counts for, its lines, and what is not refunded."""

    segments: tuple[str, ...]
    record: OrderCompleted
    revenue_micros: int
    left_micros: int


class _Customer:
    __slots__ = ("counts", "orders", "segments", "tallies", "visit")

    def __init__(self, counts: bool) -> None:
        self.counts = counts
        self.segments: tuple[str, ...] = ()
        self.tallies: dict[str, Tally] = {}
        self.orders: dict[int, _Order] = {}
        self.visit: Visit | None = None


class ServiceReport:
    """Counts what customers did in each segment.

    Parameters
    ----------
    has_condition
        Whether the definitions say by `customer:` what counts as a customer. Then a visit counts
        where that held as it began, as told by the changes of the membership `CUSTOMER`.

    `left_out` counts events of customers beyond `CUSTOMERS_MAX`, `foreign` orders in another
    currency than the first, whose money is not added up.
    """

    def __init__(self, has_condition: bool = False) -> None:
        self.left_out = self.foreign = self.repeated = 0
        self.currency: str | None = None
        self._has_condition = has_condition
        self._customers: dict[str, _Customer] = {}
        self._messages = Recent()
        self._changes = Recent()

    # -- what happens ---------------------------------------------------------------------------

    def change(self, change: SegmentChanged) -> None:
        """Take a membership as it now is."""
        if not self._changes.is_news(change.id):
            self.repeated += 1
            return
        customer = self._customer(change.customer)
        if customer is None:
            return
        if change.segment == CUSTOMER:
            customer.counts = change.entered
        else:
            customer.segments = change.segments

    def event(self, customer: str, record: CustomerEvent) -> None:
        """Take a customer's event."""
        found = self._customer(customer)
        if found is None:
            return
        if not self._messages.is_news((customer, record.message_id)):
            self.repeated += 1
            return
        if is_of_visit(record):
            _visit(found, record)
        if isinstance(record, OrderCompleted):
            self._order(found, record)
        elif isinstance(record, OrderRefunded):
            self._refund(found, record)
        elif isinstance(record, OrderCancelled):
            _cancel(found, record)
        elif is_opt_out(record) and found.counts:
            for tally in _tallies(found, found.segments):
                tally.opted_out = 1

    def merged(self, source: str, target: str) -> None:
        """Two ids are one customer."""
        theirs = self._customers.pop(source, None)
        if theirs is None:
            return
        mine = self._customers.get(target)
        if mine is None:
            self._customers[target] = theirs
            theirs.segments, theirs.counts = (), not self._has_condition
            return
        if theirs.visit is not None and mine.visit is not None:
            _end(theirs, theirs.visit)
        else:
            mine.visit = mine.visit or theirs.visit
        for segment, tally in theirs.tallies.items():
            _tally(mine, segment).add(tally)
        for number, order in theirs.orders.items():
            mine.orders.setdefault(number, order)

    def advance(self, time_ms: int) -> None:
        """Time ends no visit by itself: the next event does, or the report."""

    def _customer(self, name: str) -> _Customer | None:
        found = self._customers.get(name)
        if found is None:
            if len(self._customers) >= CUSTOMERS_MAX:
                self.left_out += 1
                return None
            found = self._customers[name] = _Customer(counts=not self._has_condition)
        return found

    def _order(self, customer: _Customer, record: OrderCompleted) -> None:
        number = order_number(record.order_id, record.message_id)
        visit, segments, counts = customer.visit, customer.segments, customer.counts
        if visit is not None and is_of_visit(record):
            segments, counts = visit.segments, visit.is_customer
        if number in customer.orders or not counts:
            return
        revenue_micros = record.revenue_micros
        if revenue_micros is None:
            revenue_micros = amount_micros(record)
        if record.currency is not None:
            self.currency = self.currency or record.currency
            if record.currency != self.currency:
                self.foreign += 1
                return
        if len(customer.orders) >= ORDERS_MAX:
            del customer.orders[next(iter(customer.orders))]
        customer.orders[number] = _Order(segments, record, revenue_micros, revenue_micros)
        for tally in _tallies(customer, segments):
            tally.order(record, revenue_micros)

    def _refund(self, customer: _Customer, record: OrderRefunded) -> None:
        if record.order_id is None:
            return
        number = order_number(record.order_id, record.message_id)
        order = customer.orders.get(number)
        if order is None:
            return
        amount = record.refund_micros
        if amount is None and record.items:
            amount = amount_micros(record)
        taken = order.left_micros if amount is None else min(amount, order.left_micros)
        customer.orders[number] = order._replace(left_micros=order.left_micros - taken)
        for tally in _tallies(customer, order.segments):
            tally.refunded_micros += taken

    # -- the report -----------------------------------------------------------------------------

    def report(self, segments: Iterable[str] | None = None) -> list[Served]:
        """Every segment that a customer was in, or those named; O(customers x segments).

        Visits that are open count as they stand.
        """
        for customer in self._customers.values():
            if customer.visit is not None:
                _end(customer, customer.visit)
                customer.visit = None
        if segments is None:
            seen = {name for c in self._customers.values() for name in c.tallies}
            segments = sorted(seen - {EVERYBODY})
        return [self._served(segment) for segment in segments]

    def _served(self, segment: str) -> Served:
        pairs = [
            (customer.tallies.get(segment), customer.tallies[EVERYBODY])
            for customer in self._customers.values()
            if EVERYBODY in customer.tallies
        ]
        members = [mine for mine, _ in pairs if mine is not None]
        return Served(
            segment=segment,
            customers=len(members),
            visits=sum(tally.visits for tally in members),
            figures=[_figure(measure, pairs) for measure in MEASURES],
        )


def is_of_visit(record: CustomerEvent) -> bool:
    """Whether an event is part of a visit: what happens in a store or on the phone is not."""
    return type(record) in _VISITING and record.channel not in OFFLINE_CHANNELS


def _visit(customer: _Customer, record: CustomerEvent) -> None:
    """Let an event be part of the open visit, or begin one."""
    visit, time_ms = customer.visit, record.time_ms
    if visit is None or time_ms - visit.last_ms >= SESSION_GAP_MS:
        if visit is not None:
            _end(customer, visit)
        visit = customer.visit = Visit(time_ms, customer.segments, customer.counts)
    visit.last_ms = max(visit.last_ms, time_ms)
    visit.pages += isinstance(record, PageViewed | ProductViewed)
    visit.bought |= isinstance(record, OrderCompleted)


def _tally(customer: _Customer, segment: str) -> Tally:
    tally = customer.tallies.get(segment)
    if tally is None:
        tally = customer.tallies[segment] = Tally()
    return tally


def _tallies(customer: _Customer, segments: Iterable[str]) -> list[Tally]:
    return [_tally(customer, segment) for segment in (EVERYBODY, *segments)]


def _end(customer: _Customer, visit: Visit) -> None:
    if visit.is_customer:
        for tally in _tallies(customer, visit.segments):
            tally.visit(visit)


def _cancel(customer: _Customer, record: OrderCancelled) -> None:
    """Take an order out as if it had not been; its visit has still led to one."""
    number = order_number(record.order_id, record.message_id)
    order = customer.orders.pop(number, None)
    if order is not None:
        for tally in _tallies(customer, order.segments):
            tally.order(order.record, order.revenue_micros, sign=-1)
            tally.refunded_micros -= order.revenue_micros - order.left_micros


def _figure(measure: Measure, pairs: list[tuple[Tally | None, Tally]]) -> Figure:
    """One measure of a segment and of the rest, in three sums over the customers."""
    values: list[tuple[int, int, int, int]] = []
    for mine, everybody in pairs:
        under = getattr(everybody, measure.under)
        over = getattr(everybody, measure.over)
        if mine is None:
            values.append((0, 0, over, under))
        else:
            in_over, in_under = getattr(mine, measure.over), getattr(mine, measure.under)
            if measure.under == "present":
                # Who is a member is not of the rest as well, or both would be divided by the same.
                values.append((in_over, 1, 0, 0))
            else:
                values.append((in_over, in_under, over - in_over, under - in_under))
    sums = [sum(column) for column in zip(*values, strict=True)] if values else [0] * 4
    customers = sum(value[1] != 0 for value in values)
    others = sum(value[3] != 0 for value in values)
    inside = sums[0] / sums[1] if sums[1] > 0 else None
    outside = sums[2] / sums[3] if sums[3] > 0 else None
    low = high = None
    if inside is not None and outside is not None and _is_enough(values, customers, others):
        square = 0.0
        for in_over, in_under, out_over, out_under in values:
            weight = (in_over - inside * in_under) / sums[1]
            weight -= (out_over - outside * out_under) / sums[3]
            square += weight * weight
        count = sum(value[1] != 0 or value[3] != 0 for value in values)
        interval = interval_of(inside - outside, sqrt(square), count)
        low, high = interval.low / measure.unit, interval.high / measure.unit
    return Figure(
        measure=measure.name,
        segment=None if inside is None else round(inside / measure.unit, 6),
        rest=None if outside is None else round(outside / measure.unit, 6),
        low=None if low is None else round(low, 6),
        high=None if high is None else round(high, 6),
        customers=customers,
        word=_word(measure, low, high),
    )


def _is_enough(values: list[tuple[int, int, int, int]], customers: int, others: int) -> bool:
    """As for lift: customers on both sides, and some of them with something to count."""
    active = sum(value[0] != 0 or value[2] != 0 for value in values)
    return min(customers, others) >= GROUP_MIN and active >= EVENTS_MIN


def _word(measure: Measure, low: float | None, high: float | None) -> Word:
    if low is None or high is None:
        return "too little data"
    if low <= 0 <= high:
        return "like the rest"
    if measure.more_is_better is None:
        return "higher" if low > 0 else "lower"
    return "better" if (low > 0) == measure.more_is_better else "worse"
