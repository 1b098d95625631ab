"""What an explanation says of actions, against those that were told."""

from __future__ import annotations

import pytest

from stream.clock import NEVER_MS
from stream.explain.explanation import explain
from stream.explain.voices import Voices
from tests.engine.lane import SETTINGS, Lane
from tests.engine.spoken import buyer, cart, document, searcher
from tests.state.shopping import DAY, HOUR, START_MS, added, order, search

NIGHT = 23 * HOUR - START_MS % DAY
"""From the story's start to when the quiet hours end."""


def voices(lane: Lane, now_ms: int) -> Voices:
    timeline, row = lane.engine.timeline, lane.row("a")
    return explain(SETTINGS, timeline, b"a", row, now_ms, only="cart").voices


def test_nothing_is_said_to_who_entered_nothing():
    lane = Lane(document(cart()))
    lane.put("a", search(START_MS))
    assert voices(lane, START_MS) == Voices()


def test_the_current_message_is_the_one_that_was_started_last():
    lane = Lane(document(cart(10), searcher(60)))
    lane.put("a", added(START_MS, "p"))
    for put, begun_ms in (([], START_MS), ([search(START_MS + HOUR)], START_MS + HOUR)):
        lane.put("a", *put)
        told, found = lane.actions[-1], voices(lane, begun_ms + 1).current
        assert told.started
        assert found is not None
        assert (found.segment, found.kind, found.channels) == (told.segment, "message", ("email",))
        assert (found.since_ms, found.until_ms) == (told.time_ms, told.valid_until_ms)
        assert (found.variant, found.message) == (told.variant, told.action["message"])
    assert voices(lane, START_MS + 8 * DAY).current is None, "it has expired by then"


def test_a_suppression_holds_until_the_exit():
    lane = Lane(document(buyer()))
    lane.put("a", order(START_MS, "1", 5))
    (found,) = voices(lane, START_MS + DAY).suppressing
    assert (found.segment, found.channels, found.until_ms) == ("buyer", ("email",), None)


@pytest.mark.parametrize(
    ("content", "why", "after_ms"),
    [
        (document(cart(more=", min_size: 3")), "min_size", None),
        (document(cart(10), searcher(60)), "outranked", None),
        (document(cart(10), searcher(60), voice="{caps: {email: 1 per 2 * DAY}}"), "cap", 2 * DAY),
        (document(cart(), more=""), "consent", None),
        (document(cart(10), buyer().replace(" and cart.items <= 0", "")), "suppressed", None),
        (document(cart(10, channels="push"), voice="{quiet_hours: [0, 23]}"), "quiet_hours", NIGHT),
    ],
)
def test_what_waits_says_why_and_what_time_does_about_it(content, why, after_ms):
    lane = Lane(content)
    lane.put("a", search(START_MS), order(START_MS, "1", 5), added(START_MS + 1, "p"))
    (found,) = voices(lane, START_MS + 1).waits
    assert (found.segment, found.why) == ("cart", why)
    assert found.until_ms is not None
    assert found.until_ms < NEVER_MS
    assert found.not_before_ms == (None if after_ms is None else START_MS + after_ms)
