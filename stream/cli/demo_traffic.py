"""The demo's shop, as a process of its own: its last weeks at full speed, then live.

Events go out in the order in which they were received. Those of the past leave as fast as the
broker takes them; when they have caught up with the clock, every partition is told that the
history has ended, and from there on each event leaves when it is due.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import chain

from aiokafka import AIOKafkaProducer

from stream.clock import DAY_MS, MINUTE_MS
from stream.events.envelope import HISTORY_ENDS
from stream.events.partitioner import partition_of
from stream.events.topics import EVENTS
from stream.shell.connection import new_producer
from stream.shell.settings import Settings, read_settings
from stream.simulation.pacing import EVENTS_PER_WEEK, at_speed, released
from stream.simulation.traffic import SimulatedEvent, TrafficConfig, generate

HURRY = 5.0
"""Live visitors think this many times faster, so that a minute shows whole visits."""

SURGE_LEAD_MS = MINUTE_MS
"""The surge begins before the live part, so that visits are under way when it opens."""

LIVE_DAYS_MAX = 1.0
"""The shop closes after a day, if nobody has closed the demo before."""

SENDING_MAX = 2_000
"""Events in flight at most: 2 MB at 1 KB each."""


def traffic_config(
    now_ms: int, customers: int, days: float, events_per_s: float, seed: int
) -> TrafficConfig:
    """A shop that opened `days` ago, and from now on surges to about `events_per_s`."""
    by_themselves = customers * EVENTS_PER_WEEK / (7 * 86_400)
    return TrafficConfig(
        seed=seed,
        customers=customers,
        start_ms=now_ms - int(days * DAY_MS),
        days=days + LIVE_DAYS_MAX,
        surge_ms=now_ms - SURGE_LEAD_MS,
        surge=max(1.0, events_per_s / by_themselves),
        hurry=HURRY,
    )


async def play(settings: Settings, config: TrafficConfig) -> None:
    """Write the past, its end, and then what happens, until the shop closes."""
    producer = new_producer(settings)
    await producer.start()
    try:
        topic = settings.topic(EVENTS.name)
        partitions = len(await producer.partitions_for(topic))
        sender = _Sender(producer, topic, partitions)
        events = generate(config)
        upcoming = await _play_past(sender, events)
        for partition in range(partitions):
            await producer.send_and_wait(topic, _END, partition=partition)
        if upcoming is not None:
            live = chain([upcoming], events)
            paced = released(live, at_speed(_now_ms()), time.monotonic)
            async for chunk in paced:
                await sender.send(chunk)
    finally:
        await producer.stop()


async def _play_past(sender: _Sender, events: Iterator[SimulatedEvent]) -> SimulatedEvent | None:
    """Everything received until now; the first event that is still to come."""
    chunk: list[SimulatedEvent] = []
    for event in events:
        if event.received_ms > _now_ms():
            await sender.send(chunk)
            return event
        chunk.append(event)
        if len(chunk) >= SENDING_MAX:
            await sender.send(chunk)
            chunk = []
    return None


class _Sender:
    """Sends chunk after chunk, each to its partitions in order."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partitions: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions

    async def send(self, chunk: list[SimulatedEvent]) -> None:
        """Return when the broker has all of them."""
        sent = [
            await self._producer.send(
                self._topic,
                event.value,
                key=event.key,
                partition=partition_of(event.key, self._partitions),
            )
            for event in chunk
        ]
        await asyncio.gather(*sent)


_END = json.dumps({"type": HISTORY_ENDS}).encode()


def _now_ms() -> int:
    return int(time.time() * 1000)


def main(words: list[str]) -> int:
    """Called as CUSTOMERS DAYS RATE SEED, with the broker in the environment."""
    customers, days, rate, seed = words
    config = traffic_config(_now_ms(), int(customers), float(days), float(rate), int(seed))
    asyncio.run(play(read_settings(os.environ), config))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
