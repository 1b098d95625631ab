"""Exposures and what came of them, per segment, variant and horizon.

An exposure is a change `entered` on which the action would act: neither historic nor initial, with
an action, or in its control group. It opens a window per horizon: the definition's own `within`,
3, 30 and 90 days. While one is open, entering again opens no further one; afterwards it does, but
only a customer's first counts in the intervals, since the later ones are not independent of it.

Within a window the definition's success event is the conversion, strictly after the exposure: the
order that made somebody a new customer is no success of greeting them. Revenue is that of the
window's orders; what is refunded or cancelled of them is taken off, also after the window's end.
The guardrail is who unsubscribed, complained, bounced or withdrew consent to marketing within it.

Feed events and changes in the order of time, an event before the changes that it caused. An event
that comes late still counts in the window that its time falls in, until `REVISED_MS` after its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from typing import cast

import msgspec
from xxhash import xxh3_64_intdigest

from stream.clock import DAY_MS
from stream.events.changes import SegmentChanged
from stream.events.records import (
    ConsentChanged,
    CustomerEvent,
    MessageResponded,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
)
from stream.outcomes.assignment import Assignment, Holdout
from stream.outcomes.order_book import OrderBook
from stream.outcomes.plan import Draw, Plan, programme_plan, value_micros
from stream.outcomes.recent import Recent
from stream.outcomes.windows import Cell, Window

REVISED_MS = 30 * DAY_MS
"""How long after its end a window is still revised: a refund takes weeks (orders mature in 30
days), a late event hours."""

WINDOWS_MAX = 1_000_000
"""Windows that are open or still revised: about 400 bytes each with what they stand in. At the
longest horizon that is 120 days of 2,000 exposures a day with four horizons."""

CUSTOMERS_MAX = 2_000_000
"""Customers of segments that are known to have had their first window: 60 bytes each."""

BYSTANDERS_MAX = 100_000
"""Customers without a window whose latest orders are known: an update of an order from before the
exposure is no new order, and who orders as a guest and then logs in did order. 500 bytes each."""

OPT_OUTS = frozenset({"unsubscribed", "marked_spam", "bounced"})

MARKETING = "/marketing"
"""What a consent event calls marketing on every channel."""

CellKey = tuple[str, int, str | None, str | None]
"""Segment, horizon in ms, control group, variant."""

_ORDERS = (OrderCompleted, OrderCancelled, OrderRefunded)


def is_opt_out(record: CustomerEvent) -> bool:
    """Whether a customer does not want to be spoken to any more, or cannot be."""
    if isinstance(record, MessageResponded):
        return record.action in OPT_OUTS
    return isinstance(record, ConsentChanged) and record.preferences.get(MARKETING) is False


def group_of(change: SegmentChanged, plan: Plan, draw: Draw) -> Assignment:
    """The control group and variant of a change, as it says or as the draw has it."""
    if draw.stamped:
        return Assignment(cast("Holdout | None", change.holdout), change.variant)
    return plan.assignment(change.customer, draw)


class _Person:
    __slots__ = ("book", "windows")

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.book = OrderBook()


class Attribution:
    """Counts exposures and outcomes; `lift_of` makes the table of its cells.

    skipped    changes that do not act: historic or initial
    repeated   changes and events that were told before
    left_out   exposures that did not fit `WINDOWS_MAX`, or customers beyond `CUSTOMERS_MAX`
    foreign    orders in another currency than the first; they convert, without money
    """

    def __init__(self, plans: Mapping[str, Plan], draw: Draw) -> None:
        self.plans = plans
        self.draw = draw
        self.cells: dict[CellKey, Cell] = {}
        self.currency: str | None = None
        self.skipped = self.repeated = self.left_out = self.foreign = 0
        self._programme = programme_plan()
        self._people: dict[str, _Person] = {}
        self._first: set[int] = set()
        self._due: list[tuple[int, int, Window]] = []
        self._number = 0
        self._windows = 0
        self._changes = Recent()
        self._messages = Recent()
        self._bystanders: dict[str, _Person] = {}

    # -- what happens ---------------------------------------------------------------------------

    def change(self, change: SegmentChanged) -> None:
        """Take a segment change; the customer's exposure, if it is one."""
        self.advance(change.time_ms)
        plan = self.plans.get(change.segment)
        if plan is None or not plan.is_enabled or not change.entered:
            return
        # Of those left alone, too, only who could have been addressed: else groups would differ.
        if change.withheld is not None or not (change.action or change.control):
            return
        if change.historic or change.initial:
            self.skipped += 1
            return
        if not self._changes.is_news(change.id):
            self.repeated += 1
            return
        group = group_of(change, plan, self.draw)
        self._expose(change.customer, plan, group, change.time_ms)
        if self.draw.global_share > 0:
            holdout = group.holdout if group.holdout == "global" else None
            self._expose(
                change.customer, self._programme, Assignment(holdout, None), change.time_ms
            )

    def event(self, customer: str, record: CustomerEvent) -> None:
        """Take a customer's event; of those who were not exposed, the orders are remembered."""
        self.advance(record.time_ms)
        is_order = isinstance(record, _ORDERS)
        person = self._people.get(customer)
        if person is None:
            if not is_order:
                return
            person = self._bystander(customer)
        if not (
            is_order or is_opt_out(record) or any(w.plan.is_success(record) for w in person.windows)
        ):
            return
        if not self._messages.is_news((customer, record.message_id)):
            self.repeated += 1
            return
        if is_order:
            self._order(person, record)
        elif is_opt_out(record):
            for window in person.windows:
                if window.holds(record.time_ms):
                    window.count(0, 0, opted_out=1)
        self._success(person, record)

    def merged(self, source: str, target: str) -> None:
        """Two ids are one customer: the earlier exposure stands, with its group.

        Orders that either of them placed since it was exposed count for both.
        """
        theirs = self._people.pop(source, None) or self._bystanders.pop(source, None)
        if theirs is None:
            return
        mine = self._people.get(target) or self._bystander(target)
        self._adopt(theirs.windows, mine.windows, target)
        _share_orders(mine, theirs)
        _share_orders(theirs, mine)
        mine.book.merge(theirs.book)
        kept = sorted((*mine.windows, *theirs.windows), key=lambda w: w.start_ms)
        mine.windows = []
        first: set[tuple[str, int]] = set()
        for window in kept:
            if (window.plan.segment, window.horizon_ms) in first:
                window.demote()
            first.add((window.plan.segment, window.horizon_ms))
            if not window.settled and _is_open(
                mine, window.plan, window.horizon_ms, window.start_ms
            ):
                window.withdraw()
                self._windows -= 1
            else:
                mine.windows.append(window)
        if mine.windows:
            self._bystanders.pop(target, None)
            self._people[target] = mine

    def advance(self, time_ms: int) -> None:
        """Let time pass: windows that have ended join their sums, old ones go."""
        due = self._due
        while due and due[0][0] < time_ms:
            due_ms, _, window = heappop(due)
            if window.withdrawn:
                continue
            if not window.settled:
                window.settle()
                self._push(due_ms + REVISED_MS, window)
            else:
                self._drop(window)

    # -- what follows from it --------------------------------------------------------------------

    def _expose(self, customer: str, plan: Plan, group: Assignment, time_ms: int) -> None:
        if plan.event is None:
            return
        person = self._people.get(customer)
        horizons = [
            h for h in plan.horizons_ms if person is None or not _is_open(person, plan, h, time_ms)
        ]
        if not horizons:
            return
        if self._windows + len(horizons) > WINDOWS_MAX:
            self.left_out += 1
            return
        if person is None:
            person = self._people[customer] = self._bystander(customer)
            del self._bystanders[customer]
        is_first = self._is_first(plan.segment, customer)
        for horizon_ms in horizons:
            key = (plan.segment, horizon_ms, group.holdout, group.variant)
            cell = self.cells.get(key)
            if cell is None:
                cell = self.cells[key] = Cell()
            window = Window(customer, plan, cell, (time_ms, horizon_ms), is_first)
            person.windows.append(window)
            self._windows += 1
            self._push(window.end_ms, window)

    def _bystander(self, customer: str) -> _Person:
        """Somebody without a window, whose orders may belong to one under another id."""
        person = self._bystanders.get(customer)
        if person is None:
            if len(self._bystanders) >= BYSTANDERS_MAX:
                del self._bystanders[next(iter(self._bystanders))]
            person = self._bystanders[customer] = _Person()
        return person

    def _is_first(self, segment: str, customer: str) -> bool:
        number = xxh3_64_intdigest(f"{segment}\0{customer}".encode())
        if number in self._first:
            return False
        if len(self._first) >= CUSTOMERS_MAX:
            self.left_out += 1
            return False
        self._first.add(number)
        return True

    def _adopt(self, windows: list[Window], known: list[Window], customer: str) -> None:
        """Let windows be a customer's, who may have had the first one long ago: it is gone then."""
        there = {(window.plan.segment, window.horizon_ms) for window in known}
        segments = {window.plan.segment for window in windows}
        had = {segment for segment in segments if not self._is_first(segment, customer)}
        for window in windows:
            window.customer = customer
            segment = window.plan.segment
            if segment in had and (segment, window.horizon_ms) not in there:
                window.demote()

    def _order(self, person: _Person, record: CustomerEvent) -> None:
        if isinstance(record, OrderCompleted) and record.currency is not None:
            self.currency = self.currency or record.currency
            if record.currency != self.currency:
                self.foreign += 1
                record = msgspec.structs.replace(record, revenue_micros=0)
        step = person.book.take(record)
        if step is None:
            return
        for window in person.windows:
            if window.plan.is_of_orders and window.holds(step.time_ms):
                window.count(step.orders, step.micros if window.plan.has_value else 0)

    def _success(self, person: _Person, record: CustomerEvent) -> None:
        for window in person.windows:
            plan = window.plan
            if plan.is_of_orders or not window.holds(record.time_ms):
                continue
            if plan.is_success(record):
                window.count(1, value_micros(record) if plan.has_value else 0)

    def _push(self, due_ms: int, window: Window) -> None:
        self._number += 1
        heappush(self._due, (due_ms, self._number, window))

    def _drop(self, window: Window) -> None:
        self._windows -= 1
        person = self._people[window.customer]
        person.windows.remove(window)
        if not person.windows:
            del self._people[window.customer]


def _share_orders(source: _Person, target: _Person) -> None:
    """Let the orders of one count in the windows of the other, as far as it does not know them."""
    for step in source.book.steps_beyond(target.book):
        for window in target.windows:
            if window.plan.is_of_orders and window.holds(step.time_ms):
                window.count(step.orders, step.micros if window.plan.has_value else 0)


def _is_open(person: _Person, plan: Plan, horizon_ms: int, time_ms: int) -> bool:
    """Whether the customer has a window of this segment and horizon at that time."""
    return any(
        window.plan.segment == plan.segment
        and window.horizon_ms == horizon_ms
        and window.start_ms <= time_ms <= window.end_ms
        for window in person.windows
    )
