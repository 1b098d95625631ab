"""A first event decides what deciding everything would, and asks little for it."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from stream.clock import DAY_MS, NEVER_MS
from stream.events.records import CustomerEvent
from stream.segments.first_event import first_event
from stream.segments.pack import Pack, load_pack
from stream.simulation.traffic import TrafficConfig, generate
from stream.state.codec import pack as packed
from stream.state.fold import ACTIVITY, BROWSE, ORDERS, PAST, SESSIONS, TIME, VISITS, fold
from stream.state.row import Row
from stream.state.windows import tally
from tests.bench.kinds import MIXED, UNTOUCHED
from tests.bench.offline import well_formed
from tests.bench.packs import pack_of
from tests.state.shopping import START_MS

BUILT_IN = files("stream.segments").joinpath("pack.yaml").read_bytes()
VISIT = ACTIVITY | SESSIONS | VISITS | PAST


def definitions(*conditions: str) -> Pack:
    """Definitions s0, s1, ... of these conditions."""
    lines = [f"  - {{name: s{n}, purpose: p, enter: {c!r}}}" for n, c in enumerate(conditions)]
    return load_pack("\n".join(["segments:", *lines]).encode())


def asked(pack: Pack, parts: int) -> set[str]:
    """The segments that are asked for at a first event of these parts."""
    first = first_event(pack.units, parts)
    if first.decide is None:
        return set()
    name = first.decide.__code__.co_filename
    return set(name.strip("<>").split("+"))


@pytest.fixture(scope="module")
def events() -> list[CustomerEvent]:
    """Some events of each type of the simulated shop."""
    config = TrafficConfig(customers=150, start_ms=START_MS, days=9)
    decoded = well_formed((event.value for event in generate(config)), None)
    seen: Counter[type] = Counter()
    found = []
    for one in decoded:
        if one.record is not None and seen[type(one.record)] < 40:
            seen[type(one.record)] += 1
            found.append(one.record)
    assert len(seen) >= 18
    return found


def decided(
    pack: Pack, event: CustomerEvent, thresholds: dict[str, int], *, all_of_it: bool
) -> tuple[Any, ...]:
    """The row after its first event, what was told, and when time turns something."""
    row = Row(time_ms=event.time_ms)
    parts = fold(row, event)
    parts |= pack.collect(row, event, event.time_ms)
    told = []

    def turned(_: Any, number: int, old: int, found: int, verdict: int) -> None:
        unit = pack.units[number]
        if verdict >= 0 if unit.exclusive else verdict > 0:
            told.append((number, old, found, verdict))
            row.segments[unit.clauses[verdict if unit.exclusive else 0].segment] = row.time_ms

    decide = None
    if all_of_it:
        row.bits, row.flip_ms = [0] * len(pack.units), NEVER_MS
        decide = pack.decide_everything
    else:
        decide = pack.decide_event(row, parts, thresholds)
        row.bits = row.bits or [0] * len(pack.units)
    flip_ms, flips = NEVER_MS, dict[int, int]()
    if decide is not None:
        flip_ms = decide(row, row.time_ms, thresholds, row.bits, flips, turned, None)
    return packed(row), told, flip_ms, flips


@pytest.mark.parametrize(
    "text",
    [
        BUILT_IN,
        pack_of(MIXED, 100, built_in=True),
        pack_of(UNTOUCHED, 100, built_in=True),
        pack_of(UNTOUCHED, 100, built_in=False),
    ],
    ids=["built-in", "mixed", "untouched", "alone"],
)
def test_a_first_event_decides_what_deciding_everything_would(text: bytes, events):
    pack = load_pack(text)
    key = next(iter(pack.measures))
    ranks = {"orders.revenue:0.9": 40_000_000, "sessions.pages:0.5": 1}
    since_long, since_now = START_MS - DAY_MS, START_MS + 30 * DAY_MS
    for thresholds in (
        {},
        ranks,
        {**ranks, "~" + key: since_long, "~": since_long},
        {"~" + key: since_now, "~": since_now},
    ):
        for event in events:
            everything = decided(pack, event, thresholds, all_of_it=True)
            assert decided(pack, event, thresholds, all_of_it=False) == everything, event


def test_what_the_event_does_not_touch_is_not_asked():
    pack = definitions("orders.count >= 1", "trait('area') == 'urban'", "sessions.count >= 1")
    assert asked(pack, VISIT) == {"s2"}
    assert asked(pack, VISIT | ORDERS) == {"s0", "s2"}
    assert asked(pack, BROWSE | TIME) == {"s2"}, "visits are never known beforehand"


def test_who_enters_because_nothing_happened_is_asked():
    pack = definitions("count(order_completed, within=9 * DAY) <= 0", "orders.count >= 1")
    assert asked(pack, VISIT) == {"s0"}


def test_a_segment_of_another_one_is_asked_where_that_one_is():
    pack = definitions(
        *("orders.count >= 1", "in_segment('s0') and cart.items <= 3"),
        *("sessions.count >= 1", "in_segment('s2')"),
    )
    assert asked(pack, VISIT) == {"s2", "s3"}
    assert asked(pack, VISIT | ORDERS) == {"s0", "s1", "s2", "s3"}


def test_a_percentile_and_the_calendar_are_always_asked():
    text = b"""
segments:
  - {name: top, purpose: p, enter: percentile(orders.revenue) >= 0.9}
  - {name: season, purpose: p, enter: orders.count >= 1, valid_from: 2026-11-01}
  - {name: agreed, purpose: p, enter: orders.count >= 1, needs: marketing}
"""
    assert asked(load_pack(text), VISIT) == {"top", "season", "agreed"}


def test_a_row_with_a_past_from_elsewhere_is_decided_as_a_whole():
    pack = definitions("count(order_refunded) >= 1", "sessions.count >= 1")
    row = Row(events=1, first_ms=START_MS)
    assert pack.decide_event(row, VISIT, {}) is not pack.decide_everything
    assert (row.bits, row.flip_ms) == ([1, 0], NEVER_MS)
    row = Row(events=1, first_ms=START_MS)
    row.windows[next(iter(pack.measures))] = tally(None, START_MS, 0, None)
    assert pack.decide_event(row, VISIT, {}) is pack.decide_everything


def test_a_customer_from_before_a_definition_is_decided_as_a_whole():
    pack = definitions("count(order_refunded) <= 0", "sessions.count >= 1")
    began = {"~" + next(iter(pack.measures)): START_MS, "~": START_MS}
    earlier, later = (Row(events=1, first_ms=START_MS + at_ms) for at_ms in (-1, 0))
    assert pack.decide_event(earlier, VISIT, began) is pack.decide_everything
    assert pack.decide_event(later, VISIT, began) is not pack.decide_everything


def test_a_customer_who_was_decided_before_is_asked_what_the_event_touches():
    pack = definitions("orders.count >= 1", "sessions.count >= 1")
    row = Row(events=2, bits=[1, 3], flip_ms=START_MS)
    assert pack.decide_event(row, VISIT, {}) is pack.decide_touched(VISIT)
    assert row.flip_ms == START_MS
    assert pack.decide_event(row, BROWSE, {}) is None


def test_without_definitions_nothing_is_decided():
    pack = load_pack(b"segments: []")
    assert pack.decide_event(Row(events=1, first_ms=START_MS), VISIT, {}) is None
