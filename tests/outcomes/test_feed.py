"""What an observer is told, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from stream.events.changes import SegmentChanged
from stream.events.records import CustomerEvent
from stream.outcomes import feed as module
from stream.outcomes.feed import Feed
from stream.outcomes.recent import Recent
from tests.outcomes.stories import at, entered, page


class Listener:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def event(self, customer: str, record: CustomerEvent) -> None:
        self.told.append((customer, record.time_ms))

    def change(self, change: SegmentChanged) -> None:
        self.told.append((change.segment, change.time_ms))

    def merged(self, source: str, target: str) -> None:
        self.told.append((source, target))

    def advance(self, time_ms: int) -> None:
        self.told.append(time_ms)


def test_what_is_told_late_comes_in_its_place():
    listener = Listener()
    feed = Feed(listener)
    feed.event("a", page(2))
    feed.merged("b", "a", at(1.5))
    feed.change(entered("a", "cart", 1))
    feed.release(at(2))
    assert listener.told == [("cart", at(1)), ("b", "a")]
    feed.finish(at(3))
    assert listener.told[2:] == [("a", at(2)), at(3)]


@pytest.mark.parametrize(("cause", "first"), [("timer", "cart"), ("event", "a"), ("merge", "a")])
def test_at_one_instant_time_is_before_events_and_events_before_what_they_cause(
    cause: str, first: str
):
    listener = Listener()
    feed = Feed(listener)
    feed.event("a", page(1))
    feed.change(entered("a", "cart", 1, cause=cause))
    feed.finish(at(1))
    assert listener.told[0][0] == first


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "WAITING_MAX", 2)
    listener = Listener()
    feed = Feed(listener)
    for days in (3, 1, 2):
        feed.event("a", page(days))
    assert listener.told == [("a", at(1))]


def test_ids_are_known_for_at_least_as_long_as_promised():
    recent = Recent(size_max=3)
    for number in range(6):
        assert recent.is_news(number)
    assert not any(recent.is_news(number) for number in (3, 4, 5))
    assert recent.is_news(6)
    assert recent.is_news(0), "long gone"
