"""Who sends more than a person can is held apart by its own log, and nobody else is."""

from __future__ import annotations

import pytest

from stream.engine.context import QUARANTINE
from stream.engine.effects import StoredRecord
from stream.engine.partition import PartitionEngine
from stream.events.records import Link, Tick, encode_record
from stream.segments.pack import load_pack
from stream.segments.source import DefinitionError
from tests.engine.lane import SETTINGS, Lane, Turn, definitions, expect_counts_to_add_up
from tests.state.shopping import DAY, HOUR, MINUTE, SECOND, START_MS, order, page

CONTENT = definitions("name: buyer, enter: orders.count >= 1")
GENERATION = 512
"""Ids within a day after which a customer's pace is watched (state/dedupe.py)."""

USUAL = 600
"""Events a minute, which may come."""


def burst(lane: Lane, customer: str, count: int, from_ms: int, within_ms: int) -> None:
    """So many page views of a customer, evenly within a time."""
    lane.put(customer, *(page(from_ms + n * within_ms // count) for n in range(count)))


def watched(lane: Lane, customer: str = "bot") -> int:
    """A customer with many events on a day, as many as are watched from then on; now."""
    burst(lane, customer, GENERATION, START_MS, 8 * HOUR)
    return START_MS + 9 * HOUR


def test_more_events_than_a_person_makes_hold_a_customer_and_it_is_told():
    lane = Lane(CONTENT)
    now_ms = watched(lane)
    burst(lane, "bot", USUAL + 400, now_ms, 50 * SECOND)
    begun_ms = now_ms + USUAL * 50
    assert lane.turns == [Turn("bot", QUARANTINE, True, begun_ms, "event")]
    change = lane.changes[0]
    assert change.evidence[0].value == USUAL + 1
    assert change.next_flip_ms == begun_ms + HOUR
    counts = lane.counts()
    # The one that was too many is applied, those after it are not.
    assert counts.applied == GENERATION + USUAL + 1
    assert counts.quarantined == 399
    expect_counts_to_add_up(counts)
    assert lane.engine.members[QUARANTINE] == 1


def test_as_many_as_allowed_hold_nobody():
    lane = Lane(CONTENT)
    now_ms = watched(lane)
    for minute in range(5):
        burst(lane, "bot", USUAL, now_ms + minute * MINUTE, MINUTE)
    assert lane.turns == []
    assert lane.counts().quarantined == 0


def test_memberships_stay_and_the_others_are_served():
    lane = Lane(CONTENT)
    lane.put("bot", order(START_MS, "1"))
    now_ms = watched(lane)
    burst(lane, "bot", 2 * USUAL, now_ms, 30 * SECOND)
    lane.put("other", order(now_ms + MINUTE, "2"))
    lane.put("bot", order(now_ms + MINUTE, "3"))
    assert set(lane.segments("bot")) == {"buyer", QUARANTINE}
    assert lane.row("bot").orders.count == 1
    assert "buyer" in lane.segments("other")


def test_it_ends_by_itself_at_its_instant():
    lane = Lane(CONTENT)
    now_ms = watched(lane)
    burst(lane, "bot", 2 * USUAL, now_ms, 30 * SECOND)
    begun_ms = lane.turns[-1].time_ms
    assert lane.tick(begun_ms + HOUR - 1) == []
    assert lane.tick(begun_ms + HOUR) == [Turn("bot", QUARANTINE, False, begun_ms + HOUR, "timer")]
    lane.put("bot", order(begun_ms + HOUR, "1"))
    assert "buyer" in lane.segments("bot")


def test_an_event_after_its_end_comes_after_its_end_without_a_tick():
    lane = Lane(CONTENT)
    now_ms = watched(lane)
    burst(lane, "bot", 2 * USUAL, now_ms, 30 * SECOND)
    begun_ms = lane.turns[-1].time_ms
    assert lane.put("bot", order(begun_ms + HOUR, "1")) == [
        Turn("bot", QUARANTINE, False, begun_ms + HOUR, "timer"),
        Turn("bot", "buyer", True, begun_ms + HOUR, "event"),
    ]


def test_who_goes_on_is_held_again_within_a_minute():
    lane = Lane(CONTENT)
    now_ms = watched(lane)
    for hour in range(3):
        for minute in range(60):
            burst(lane, "bot", 800, now_ms + hour * HOUR + minute * MINUTE, MINUTE)
    counts = lane.counts()
    assert sum(turn.entered for turn in lane.turns) == 3
    assert counts.quarantined > 0.98 * counts.consumed
    expect_counts_to_add_up(counts)


def test_a_device_that_was_offline_is_not_held():
    """A week's events come late and at once: of the minute in which they come none is."""
    lane = Lane(CONTENT)
    now_ms = watched(lane)
    lane.put("bot", page(now_ms + 7 * DAY))
    burst(lane, "bot", 5_000, now_ms, 6 * DAY)
    assert lane.turns == []
    assert lane.counts().late == 5_000


def test_two_rows_of_one_person_make_nobody_fast():
    lane = Lane(CONTENT)
    now_ms = watched(lane, "u")
    burst(lane, "anon", 500, now_ms, 20 * HOUR)
    lane.put("u", page(now_ms + 20 * HOUR))
    at_ms = now_ms + 20 * HOUR + SECOND
    lane.put("anon", Link(target="u", time_ms=at_ms, received_ms=at_ms))
    lane.deliver()
    burst(lane, "u", 500, at_ms, 58 * SECOND)
    assert lane.turns == []


def test_who_is_merged_away_leaves():
    lane = Lane(CONTENT)
    now_ms = watched(lane)
    burst(lane, "bot", 2 * USUAL, now_ms, 30 * SECOND)
    at_ms = now_ms + MINUTE
    lane.put("bot", Link(target="u", time_ms=at_ms, received_ms=at_ms))
    lane.deliver()
    assert lane.turns[-1] == Turn("bot", QUARANTINE, False, at_ms, "merge")
    assert lane.segments("u") == {}
    lane.put("bot", page(at_ms + SECOND))
    assert lane.counts().forwarded == 1


def test_other_definitions_do_not_end_it_and_their_limit_counts_from_then_on():
    lane = Lane(CONTENT)
    now_ms = watched(lane)
    burst(lane, "bot", 2 * USUAL, now_ms, 30 * SECOND)
    lane.define(CONTENT + b"\nquarantine: {events_per_minute: 60, hold: 2 * HOUR}", now_ms + MINUTE)
    lane.tick(now_ms + 2 * MINUTE)
    assert QUARANTINE in lane.segments("bot")
    lane.tick(now_ms + 2 * HOUR)
    burst(lane, "bot", 61, now_ms + 3 * HOUR, 30 * SECOND)
    assert lane.turns[-1].entered
    assert lane.changes[-1].next_flip_ms == lane.turns[-1].time_ms + 2 * HOUR


def test_a_limit_of_0_holds_nobody():
    lane = Lane(CONTENT + b"\nquarantine: {events_per_minute: 0}")
    now_ms = watched(lane)
    burst(lane, "bot", 5_000, now_ms, 30 * SECOND)
    assert lane.turns == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"quarantine: {hold: 3}", "quarantine.hold"),
        (b"quarantine: {hold: 1 * SECOND}", "quarantine.hold"),
        (b"quarantine: {events_per_minute: -1}", "quarantine.events_per_minute"),
        (b"quarantine: {events_a_minute: 1}", "did you mean events_per_minute"),
    ],
)
def test_a_limit_that_does_not_read_is_refused_by_its_place(text: bytes, problem: str):
    with pytest.raises(DefinitionError, match=problem):
        load_pack(CONTENT + b"\n" + text)


def test_a_segment_cannot_have_its_name():
    with pytest.raises(DefinitionError, match=r"not cluster:\.\.\. or quarantine"):
        load_pack(definitions("name: 'quarantine:rate', enter: orders.count >= 1"))


@pytest.mark.parametrize("batch", [1, 7, 100, 5_000])
def test_batches_and_restores_decide_nothing(batch: int):
    """Cut anywhere, and begun anew from the changelog at each cut: the same changes and rows."""
    whole = Lane(CONTENT)
    now_ms = watched(whole)
    burst(whole, "bot", 1_500, now_ms, 90 * SECOND)
    whole.put(None, Tick(clock_ms=now_ms + 2 * HOUR))
    burst(whole, "bot", 1_500, now_ms + 2 * HOUR, 90 * SECOND)
    expected = [change.id for change in whole.changes]
    assert len(expected) == 3

    records = whole.log
    engine = PartitionEngine(0, SETTINGS)
    changelog: dict[bytes, bytes] = {}
    found: list[str] = []
    restore_each = max(1, len(records) // batch // 5)
    for number, at in enumerate(range(0, len(records), batch)):
        effects = engine.fold(records[at : at + batch])
        found += [change.id for change in effects.changes]
        changelog.update({k: v for k, v in effects.rows.items() if v is not None})
        if number % restore_each == 0:
            engine = PartitionEngine(0, SETTINGS)
            for key, value in changelog.items():
                engine.restore(key, value)
            engine.restored()
    assert found == expected
    assert engine.store.packed == whole.engine.store.packed


def test_a_bots_million_events_are_not_a_million_changes_of_its_row():
    """Each held one costs no write: the row of a batch full of them is not in the changelog."""
    lane = Lane(CONTENT)
    now_ms = watched(lane)
    burst(lane, "bot", 2 * USUAL, now_ms, 30 * SECOND)
    value = encode_record(page(now_ms + MINUTE))
    records = [
        StoredRecord(len(lane.log) + n, now_ms + MINUTE, b"bot", value) for n in range(1_000)
    ]
    effects = lane.engine.fold(records)
    assert effects.counts.quarantined == 1_000
    assert b"bot" not in effects.rows
