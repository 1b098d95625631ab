"""A million events of one customer: the row keeps its size, windows stay sharp, none costs more.

Every event goes the way of the engine (timers, dedupe, fold, measures) on one row; what the row
then says is compared with plain lists of all that happened. No time is measured: cost is lines of
Python run, and entries kept.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from random import Random
from types import FrameType
from typing import Any

import pytest

from stream.events import records as r
from stream.segments.pack import load_pack
from stream.state.codec import pack, unpack
from stream.state.dedupe import DEDUPE_IDS_MAX, is_duplicate, remember
from stream.state.fold import CHANNELS_MAX, deadline_ms, expire, fold
from stream.state.orders import ORDERS_MAX
from stream.state.room import DISTINCT_MAX, STEPS_MAX, bytes_max
from stream.state.row import Row
from stream.state.windows import BUCKETS_MAX, SPAN_BUCKETS_MAX, Buckets, Steps, Tally, Values
from tests.engine.lane import definitions
from tests.state.shopping import DAY, HOUR, MICROS, MINUTE, SECOND, START_MS

EVENTS = 1_000_000
CHECKS = 20
ROW_BYTES = 12 * 1024
"""What a row takes without measures, at most: state/row.py."""

WINDOWS = ((HOUR, 0, MINUTE), (7 * DAY, 14 * DAY, 3 * HOUR), (365 * DAY, 0, 7 * DAY))
"""Within, before, and the resolution that 64 buckets leave: the finest of the round ones of which
63 are as long as the window."""

ASKED = (
    *(
        f"count(product_viewed, within={within // SECOND} * SECOND"
        f"{f', before={before // SECOND} * SECOND' if before else ''}) >= 0"
        for within, before, _ in WINDOWS
    ),
    "sum(product_viewed.price, within=30 * DAY) >= 0",
    "sum(product_viewed.price) >= 0",
    "distinct(product_viewed.category, within=1 * HOUR) >= 0",
    "orders.count >= 0",
    "since(sequence(order_completed, then=product_viewed, within=1 * HOUR)) >= 0 * HOUR",
)
PACK = load_pack(definitions(*(f"name: s{n}, enter: '{said}'" for n, said in enumerate(ASKED))))
CATEGORIES = tuple(f"category {number}" for number in range(90))
ITEMS = tuple(
    r.Item(
        product_id=f"p{n}", sku=f"p{n}", price_micros=n * MICROS // 7, category=CATEGORIES[n % 90]
    )
    for n in range(500)
)


def happenings() -> Iterator[r.CustomerEvent]:
    """One a half minute, with nights; a tenth comes up to a minute late."""
    random = Random(11)
    choose, below = random.random, random.randrange
    now_ms = START_MS
    for number in range(EVENTS):
        now_ms += below(60 * SECOND) if number % 2_000 else 8 * HOUR
        draw = choose()
        time_ms = now_ms - below(MINUTE) if draw < 0.1 else now_ms
        channel = "web" if number % 3 else f"kiosk {number % 50}"
        head = (time_ms, number, now_ms, (), channel)
        kind = number % 100
        if kind < 70:
            yield r.ProductViewed(*head, ITEMS[below(500)])
        elif kind < 80:
            yield r.CartAdded(*head, ITEMS[below(500)])
        elif kind < 81:
            yield r.OrderCompleted(*head, order_id=f"o{number}", revenue_micros=5 * MICROS)
        elif kind < 90:
            yield r.Custom(*head, name="Ping", properties={"n": number})
        else:
            yield r.PageViewed(*head)


class Life:
    """The row of one customer, and plain lists of what it has seen."""

    def __init__(self) -> None:
        self.row = Row()
        self.views: list[tuple[int, int, str]] = []
        self.orders: list[int] = []

    def take(self, event: r.CustomerEvent) -> None:
        """What the engine does with an event, up to deciding."""
        row, time_ms = self.row, event.time_ms
        if deadline_ms(row) <= time_ms:
            expire(row, time_ms)
        assert not is_duplicate(row, event.message_id)
        row.time_ms = max(row.time_ms, time_ms)
        remember(row, event.message_id, time_ms)
        fold(row, event)
        PACK.collect(row, event, row.time_ms)

    def note(self, event: r.CustomerEvent) -> None:
        if isinstance(event, r.ProductViewed):
            item = event.item
            seen = (event.time_ms, item.price_micros or 0, item.category or "")
            insort(self.views, seen)
        elif isinstance(event, r.OrderCompleted):
            insort(self.orders, event.time_ms)

    def says(self) -> list[Any]:
        """The value of what each definition asks, now."""
        now_ms = self.row.time_ms
        return [unit.values(self.row, now_ms, {})[0] for unit in PACK.units]


def between(views: list[tuple[int, int, str]], low_ms: int, high_ms: int) -> slice:
    """Of those after `low_ms`, up to `high_ms`."""
    return slice(bisect_right(views, (low_ms, sys.maxsize)), bisect_left(views, (high_ms + 1,)))


def expected(life: Life) -> list[Any]:
    """The same by going through the lists: an event counts from the end of its bucket."""
    now_ms, views = life.row.time_ms, life.views
    found: list[Any] = []
    for within, before, step in WINDOWS:
        first_ms = (now_ms - within - before) // step * step - 1
        last_ms = (now_ms - before) // step * step - 1 if before else now_ms
        kept = between(views, first_ms, last_ms)
        found.append(kept.stop - kept.start)
        sharp = between(views, now_ms - within - before, now_ms - before)
        blurred = between(views, now_ms - within - before - step, now_ms - before)
        assert sharp.stop - sharp.start - (before > 0) * blurred.stop <= found[-1]
        if not before:
            assert found[-1] <= blurred.stop - blurred.start
    month = between(views, (now_ms - 30 * DAY) // (12 * HOUR) * 12 * HOUR - 1, now_ms)
    found.append(sum(price for _, price, _ in views[month]) / MICROS)
    found.append(sum(price for _, price, _ in views) / MICROS)
    latest: dict[str, int] = {}
    for time_ms, _, category in views[-20_000:]:
        latest[category] = time_ms // MINUTE
    inside = sum((bucket + 1) * MINUTE + HOUR > now_ms for bucket in latest.values())
    found += [min(inside, DISTINCT_MAX), len(life.orders)]
    done_ms = next(t for t, _, _ in reversed(views) if is_paired(life.orders, t))
    return [*found, (now_ms - done_ms) // 1000]


def is_paired(orders: list[int], time_ms: int) -> bool:
    """Whether there was an order in the hour before."""
    at = bisect_right(orders, time_ms)
    return at > 0 and orders[at - 1] >= time_ms - HOUR


def entries(row: Row) -> dict[str, int]:
    """How many entries the row keeps of each thing that could grow."""
    found = {"ids": len(row.ids or ()), "channels": len(row.channels)}
    found["orders"] = len(row.orders.recent) if row.orders else 0
    found["cart"] = len(row.cart.lines) if row.cart else 0
    for key, kept in row.windows.items():
        match kept:
            case Buckets():
                found[key] = len(kept.numbers)
            case Values():
                found[key] = len(kept.latest)
            case Steps():
                found[key] = len(kept.firsts) + len(kept.seconds)
            case Tally():
                found[key] = 1
    return found


def entries_max() -> dict[str, int]:
    found = {"ids": 2 * DEDUPE_IDS_MAX, "channels": CHANNELS_MAX, "orders": ORDERS_MAX, "cart": 50}
    for key, measure in PACK.measures.items():
        limits = {"values": DISTINCT_MAX, "steps": 2 * STEPS_MAX, "tally": 1}
        if measure.kind == "buckets":
            limits["buckets"] = SPAN_BUCKETS_MAX if measure.span.before_ms else BUCKETS_MAX + 1
        found[key] = limits[measure.kind]
    return found


def lines_run(life: Life, events: list[r.CustomerEvent]) -> int:
    """Lines and calls of Python that taking these events in runs."""
    count = 0

    def trace(frame: FrameType, what: str, about: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        for event in events:
            life.take(event)
    finally:
        sys.settrace(former)
    return count


@pytest.fixture(scope="module")
def lived() -> tuple[Life, list[dict[str, int]], list[int], list[int]]:
    """A life of a million events; at each check its entries, its bytes and its cost."""
    life, batch = Life(), []
    sizes: list[dict[str, int]] = []
    packed: list[int] = []
    cost: list[int] = []
    every = EVENTS // CHECKS
    for number, event in enumerate(happenings(), 1):
        life.note(event)
        if number % every >= every - 1_000 or number % every == 0:
            batch.append(event)
        else:
            life.take(event)
        if number % every == 0:
            cost.append(lines_run(life, batch))
            batch = []
            assert life.says() == pytest.approx(expected(life), abs=1e-6), number
            state = pack(life.row)
            assert pack(unpack(state)) == state
            packed.append(len(state))
            sizes.append(entries(life.row))
    return life, sizes, packed, cost


def test_windows_are_exact_to_their_resolution_after_a_million_events(lived):
    life, *_ = lived
    assert life.row.events == EVENTS
    assert life.says() == pytest.approx(expected(life), abs=1e-6)
    assert all(life.says()[:4])


def test_the_packed_row_stays_within_its_bound(lived):
    _, sizes, packed, _ = lived
    room = sum(
        bytes_max(m.kind, m.span.within_ms + m.span.before_ms, m.span.resolution_ms)
        for m in PACK.measures.values()
    )
    assert max(packed) <= ROW_BYTES + room
    assert max(packed[CHECKS // 2 :]) <= 1.02 * max(packed[: CHECKS // 2])
    limits = entries_max()
    for found in sizes:
        assert found.keys() == limits.keys()
        assert {name: n for name, n in found.items() if n > limits[name]} == {}


def test_an_event_costs_at_the_end_what_it_cost_at_the_beginning(lived):
    *_, cost = lived
    assert min(cost) > 1_000
    assert max(cost) <= 1.05 * min(cost)
