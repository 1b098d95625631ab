"""Ids that are said to be one person, in one partition."""

from __future__ import annotations

from stream.events.records import Link
from tests.engine.lane import Lane
from tests.state.shopping import START_MS


def link(target: str, at_ms: int = START_MS) -> Link:
    return Link(target=target, time_ms=at_ms, received_ms=at_ms)


def live(lane: Lane, customer: str, *records) -> None:
    """Put records, and what they send on, into the one partition."""
    for record in records:
        lane.put(customer, record)
        lane.deliver()
