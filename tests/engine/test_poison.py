"""A record that cannot be applied is undone with its batch, counted, and kept as it came."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from stream.engine.effects import (
    Effects,
    EngineStateError,
    StoredRecord,
    UnreadableVersionError,
)
from stream.events.records import PATH_MAX, Link, Merge, Tick, Version, encode_record
from stream.state.codec import pack
from stream.state.orders import SUM_MICROS_MAX
from tests.engine.lane import Lane, Turn, definitions, expect_counts_to_add_up, turn
from tests.state.shopping import DAY, HOUR, START_MS, added, order, page

QUIET = definitions(
    "name: quiet, enter: since(seen.last) >= 1 * HOUR",
    "name: rich, enter: percentile(orders.revenue) >= 0.9",
)
FORTUNE = 4_000_000_000_000  # twice as much does not fit a row


def broken_merge(at_ms: int) -> Merge:
    return Merge(source="x", state=b"\x01\xc1", time_ms=at_ms, received_ms=at_ms)


def state_of(lane: Lane) -> dict[str, Any]:
    """All that a batch can change."""
    engine = lane.engine
    keys = sorted(engine.store.packed)
    found = {
        "rows": {key: pack(engine.store.get(key)) for key in keys},
        "packed": dict(engine.store.packed),
        "members": dict(engine.members),
        "population": engine.days.histograms,
        "deltas": engine.decider.deltas,
        "contents": dict(engine.passage.contents),
        "clock": engine.clock_ms,
        "contexts": {n: (c.kind, c.name) for n, c in engine.timeline.contexts.items()},
    }
    return deepcopy(found)


@pytest.mark.parametrize(
    ("customer", "record", "reason"),
    [
        ("c", b"\xc1", "not_applicable"),
        ("c", b"", "not_applicable"),
        ("c", encode_record(page(START_MS))[:-1], "not_applicable"),
        ("c", broken_merge(START_MS), "not_applicable"),
        (None, page(START_MS), "not_applicable"),
        ("", page(START_MS), "not_applicable"),
        ("\0meta", page(START_MS), "not_applicable"),
    ],
)
def test_what_cannot_be_applied_is_a_dead_record_as_it_came(
    customer: str | None, record: Any, reason: str
):
    lane = Lane(QUIET)
    lane.put("d", page(START_MS))
    lane.put(customer, record)
    dead = lane.effects[-1].dead
    assert [(d.record, d.reason) for d in dead] == [(lane.log[-1], reason)]
    assert lane.counts().dead == 1
    assert list(lane.engine.store.keys()) == [b"d"]
    expect_counts_to_add_up(lane.counts())


def test_a_key_that_is_no_text_is_dead():
    lane = Lane(QUIET)
    lane.fold([StoredRecord(1, START_MS, b"\xff\xfe", encode_record(page(START_MS)))])
    assert lane.counts().dead == 1
    assert list(lane.engine.store.keys()) == []


def test_a_record_without_a_value_is_dead():
    lane = Lane(QUIET)
    lane.fold([StoredRecord(1, START_MS, b"c", None)])
    assert lane.counts().dead == 1


def test_a_path_that_is_too_long_is_dead_by_its_name():
    lane = Lane(QUIET)
    lane.put("a", Link(target="b", time_ms=START_MS, received_ms=START_MS))
    long = tuple(f"hop{n}" for n in range(PATH_MAX))
    lane.put("a", page(START_MS, path=long[:-1]))
    assert lane.counts().forwarded == 1
    lane.put("a", page(START_MS, path=long))
    assert lane.effects[-1].dead[0].reason == "path_too_long"


def test_an_amount_that_no_row_holds_is_dead_by_its_name():
    lane = Lane(QUIET)
    lane.put("c", order(START_MS, "1", FORTUNE))
    lane.put("c", order(START_MS + 1, "2", FORTUNE))
    assert lane.effects[-1].dead[0].reason == "amount_overflow"
    assert lane.row("c").orders.count == 1


def test_the_records_around_a_broken_one_are_applied():
    lane = Lane(QUIET)
    lane.put(
        "c", page(START_MS), b"\xc1", page(START_MS + 1), broken_merge(START_MS), page(START_MS + 2)
    )
    assert lane.row("c").sessions.pages == 3
    assert (lane.counts().applied, lane.counts().dead) == (3, 2)
    expect_counts_to_add_up(lane.counts())


def test_a_broken_record_does_not_fire_the_timers_that_were_due_by_it():
    """They fire with the next record that can be applied, and are told then."""
    lane = Lane(QUIET)
    lane.put("c", page(START_MS))
    assert lane.put("c", broken_merge(START_MS + 5 * HOUR)) == []
    assert lane.segments("c") == {}
    assert lane.put("c", page(START_MS + 6 * HOUR)) == [
        Turn("c", "quiet", True, START_MS + HOUR, "timer"),
        Turn("c", "quiet", False, START_MS + 6 * HOUR, "event"),
    ]


def test_a_broken_record_of_a_batch_does_not_fire_them_twice_either():
    lane = Lane(QUIET)
    lane.put("c", page(START_MS))
    changes = lane.put("c", broken_merge(START_MS + 5 * HOUR), page(START_MS + 6 * HOUR))
    assert [(t.segment, t.entered) for t in changes] == [("quiet", True), ("quiet", False)]


def test_a_timer_taken_off_the_queue_by_a_failed_batch_still_fires():
    lane = Lane(QUIET)
    lane.put("a", page(START_MS))
    lane.put("b", page(START_MS))
    tick = lane.record(None, Tick(clock_ms=START_MS + 2 * HOUR))
    changes = lane.fold([tick, lane.record("a", broken_merge(START_MS + 3 * HOUR))])
    assert {(t.customer, t.segment) for t in changes} == {("a", "quiet"), ("b", "quiet")}


def test_a_failed_batch_leaves_exactly_the_state_before_it():
    """Everything that a batch can touch is touched, and then its last record fails."""
    lane, twin = Lane(QUIET), Lane(QUIET)
    events = {"a": page(START_MS), "b": order(START_MS, "1", 50), "anon": page(START_MS + 1)}
    for each in (lane, twin):
        for customer, event in events.items():
            each.put(customer, event)
        each.tick(START_MS + 2)
    before = state_of(lane)
    records = [
        lane.record("a", order(START_MS + HOUR, "2", 70)),
        lane.record("new", added(START_MS + HOUR)),
        lane.record("anon", Link(target="b", time_ms=START_MS + HOUR, received_ms=START_MS)),
        lane.record(None, Tick(clock_ms=START_MS + 2 * DAY)),
        lane.record(None, Version(kind="definitions", name="v2", active_ms=START_MS + 2 * DAY,
                                  content=definitions("name: other, enter: cart.items > 0"))),
        lane.record("b", page(START_MS + 3 * DAY)),
    ]  # fmt: skip
    engine = lane.engine
    saved = (engine.days.histograms, dict(engine.passage.contents), dict(engine.members))
    part = engine.decider.effects = Effects()
    for record in records:
        engine._take(record, part)
    assert state_of(lane) != before
    engine._rollback(*saved)
    assert state_of(lane) == before
    assert [turn(c) for c in engine.fold(records).changes] == [
        turn(c) for c in twin.engine.fold(records).changes
    ]
    assert state_of(lane)["packed"] == state_of(twin)["packed"]


@pytest.mark.parametrize(
    ("kind", "content"), [("moods", b""), ("definitions", b"]"), ("clusters", b"no")]
)
def test_a_version_that_this_build_cannot_read_stops_it(kind: str, content: bytes):
    lane = Lane(definitions("name: seen, enter: sessions.count >= 1"))
    lane.put("c", page(START_MS))
    unreadable = Version(kind=kind, name="bad", active_ms=0, content=content)
    with pytest.raises(UnreadableVersionError, match=f"{kind} bad cannot be read by this build"):
        lane.put(None, unreadable)


def test_a_partition_whose_version_this_build_cannot_read_says_which_and_what_to_do():
    content = definitions("name: seen, enter: sessions.count >= 1")
    lane = Lane(content)
    lane.tick(START_MS)
    for key, value in lane.changelog.items():
        lane.changelog[key] = value.replace(b"sessions.count", b"sessions.cuont")
    says = "definitions [0-9a-f]+ cannot be read by this build .*cuont.*; run the build that"
    with pytest.raises(UnreadableVersionError, match=says):
        lane.restored()


def test_records_that_were_folded_before_are_refused():
    lane = Lane(QUIET)
    lane.put("c", page(START_MS))
    with pytest.raises(EngineStateError, match="was folded before"):
        lane.engine.fold(lane.log[-1:])


def test_rows_that_grow_too_large_in_a_merge_stop_nobody():
    """Money sums of five ids of one person, each as large as an order can be."""
    lane = Lane(QUIET)
    for n in range(5):
        lane.put(f"anon{n}", order(START_MS + n, str(n), FORTUNE))
        link = Link(target="u", time_ms=START_MS + 10 + n, received_ms=START_MS)
        lane.put(f"anon{n}", link)
        lane.deliver()
    lane.put("u", page(START_MS + HOUR))
    assert lane.row("u").orders.count == 5
    assert lane.row("u").orders.revenue_micros == SUM_MICROS_MAX
    assert lane.counts().dead == 0


def test_many_broken_bytes_cost_one_pass():
    lane = Lane(QUIET)
    lane.put("c", page(START_MS), *[b"\xc1"] * 3000, page(START_MS + 1))
    assert (lane.counts().dead, lane.counts().applied) == (3000, 2)


def test_a_condition_that_has_no_result_for_a_customer_kills_nothing():
    lane = Lane(definitions("name: big, enter: orders.items / orders.count > 2"))
    lane.put("c", page(START_MS))
    lane.tick(START_MS + DAY)
    assert lane.counts().dead == 0
    assert lane.engine.clock_ms == START_MS + DAY


def test_what_is_undone_again_and_again_leaves_no_timers_behind():
    lane = Lane(QUIET)
    lane.put("a", page(START_MS))
    pending = lane.engine.timers.pending
    for _ in range(20):
        lane.put("a", broken_merge(START_MS))
    assert lane.counts().dead == 20
    assert pending > 0
    assert lane.engine.timers.pending == pending
    assert Turn("a", "quiet", True, START_MS + HOUR, "timer") in lane.tick(START_MS + HOUR)
