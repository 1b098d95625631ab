"""Sends events at a constant pace, each saying that it happens when it is due: an open loop.

A process of its own: TASK as JSON. What was due is due, whether or not the broker was quick, so a
pause of anybody shows as latency of all that was due in it. Beside the traffic it starts timers
of which it knows when they are due: customers who began a checkout some time ago.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from stream.clock import MINUTE_MS, rfc3339
from stream.events.partitioner import partition_of
from stream.events.topics import EVENTS
from tests.bench.clones import suffix, with_suffix
from tests.bench.log import PARTITIONS, LogPlan
from tests.bench.schedule import at_present, due_ms, opening_of

PROBE_AHEAD_MS = 6_000
"""How long before its timer is due a probe's event is sent."""

PROBE_PATIENCE_MS = 30 * MINUTE_MS
PROBE_SEGMENT = "abandoned_checkout"
"""What a probe enters, so long after the last step of its checkout: the built-in pack's."""

PROBE_PREFIX = "probe-"


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to send.

    start_ms         when the first event is due
    rate, seconds    of the traffic
    probes_per_s     timers that come due every second, from `probes_from_ms` to the end
    clones           each event goes to one of so many clones of its customer; 1: to the customer
    """

    broker: str
    plan: LogPlan
    start_ms: int
    rate: float
    seconds: float
    probes_per_s: float = 0.0
    probes_from_ms: int = 0
    clones: int = 1
    out: str = ""


class Sent(msgspec.Struct):
    """What was sent: of each event its key, when it was due, and when the broker took it."""

    keys: list[bytes]
    due_ms: list[int]
    append_ms: list[int]
    send_lag_ms: list[float]
    probe_due_ms: list[int]


class Item(msgspec.Struct):
    """An event that waits to be due; `value` None: `opening` is stamped then."""

    due_ms: int
    key: bytes
    opening: bytes
    is_broken: bool = False
    late_ms: int = 0
    probe_at_ms: int = 0


def traffic(task: Task) -> list[Item]:
    """The traffic's events, in the order in which they are due."""
    random = Random(task.plan.mix.seed)
    items = []
    for number, event in enumerate(task.plan.simulated()):
        opening, key = opening_of(event), event.key
        late_ms = event.received_ms - event.time_ms if event.fault == "late" else 0
        is_broken = opening is None
        opening = event.value if opening is None else opening
        if task.clones > 1:
            end = suffix(random.randrange(task.clones))
            key, opening = key + end, with_suffix(opening, end)
        due = due_ms(task.start_ms, task.rate, number)
        items.append(Item(due, key, opening, is_broken, late_ms))
    return items


def probes(task: Task) -> list[Item]:
    """Beginnings of checkouts, each by a customer of its own."""
    end_ms = task.start_ms + task.seconds * 1_000
    items: list[Item] = []
    while task.probes_per_s:
        at_ms = due_ms(task.probes_from_ms, task.probes_per_s, len(items))
        if at_ms >= end_ms:
            break
        customer = f"{PROBE_PREFIX}{len(items)}"
        opening = msgspec.json.encode(
            {
                "type": "track",
                "event": "Checkout Started",
                "messageId": customer,
                "userId": customer,
                "timestamp": rfc3339(at_ms - PROBE_PATIENCE_MS),
                "properties": {"checkout_id": customer},
            }
        )
        items.append(
            Item(at_ms - PROBE_AHEAD_MS, customer.encode(), opening, True, probe_at_ms=at_ms)
        )
    return items


async def send(task: Task) -> Sent:
    """Send everything when it is due; what came of it."""
    items = sorted(traffic(task) + probes(task), key=lambda item: item.due_ms)
    producer = AIOKafkaProducer(bootstrap_servers=task.broker, linger_ms=0, max_batch_size=64 << 10)
    await producer.start()
    futures: list[Any] = []
    lags: list[float] = []
    try:
        for item in items:
            if (ahead_ms := item.due_ms - time.time() * 1_000) > 0:
                await asyncio.sleep(ahead_ms / 1_000)
                ahead_ms = item.due_ms - time.time() * 1_000
            late_ms = item.late_ms
            value = item.opening
            if not item.is_broken:
                value = at_present(value, item.due_ms - late_ms, late_ms)
            to = partition_of(item.key, PARTITIONS)
            futures.append(await producer.send(EVENTS.name, value, item.key, partition=to))
            lags.append(-ahead_ms)
        acks = await asyncio.gather(*futures)
    finally:
        await producer.stop()
    found = Sent([], [], [], [], [])
    for item, ack, lag_ms in zip(items, acks, lags, strict=True):
        if item.probe_at_ms:
            found.probe_due_ms.append(item.probe_at_ms)
            continue
        found.keys.append(item.key)
        found.due_ms.append(item.due_ms)
        found.append_ms.append(ack.timestamp)
        found.send_lag_ms.append(lag_ms)
    return found


if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.argv[1], type=Task)
    Path(wanted.out).write_bytes(msgspec.msgpack.encode(asyncio.run(send(wanted))))
