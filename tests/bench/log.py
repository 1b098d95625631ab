"""The log that everybody reads: simulated events in a topic, and the topics around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from stream.clock import LATENESS_MS, rfc3339
from stream.events.partitioner import partition_of
from stream.events.topics import EVENTS, REFERENCE
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics
from stream.simulation.catalogue import Catalogue
from stream.simulation.traffic import SimulatedEvent, TrafficConfig, generate
from tests.bench.options import Mix

PARTITIONS = 4
FIRST_MS = 1_767_571_200_000
"""2026-01-05, a Monday. In the past, so that nothing is clamped to the broker's time."""

EVENTS_PER_CUSTOMER = 50
"""The default mix has about 48 a week: the log spans a little more than a week."""

DAYS_MAX = 30.0
SENDING_MAX = 5_000
GONE_TIMEOUT_S = 30.0


class LogFacts(msgspec.Struct, frozen=True):
    """What is in the log.

    `clock_ms` is how far the clock gets by it: the smallest of the partitions' last event times,
    less the lateness.
    """

    events: int
    customers: int
    keys: int
    bytes_mean: float
    from_time: str
    to_time: str
    clock_ms: int
    mix: Mix = Mix()
    partitions: int = PARTITIONS

    @classmethod
    def none(cls) -> LogFacts:
        """Of an empty topic."""
        return cls(0, 0, 0, 0.0, "", "", 0)


class LogPlan(msgspec.Struct, frozen=True):
    """How many events of how many customers, from when on; the same plan gives the same bytes.

    `events` is a bound: traffic that lasts `days` may have fewer.
    """

    events: int
    customers: int
    mix: Mix = Mix()
    from_ms: int = FIRST_MS
    days: float = DAYS_MAX

    def config(self) -> TrafficConfig:
        """What the simulator is told."""
        return TrafficConfig(
            customers=self.customers,
            start_ms=self.from_ms,
            days=self.days,
            **msgspec.structs.asdict(self.mix),
        )

    def simulated(self) -> Iterator[SimulatedEvent]:
        """The log's events, in the order in which they were received."""
        return islice(generate(self.config()), self.events)

    def reference(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of the topic `reference` that belong to the log."""
        config = self.config()
        for record in Catalogue(config.seed, config.start_ms, config.end_ms).reference():
            yield f"{record['type']}:{record['id']}".encode(), orjson.dumps(record)


def plan_for(events: int, customers: int | None = None, mix: Mix = Mix()) -> LogPlan:  # noqa: B008
    """As many customers as so many events take in a week, unless their number is given."""
    return LogPlan(events, customers or max(100, events // EVENTS_PER_CUSTOMER), mix)


def settings_for(broker: str, app: str = "bench") -> Settings:
    """Shoal's settings on the benchmark's broker."""
    return Settings(broker=broker, app=app, partitions=PARTITIONS, http_port=0)


async def write_log(broker: str, plan: LogPlan) -> LogFacts:
    """Make Shoal's topics, and fill the raw one and the reference."""
    await create_topics(settings_for(broker))
    producer = AIOKafkaProducer(bootstrap_servers=broker, linger_ms=5, max_batch_size=256 << 10)
    await producer.start()
    try:
        sent = [await producer.send(REFERENCE.name, value, key) for key, value in plan.reference()]
        await asyncio.gather(*sent)
        return await _write_events(producer, plan)
    finally:
        await producer.stop()


async def _write_events(producer: AIOKafkaProducer, plan: LogPlan) -> LogFacts:
    keys: set[bytes] = set()
    waiting: list[Any] = []
    count = size = 0
    first_ms = last_ms = plan.from_ms
    newest_ms = [0] * PARTITIONS
    for event in plan.simulated():
        to = partition_of(event.key, PARTITIONS)
        waiting.append(await producer.send(EVENTS.name, event.value, event.key, partition=to))
        if len(waiting) >= SENDING_MAX:
            await asyncio.gather(*waiting)
            waiting.clear()
        first_ms = first_ms if count else event.received_ms
        last_ms = event.received_ms
        if event.fault is None:
            newest_ms[to] = max(newest_ms[to], event.time_ms)
        count += 1
        size += len(event.value)
        keys.add(event.key)
    await asyncio.gather(*waiting)
    return LogFacts(
        events=count,
        customers=plan.customers,
        keys=len(keys),
        bytes_mean=size / count,
        from_time=rfc3339(first_ms),
        to_time=rfc3339(last_ms),
        clock_ms=min(newest_ms) - LATENESS_MS,
        mix=plan.mix,
    )


@asynccontextmanager
async def admin_of(broker: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, started and closed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def reader_of(broker: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group that reads committed records, from the beginning."""
    # Not by a seek after the assignment: the default reset to the end may come after it.
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def count_records(broker: str, topic: str) -> int:
    """Committed records of a topic, whole."""
    async with reader_of(broker) as consumer:
        places = [TopicPartition(topic, p) for p in range(PARTITIONS)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        count = 0
        while any([await consumer.position(place) < ends[place] for place in places]):
            batches = await consumer.getmany(timeout_ms=200, max_records=20_000)
            count += sum(len(records) for records in batches.values())
        return count


async def remove_results(broker: str) -> None:
    """Delete every topic but the log and the reference: the next run starts from nothing."""
    await remove_every_topic(broker, {EVENTS.name, REFERENCE.name})


async def remove_every_topic(broker: str, kept: Container[str] = ()) -> None:
    """Delete the topics that are not kept."""
    async with admin_of(broker) as admin:
        gone = [name for name in await admin.list_topics() if not _is_kept(name, kept)]
        if gone:
            await admin.delete_topics(gone)
        async with asyncio.timeout(GONE_TIMEOUT_S):
            # The broker deletes when it likes, and tells nobody.
            while set(gone) & set(await admin.list_topics()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


def _is_kept(name: str, kept: Container[str]) -> bool:
    return name in kept or name.startswith("__")
