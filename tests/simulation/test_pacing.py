from __future__ import annotations

import pytest

from stream.clock import HOUR_MS
from stream.simulation.pacing import (
    CHUNK_MAX,
    RELEASE_S,
    Due,
    RateOutOfReachError,
    at_once,
    at_rate,
    at_speed,
    released,
    surging_from,
)
from stream.simulation.traffic import SimulatedEvent, TrafficConfig, generate
from tests.simulation.month import MONDAY_MS


class Clock:
    """A clock that only sleeping moves, and a little each look."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        self.now_s += 0.0001
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds


def received_at(*times_ms: int) -> list[SimulatedEvent]:
    return [SimulatedEvent(b"{}", b"k", at, at, 0, "page Home") for at in times_ms]


async def release(events: list[SimulatedEvent], due: Due) -> list[tuple[float, SimulatedEvent]]:
    """When each event left, by the clock, and which."""
    clock = Clock()
    left = []
    async for chunk in released(iter(events), due, clock, clock.sleep):
        assert 0 < len(chunk) <= CHUNK_MAX
        left += [(clock.now_s - 100.0, event) for event in chunk]
    return left


async def test_events_leave_in_their_order_and_none_before_it_is_due():
    events = received_at(*range(1_000, 60_000, 77))
    left = await release(events, at_speed(1_000, speed=10))
    assert [event for _, event in left] == events
    for at_s, event in left:
        due_s = (event.received_ms - 1_000) / 10_000
        assert due_s - RELEASE_S <= at_s <= due_s + RELEASE_S + 0.01


async def test_a_rate_counts_events_whatever_their_times():
    events = received_at(*[5] * 2_000)
    left = await release(events, at_rate(100))
    assert left[-1][0] == pytest.approx(20, abs=0.05)
    assert left[1_000][0] == pytest.approx(10, abs=0.05)


async def test_without_a_pace_nothing_waits():
    left = await release(received_at(*range(0, 10**9, 10**5)), at_once)
    assert len(left) == 10_000
    assert left[-1][0] < 0.1


async def test_nothing_leaves_of_nothing():
    assert await release([], at_once) == []


def test_a_live_shop_has_the_rate_that_was_asked_for():
    wanted = TrafficConfig(start_ms=MONDAY_MS, customers=1_500, days=1 / 24)
    config = surging_from(wanted, MONDAY_MS, 12.0)
    live = [event for event in generate(config) if event.received_ms >= MONDAY_MS]
    assert len(live) / (HOUR_MS / 1_000) == pytest.approx(12.0, rel=0.2)
    assert config.end_ms == MONDAY_MS + HOUR_MS
    quarters = [0] * 4
    for event in live:
        quarters[(event.received_ms - MONDAY_MS) * 4 // HOUR_MS] += 1
    assert min(quarters) > 0.75 * max(quarters)


def test_rates_out_of_reach_name_the_customers_that_they_take():
    few = TrafficConfig(start_ms=MONDAY_MS, customers=100)
    with pytest.raises(RateOutOfReachError, match="take 40,001 customers"):
        surging_from(few, MONDAY_MS, 1_000.0)
    many = TrafficConfig(start_ms=MONDAY_MS, customers=100_000)
    with pytest.raises(RateOutOfReachError, match="by themselves"):
        surging_from(many, MONDAY_MS, 1.0)
