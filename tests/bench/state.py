"""Workers that hold many customers: memory, restore, and timers among many pending ones.

A worker reads a week of simulated traffic that has just ended, and stops. Its changelog then gets
further customers, each with the row of a simulated one (`clones`), up to the number wanted: what
the next worker restores is what its own kind has written, and rows are as large and as full as
those of the simulated shop.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer, TopicPartition

from stream.clock import NEVER_MS
from stream.events.partitioner import partition_of
from stream.events.topics import CHANGELOG
from stream.shell.topic_admin import create_topics
from stream.state.codec import unpack
from stream.state.row import Row
from tests.bench.clones import cloned, templates
from tests.bench.committed import is_done
from tests.bench.contenders import Bench
from tests.bench.log import PARTITIONS, LogPlan, reader_of, settings_for, write_log
from tests.bench.options import Options
from tests.bench.watch import ContenderFailedError
from tests.bench.worker import Worker, running_worker

APP = "state"
SIMULATED = 5_000
"""Customers who are simulated, and about as many rows."""

DAYS = 7.0
DONE_WITHIN_S = 180.0
POLL_S = 0.2
BATCH_BYTES = 256 << 10
SENDING_MAX = 64


@dataclasses.dataclass
class Shop:
    """A changelog with many customers.

    rows              customers in it
    pending           timers of the simulated ones
    empty_mb          resident memory of a worker that holds nobody
    empty_s, empty_cpu_s  its start: seconds until it was ready, and CPU seconds
    """

    bench: Bench
    rows: int
    pending: int
    empty_mb: float
    empty_s: float
    empty_cpu_s: float
    row_bytes: float
    pattern: list[tuple[bytes, bytes | Row]]
    clones: int = 0

    async def grow(self, rows: int) -> None:
        """Add clones until there are so many customers."""
        before = self.clones
        self.clones = max(before, math.ceil(rows / len(self.pattern)) - 1)
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bench.broker, max_batch_size=BATCH_BYTES, acks=1
        )
        await producer.start()
        try:
            await _write_rows(producer, self._clones(before))
        finally:
            await producer.stop()
        self.rows = len(self.pattern) * (self.clones + 1)

    def _clones(self, before: int) -> Iterator[tuple[bytes, bytes]]:
        for number in range(before, self.clones):
            yield from cloned(self.pattern, number)

    def rows_for_timers(self, timers: int) -> int:
        """How many customers it takes to have so many timers pending."""
        return math.ceil(len(self.pattern) * timers / max(1, self.pending))

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """A worker of this shop, from its start on."""
        async with running_worker(self.bench, APP) as worker:
            yield worker


async def new_shop(bench: Bench, options: Options) -> Shop:
    """A shop of simulated customers, whose week has just ended.

    Raises
    ------
    ContenderFailedError
        The worker did not get through their week.
    """
    await create_topics(settings_for(bench.broker, APP))
    async with running_worker(bench, APP) as worker:
        empty_s = await worker.ready_s()
        empty_mb, _ = worker.memory_mb()
        empty_cpu_s = worker.cpu_s()
    from_ms = int(time.time() * 1_000 - DAYS * 86_400_000)
    plan = LogPlan(sys.maxsize, SIMULATED, options.mix, from_ms, DAYS)
    facts = await write_log(bench.broker, plan)
    async with running_worker(bench, APP) as worker:
        await worker.ready_s()
        await _until_done(bench, worker, facts.clock_ms)
    rows = await _rows(bench)
    size = sum(len(key) + len(value) for key, value in rows.items())
    return Shop(
        bench=bench,
        rows=len(rows),
        pending=sum(unpack(value).timer_ms < NEVER_MS for value in rows.values()),
        empty_mb=empty_mb,
        empty_s=empty_s,
        empty_cpu_s=empty_cpu_s,
        row_bytes=size / len(rows),
        pattern=templates(rows),
    )


async def _until_done(bench: Bench, worker: Worker, clock_ms: int) -> None:
    deadline_s = time.time() + DONE_WITHIN_S
    async with reader_of(bench.broker) as reader:
        while not await is_done(reader, clock_ms):
            worker.require_alive()
            if time.time() > deadline_s:
                raise ContenderFailedError(
                    f"not through in {DONE_WITHIN_S:.0f} s", worker.child.log
                )
            await asyncio.sleep(POLL_S)


async def _rows(bench: Bench) -> dict[bytes, bytes]:
    """The newest row of each customer in the changelog."""
    rows: dict[bytes, bytes] = {}
    async with reader_of(bench.broker) as reader:
        places = [TopicPartition(CHANGELOG.name, p) for p in range(PARTITIONS)]
        reader.assign(places)
        ends = await reader.end_offsets(places)
        while any([await reader.position(place) < ends[place] for place in places]):
            for records in (await reader.getmany(timeout_ms=100, max_records=20_000)).values():
                for record in records:
                    if record.key.startswith(b"\0"):
                        continue
                    if record.value is None:
                        rows.pop(record.key, None)
                    else:
                        rows[record.key] = record.value
    return rows


async def _write_rows(producer: AIOKafkaProducer, rows: Iterator[tuple[bytes, bytes]]) -> None:
    """Put rows into the changelog, each into its customer's partition."""
    batches = [producer.create_batch() for _ in range(PARTITIONS)]
    waiting: list[asyncio.Future[object]] = []

    async def send(to: int) -> None:
        batches[to].close()
        waiting.append(await producer.send_batch(batches[to], CHANGELOG.name, partition=to))
        batches[to] = producer.create_batch()
        if len(waiting) >= SENDING_MAX:
            await asyncio.gather(*waiting)
            waiting.clear()

    for key, value in rows:
        to = partition_of(key, PARTITIONS)
        if batches[to].append(key=key, value=value, timestamp=None) is None:
            await send(to)
            batches[to].append(key=key, value=value, timestamp=None)
    for to in range(PARTITIONS):
        await send(to)
    await asyncio.gather(*waiting)
