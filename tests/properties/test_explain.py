"""What is explained, against the engine on random histories: it is so, and comes true.

The engine lives the same history; then the suggested events are put into its log, or its clock is
ticked, and the turn must come at the millisecond that was named.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.clock import NEVER_MS
from stream.events import records as r
from stream.explain.explanation import Explanation, explain
from stream.segments.rules import CUSTOMER
from tests.engine.lane import BUILT_IN, SETTINGS, Lane, definitions
from tests.properties.test_conditions import conditions, readable
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    cancelled,
    checkout,
    identified,
    message,
    order,
    page,
    product,
    refunded,
    removed,
    search,
)

Deed = tuple[str, int, int]
"""What, with which number, how long after the one before."""

KINDS: dict[str, Callable[[int, int], r.CustomerEvent]] = {
    "page": lambda at, n: page(at),
    "search": lambda at, n: search(at, n % 2),
    "product": lambda at, n: product(at, f"p{n}"),
    "added": lambda at, n: added(at, f"p{n}", 1 + n % 2, 5 + n),
    "removed": lambda at, n: removed(at, f"p{n}", 1),
    "checkout": lambda at, n: checkout(at),
    "order": lambda at, n: order(at, f"o{at}", 10 * n),
    "cancelled": lambda at, n: cancelled(at, f"o{at}"),
    "refunded": lambda at, n: refunded(at, None, 3),
    "message": lambda at, n: message(at, ("sent", "opened", "clicked")[n % 3]),
    "identified": lambda at, n: identified(at, level=("gold", "tin")[n % 2], age=17 + n),
}

gaps = st.sampled_from([1, MINUTE, 20 * MINUTE, 45 * MINUTE, 3 * HOUR, DAY, 9 * DAY, 40 * DAY])
histories = st.lists(
    st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 4), gaps), min_size=2, max_size=25
)
after = st.sampled_from([0, 10 * MINUTE, 2 * HOUR, 3 * DAY, 35 * DAY])

MEASURED = definitions(
    "name: m1, enter: 'count(product_viewed, within=7 * DAY) >= 3'",
    "name: m2, enter: 'sum(order_completed.revenue, within=30 * DAY) >= 60', cooldown: 2 * DAY",
    "name: m3, enter: 'distinct(product_viewed.product) >= 2', min_stay: 1 * DAY",
    "name: m4, enter: 'count(order_completed, within=30 * DAY) < 2 and orders.count >= 1'",
    "name: m5, enter: 'sequence(product_added, then=not order_completed, within=2 * HOUR)'",
    'name: m6, enter: \'trait("age") >= 18 and trait("level") == "gold"\', reentry: once',
    "name: m7, enter: 'bought(\"p1\") or count(products_searched, where=results == 0) >= 2'",
    "name: m8, enter: 'since(last(product_viewed)) > 2 * DAY', exit: 'in_segment(\"m1\")'",
    "name: m9, enter: 'ratio_to_past(count(order_completed, within=30 * DAY)) < 0.6'",
)


def lived(content: bytes, history: list[Deed], *, edited: bool = False) -> tuple[Lane, int]:
    """An engine after a history, and the instant of its latest event."""
    lane = Lane(definitions("name: m0, enter: 'orders.count > 99'") if edited else content)
    now_ms = START_MS
    for number, (kind, value, gap_ms) in enumerate(history):
        if edited and number == len(history) // 2:
            lane.define(content, now_ms)
            lane.tick(now_ms)
        now_ms += gap_ms
        lane.put("a", KINDS[kind](now_ms, value))
    lane.thresholds(now_ms, p50=15, p85=60, p90=80)
    lane.tick(now_ms)
    return lane, now_ms


def branch(lane: Lane) -> Lane:
    """Another engine that stands where this one does, and goes its own way."""
    other = Lane(None)
    other.engine, other.log = lane.restored(), list(lane.log)
    return other


def said(lane: Lane, now_ms: int) -> Explanation:
    return explain(SETTINGS, lane.engine.timeline, b"a", lane.row("a"), now_ms)


def turned(lane: Lane, since: int) -> list[tuple[str, bool, int]]:
    """The turns of segments after so many changes."""
    told = [c for found in lane.effects for c in found.changes + found.shadow_changes]
    return [(c.segment, c.entered, c.time_ms) for c in told[since:] if c.segment != CUSTOMER]


def count(lane: Lane) -> int:
    return sum(len(found.changes) + len(found.shadow_changes) for found in lane.effects)


def check_verdicts(lane: Lane, found: Explanation, now_ms: int) -> None:
    """Memberships and truths are those that the engine itself has come to."""
    lane.tick(now_ms)
    row = lane.row("a")
    context = lane.engine.timeline.of(row.activation)
    assert context.pack is not None
    states = {state.segment: state for state in found.segments}
    assert {n: s.since_ms for n, s in states.items() if s.member} == row.segments
    for unit, bits in zip(context.pack.units, row.bits, strict=True):
        _, _, verdict = unit.evaluate(row, now_ms, context.thresholds)
        for position, clause in enumerate(unit.clauses):
            if clause.segment == CUSTOMER:
                assert found.is_customer is (CUSTOMER in row.shadows)
                continue
            state = states[clause.segment]
            if unit.exclusive:
                verdict_here = 0 if verdict < 0 else 1 if verdict == position else -1
                assert state.verdict == verdict_here
            else:
                assert state.verdict == verdict
            truths = {unit.texts[n]: {0: None, 1: False, 3: True}[bits >> 2 * n & 3]
                      for n in clause.leaves}  # fmt: skip
            assert {leaf.leaf: leaf.truth for leaf in state.leaves} == truths


def check_silence(content: bytes, history: list[Deed], found: Explanation, edited: bool) -> None:
    """What is told of silence happens to the millisecond, and nothing before it."""
    lane, _ = lived(content, history, edited=edited)
    lane.tick(found.now_ms)
    begun = count(lane)
    row = lane.row("a")
    expected = sorted({s.silent.at_ms for s in found.segments if s.silent is not None})
    for at_ms in expected:
        lane.tick(at_ms - 1)
        lane.tick(at_ms)
    first: dict[str, tuple[bool, int]] = {}
    for segment, entered, at_ms in turned(lane, begun):
        first.setdefault(segment, (entered, at_ms))
    told = {s.segment: (s.silent.entered, s.silent.at_ms) for s in found.segments if s.silent}
    assert first == told
    lane.tick(found.now_ms + 2_000 * DAY)
    never = {s.segment for s in found.segments if s.silent is None}
    assert never.isdisjoint(segment for segment, _, _ in turned(lane, begun))
    assert row.forward_to is None


def check_leaves(content: bytes, history: list[Deed], found: Explanation, edited: bool) -> None:
    """A comparison has another truth from the instant on that was named, and not before."""
    lane, _ = lived(content, history, edited=edited)
    turning: dict[int, list[tuple[str, str, bool | None]]] = {}
    for state in found.segments:
        for leaf in state.leaves:
            if leaf.turns_ms is not None:
                turning.setdefault(leaf.turns_ms, []).append((state.segment, leaf.leaf, leaf.truth))
    for at_ms in sorted(turning):
        for instant_ms, is_other in ((at_ms - 1, False), (at_ms, True)):
            lane.tick(instant_ms)
            now = {(s.segment, leaf.leaf): leaf.truth
                   for s in said(lane, instant_ms).segments for leaf in s.leaves}  # fmt: skip
            for segment, text, truth in turning[at_ms]:
                assert (now[segment, text] != truth) is is_other


def check_ways(content: bytes, history: list[Deed], found: Explanation, edited: bool) -> None:
    """The events that were named turn the segment, at the instant that was named."""
    trunk, _ = lived(content, history, edited=edited)
    trunk.tick(found.now_ms)
    for state in found.segments:
        for way in state.ways:
            lane = branch(trunk)
            begun = count(lane)
            for number, event in enumerate(way.events):
                new = msgspec.structs.replace(event, message_id=10**9 + number)
                lane.put("a", new)
            lane.tick(way.at_ms)
            turns = [turn for turn in turned(lane, begun) if turn[0] == state.segment]
            assert turns[:1] == [(state.segment, not state.member, way.at_ms)]


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, ">": operator.gt, "<": operator.lt, "<=": operator.le, "==": operator.eq,
}  # fmt: skip


def check_missing(found: Explanation) -> None:
    """With what is missing, a plain comparison has the other truth; with less of it, it has not."""
    for state in found.segments:
        for leaf in state.leaves:
            plain = re.fullmatch(r"[a-z_.]+ ([<>=]+) (-?[\d.]+)", leaf.leaf)
            if plain is None or leaf.missing is None:
                continue
            compare, limit = OPERATORS[plain[1]], float(plain[2])
            assert isinstance(leaf.value, int | float)
            assert compare(leaf.value, limit) is leaf.truth
            reached = leaf.value + leaf.missing
            step = 1 if leaf.unit == "count" else 1e-6
            sign = 1 if leaf.missing > 0 else -1
            beyond = reached if leaf.unit == "count" else reached + sign * step
            either = {compare(reached, limit), compare(beyond, limit)}
            assert (not leaf.truth) in either
            if leaf.missing:
                assert compare(reached - sign * step, limit) is leaf.truth


def check_all(content: bytes, history: list[Deed], after_ms: int, *, edited: bool = False) -> None:
    lane, latest_ms = lived(content, history, edited=edited)
    found = said(lane, latest_ms + after_ms)
    check_missing(found)
    check_silence(content, history, found, edited)
    check_ways(content, history, found, edited)
    check_verdicts(lane, found, found.now_ms)


usual = settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@given(histories, after)
@settings(usual, max_examples=12)
def test_the_built_in_pack_is_explained_as_it_is_decided(history, after_ms):
    check_all(BUILT_IN, history, after_ms)


@given(histories, after, st.booleans())
@usual
def test_measures_and_patience_are_explained_as_they_are_decided(history, after_ms, edited):
    check_all(MEASURED, history, after_ms, edited=edited)


@given(histories, after, st.booleans())
@settings(usual, max_examples=30)
def test_comparisons_turn_when_they_are_said_to(history, after_ms, edited):
    lane, latest_ms = lived(MEASURED, history, edited=edited)
    found = said(lane, latest_ms + after_ms)
    check_leaves(MEASURED, history, found, edited)


@given(
    st.lists(conditions.filter(readable), min_size=1, max_size=4),
    st.none() | conditions.filter(readable),
    histories,
    after,
)
@settings(usual, max_examples=100)
def test_any_conditions_are_explained_as_they_are_decided(texts, leave, history, after_ms):
    said_of = [{"name": f"s{n}", "purpose": "p", "enter": text} for n, text in enumerate(texts)]
    if leave is not None:
        said_of[0]["exit"] = leave
    named = [{"name": name, "purpose": "p", "enter": "orders.count >= 2"}
             for name in ("loyal", "other")]  # fmt: skip
    content = msgspec.json.encode({"settings": {"few": 3}, "segments": [*named, *said_of]})
    check_all(content, history, after_ms)


def test_something_is_confirmed_at_all():
    lane, now_ms = lived(BUILT_IN, [("product", 1, MINUTE), ("added", 1, MINUTE)])
    found = said(lane, now_ms)
    assert sum(len(state.ways) for state in found.segments) >= 5
    assert any(state.silent is not None for state in found.segments)
    assert all(way.at_ms < NEVER_MS for state in found.segments for way in state.ways)
