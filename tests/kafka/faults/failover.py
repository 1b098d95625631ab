"""How long the customers of a killed worker wait, and how long the others do.

Traffic of the present, each event a customer's first order and so a change at once: what arrives
when is the availability of each partition, as a reader of committed changes has it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import msgspec
from aiokafka import TopicPartition

from stream.shell.log_reader import LogReader
from tests.kafka.faults.evidence import owned
from tests.kafka.faults.round import LIVENESS_S, Kind, Round
from tests.kafka.installation import event, until
from tests.kafka.pipeline import Metas, Pipeline

RATE = 160
"""Orders a second, of all partitions: two of a partition are 25 ms apart."""

BEFORE_S, AFTER_S = 3.0, 12.0
"""Traffic before the kill, and from then on: longer than the session and a restore."""


class Arrival(msgspec.Struct, frozen=True):
    """A change as a reader got it: when, and when the broker had appended it."""

    seen_s: float
    appended_ms: int


class Watch:
    """Reads along; what it has seen is by partition."""

    def __init__(self, shop: Pipeline) -> None:
        self.arrivals: dict[int, list[Arrival]] = defaultdict(list)
        self._shop = shop

    async def run(self) -> None:
        settings = self._shop.settings
        topic = self._shop.topic("segment-changes")
        places = [TopicPartition(topic, p) for p in range(settings.partitions)]
        async with LogReader(settings, places) as reader:
            while True:
                for record in await reader.poll(20):
                    arrival = Arrival(time.monotonic(), record.timestamp)
                    self.arrivals[record.partition].append(arrival)

    def first_after(self, partition: int, killed: Arrival) -> float | None:
        """Seconds until the first change that was appended after the kill; None: none yet."""
        for arrival in self.arrivals[partition]:
            if arrival.appended_ms > killed.appended_ms:
                return arrival.seen_s - killed.seen_s
        return None

    def longest_gap_s(self, partition: int, since_s: float, until_s: float) -> float:
        """The longest wait for the next change within a span."""
        inside = [a.seen_s for a in self.arrivals[partition] if since_s < a.seen_s < until_s]
        instants = [since_s, *inside, until_s]
        return max(later - earlier for earlier, later in pairwise(instants))


async def keyed(round_: Round) -> None:
    """The raw topic is keyed by customer."""
    await _fail_over(round_, is_keyed=True)


async def any_key(round_: Round) -> None:
    """The raw topic has any key: every source writes to every partition."""
    await _fail_over(round_, is_keyed=False)


async def _fail_over(round_: Round, *, is_keyed: bool) -> None:
    shop, watch = round_.shop, Watch(round_.shop)
    watching = asyncio.create_task(watch.run())
    orders = list(_orders(round_, is_keyed=is_keyed))
    span_s = BEFORE_S + AFTER_S
    sending = asyncio.create_task(shop.send_keyed(orders, history_ends=False, over_s=span_s))
    try:
        await round_.sent(BEFORE_S / span_s)
        victim = round_.pick()
        moved = owned(victim)
        killed = Arrival(time.monotonic(), int(time.time() * 1000))
        victim.signal(signal.SIGKILL)
        round_.kill(victim)
        await sending
        await until(lambda: all(watch.first_after(p, killed) is not None for p in moved))
        await _folded(shop)
        waits = [watch.first_after(p, killed) or 0.0 for p in moved]
        stayed = set(range(shop.settings.partitions)) - moved
        ended_s = killed.seen_s + AFTER_S
        stalls = [watch.longest_gap_s(p, killed.seen_s, ended_s) for p in stayed]
        round_.times |= {"first change": min(waits), "of each moved partition": max(waits)}
        round_.times |= {"survivors stood still": max(stalls)}
    finally:
        for task in (watching, sending):
            task.cancel()
        await asyncio.gather(watching, sending, return_exceptions=True)


def _orders(round_: Round, *, is_keyed: bool) -> Iterator[tuple[bytes, bytes]]:
    """Each by a new customer, and dated when it will be sent."""
    begun_ms = int(time.time() * 1000)
    count = int(RATE * (BEFORE_S + AFTER_S))
    for number in range(count):
        customer = f"c-{round_.random.getrandbits(48):x}"
        key = customer if is_keyed else f"k-{round_.random.getrandbits(48):x}"
        time_ms = begun_ms + 1000 * number // RATE
        yield key.encode(), event(customer, number, time_ms, "Order Completed")


async def _folded(shop: Pipeline) -> None:
    """Wait until all that was sent has been routed, and what came of it folded."""

    def routed(metas: Metas) -> bool:
        offsets = {p: meta.source.next_offset for p, meta in metas.items() if meta.source}
        return all(offsets.get(p, 0) >= end for p, end in shop.sent.items())

    async with asyncio.timeout(LIVENESS_S):
        await shop.until(routed)
        keyed_ends = {r.partition: r.offset for r in await shop.read("customer-events") if r.key}
        await shop.until(
            lambda metas: all(
                p in metas and metas[p].next_offset > end for p, end in keyed_ends.items()
            )
        )


KINDS = (
    Kind("failover", "SIGKILL of one of two; raw topic keyed by customer", keyed, own_traffic=True),
    Kind("failover, any key", "the same, raw topic by any key", any_key, own_traffic=True),
)
