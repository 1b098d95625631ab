"""Traffic at a pace: when each event is due, and how fast a shop must surge for a given rate.

Nothing here reads a clock; who releases events brings one.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from stream.clock import HOUR_MS, MINUTE_MS
from stream.simulation.shop import SimulatedEvent, TrafficConfig
from stream.simulation.traffic import generate

Due = Callable[[SimulatedEvent], float]
"""Seconds after the beginning at which an event is due; asked once for each event, in order."""

RELEASE_S = 0.02
"""Events due within so little time leave together."""

CHUNK_MAX = 1_000
"""Events that leave together at most, so that whoever writes them may wait for the broker."""

WARM_UP_MS = 10 * MINUTE_MS
"""A shop that opens is empty; after so long, twice a visit, as many visits end as begin. It costs
the time to generate it: 1 s at 100 events a second."""

PILOT_CUSTOMERS = 600
PILOT_MS = 40 * MINUTE_MS
PILOT_ROUNDS = 2

EVENTS_PER_WEEK = 48.0
"""Of a customer without a surge: where the search for the surge of a rate begins."""

RATE_PER_CUSTOMER_MAX = 1 / 40
"""Events a second, without hurry. A customer within a visit causes one in ten seconds, and nobody
visits without end."""


class RateOutOfReachError(ValueError):
    """So many events a second cannot come from so many customers."""


def at_once(_: SimulatedEvent) -> float:
    """As fast as possible."""
    return 0.0


def at_rate(events_per_s: float) -> Due:
    """One event after the other at a rate, whatever their times."""
    released = 0

    def due(_: SimulatedEvent) -> float:
        nonlocal released
        released += 1
        return (released - 1) / events_per_s

    return due


def at_speed(origin_ms: int, speed: float = 1.0) -> Due:
    """Each event at its `received_ms`, with time from `origin_ms` on `speed` times as fast.

    What was received before `origin_ms` is due at once.

    >>> from stream.simulation.shop import SimulatedEvent
    >>> at_speed(1_000, speed=60)(SimulatedEvent(b"", b"", 61_000, 61_000, 0, "page Home"))
    1.0
    """

    def due(event: SimulatedEvent) -> float:
        return (event.received_ms - origin_ms) / 1_000 / speed

    return due


async def released(
    events: Iterator[SimulatedEvent],
    due: Due,
    clock_s: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[list[SimulatedEvent]]:
    """Events in lists as they are due, by a clock that starts with the first of them."""
    start_s = clock_s()
    chunk: list[SimulatedEvent] = []
    now_s = 0.0
    for event in events:
        due_s = due(event)
        if due_s > now_s + RELEASE_S or len(chunk) >= CHUNK_MAX:
            if chunk:
                yield chunk
                chunk = []
            now_s = clock_s() - start_s
            if due_s > now_s:
                await sleep(due_s - now_s)
                now_s = clock_s() - start_s
        chunk.append(event)
    if chunk:
        yield chunk


def surging_from(config: TrafficConfig, live_ms: int, events_per_s: float) -> TrafficConfig:
    """The traffic, opened before `live_ms` and surging so that it has a rate from there on.

    The rate is a mean: it comes out of a pilot run over some of the customers, and varies with
    who they are (some 10 %). Cost: seconds.

    Raises
    ------
    RateOutOfReachError
        More events than the customers can cause, or fewer than they do by themselves.
    """
    per_customer = events_per_s / config.customers
    most_per_customer = RATE_PER_CUSTOMER_MAX * config.hurry
    if per_customer > most_per_customer:
        needed = int(events_per_s / most_per_customer) + 1
        raise RateOutOfReachError(f"{events_per_s:g} events a second take {needed:,} customers")
    opened_ms = live_ms - WARM_UP_MS
    span_days = config.days + WARM_UP_MS / (24 * HOUR_MS)
    config = dataclasses.replace(config, start_ms=opened_ms, days=span_days, surge_ms=opened_ms)
    surge = per_customer * 7 * 24 * 3600 / EVENTS_PER_WEEK
    for _ in range(PILOT_ROUNDS):
        surge = max(surge, 1.0)
        measured = _pilot(dataclasses.replace(config, surge=surge))
        surge *= per_customer / max(measured, per_customer / 4)
    if surge < 0.8:
        most = int(events_per_s * 7 * 24 * 3600 / EVENTS_PER_WEEK)
        raise RateOutOfReachError(
            f"{config.customers:,} customers cause more by themselves; take {most:,}"
        )
    return dataclasses.replace(config, surge=max(surge, 1.0))


def _pilot(config: TrafficConfig) -> float:
    """Events a second and customer, once the shop is warm."""
    customers = min(config.customers, PILOT_CUSTOMERS)
    days = (WARM_UP_MS + PILOT_MS) / (24 * HOUR_MS)
    pilot = dataclasses.replace(config, customers=customers, days=days)
    from_ms = pilot.start_ms + WARM_UP_MS
    count = sum(event.received_ms >= from_ms for event in generate(pilot))
    return count / customers / (PILOT_MS / 1_000)
