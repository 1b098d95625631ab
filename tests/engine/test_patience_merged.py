"""Patience of one person who was two ids: a stay that goes on is no earlier one."""

from __future__ import annotations

import pytest

from stream.events.records import Link
from tests.engine.lane import Lane, Turn, definitions
from tests.state.shopping import DAY, HOUR, START_MS, added, order, page


def link(time_ms: int) -> Link:
    return Link(target="known", time_ms=time_ms, received_ms=time_ms)


def lane_of(policy: str) -> Lane:
    """Somebody known who was here before, and whoever is not known yet."""
    lane = Lane(definitions(f"name: cart, enter: cart.items > 0, {policy}"))
    lane.put("known", page(START_MS))
    return lane


def merged(lane: Lane, time_ms: int) -> list[Turn]:
    """What the merge changes of the known customer."""
    before = len(lane.turns)
    lane.put("anon", link(time_ms))
    lane.deliver()
    return [turn for turn in lane.turns[before:] if turn.customer == "known"]


@pytest.mark.parametrize("policy", ["reentry: once", "reentry: once per 30 * DAY", "cooldown: 0s"])
def test_who_is_in_before_he_is_known_is_in_when_he_is(policy):
    lane = lane_of(policy)
    lane.put("anon", added(START_MS + HOUR))
    assert merged(lane, START_MS + 2 * HOUR) == [
        Turn("known", "cart", True, START_MS + 2 * HOUR, "merge")
    ]


def test_once_per_a_time_counts_from_the_entry_before_he_was_known():
    lane = lane_of("reentry: once per 7 * DAY")
    lane.put("anon", added(START_MS + HOUR))
    merged(lane, START_MS + 2 * DAY)
    lane.put("known", order(START_MS + 3 * DAY, "1"), added(START_MS + 4 * DAY, "b"))
    lane.tick(START_MS + 20 * DAY)
    entries = [turn.time_ms for turn in lane.turns if turn.customer == "known" and turn.entered]
    assert entries == [START_MS + 2 * DAY, START_MS + HOUR + 7 * DAY]


def test_who_was_in_before_he_was_known_was_in_once():
    lane = lane_of("reentry: once")
    lane.put("anon", added(START_MS + HOUR), order(START_MS + 2 * HOUR, "1"))
    assert merged(lane, START_MS + 3 * HOUR) == []
    lane.put("known", added(START_MS + DAY, "b"))
    lane.tick(START_MS + 9 * DAY)
    assert [turn for turn in lane.turns if turn.customer == "known"] == []


def test_a_stay_that_what_is_known_ends_has_been():
    """The order of the known customer is later than what the other id put into the cart."""
    lane = lane_of("reentry: once")
    lane.put("anon", added(START_MS + HOUR))
    lane.put("known", order(START_MS + 2 * HOUR, "1"))
    assert merged(lane, START_MS + 3 * HOUR) == []
    lane.put("known", added(START_MS + DAY, "b"))
    assert [turn for turn in lane.turns if turn.customer == "known"] == []


def test_what_the_known_customer_may_not_enter_yet_another_id_does_not_enter_for_him():
    lane = lane_of("cooldown: 5 * DAY")
    lane.put("known", added(START_MS), order(START_MS + HOUR, "1"))
    lane.put("anon", added(START_MS + DAY, "b"))
    assert merged(lane, START_MS + 2 * DAY) == []
    lane.tick(START_MS + 9 * DAY)
    assert [(t.entered, t.time_ms) for t in lane.turns if t.customer == "known"][2:] == [
        (True, START_MS + HOUR + 5 * DAY)
    ]


def test_who_holds_it_himself_has_not_left_it_because_another_id_did():
    lane = lane_of("cooldown: 5 * DAY")
    lane.put("known", added(START_MS))
    lane.put("anon", added(START_MS + HOUR, "b"), order(START_MS + 2 * HOUR, "1"))
    lane.put("known", added(START_MS + 3 * HOUR, "c"))
    merged(lane, START_MS + DAY)
    assert set(lane.segments("known")) == {"cart"}
    third = Link(target="mail", time_ms=START_MS + 2 * DAY, received_ms=START_MS + 2 * DAY)
    lane.put("known", third)
    lane.deliver()
    assert set(lane.segments("mail")) == {"cart"}
