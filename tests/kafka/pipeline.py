"""An installation as its users see it: commands in, changes out, and the log for the oracle."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from stream.engine.effects import StoredRecord
from stream.engine.meta import META_KEY, Meta, unpack_meta
from stream.events.envelope import HISTORY_ENDS
from stream.events.partitioner import partition_of
from stream.shell.log_reader import LogReader
from tests.kafka.installation import Installation, WorkerProcess

DEADLINE_S = 150.0
SEND_STEP_S = 0.01
Metas = dict[int, Meta]


class Pipeline(Installation):
    """Keyed input in its order, and what came of it."""

    def __init__(self, *args: Any, **changes: Any) -> None:
        super().__init__(*args, **changes)
        self.variables: dict[str, str] = {}
        self.sent: dict[int, int] = {}
        self.sent_ratio = 0.0

    def shoal(self, *words: str) -> str:
        """Run a command of Shoal on this installation to its end; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "stream.cli.main", *words],
            env=self.environment(**self.variables),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"shoal {' '.join(words)}: {done.stderr[-2000:]}"
        return done.stdout

    def work(self, *words: str, **variables: str) -> WorkerProcess:
        """Start one more worker; `words` are its options, `variables` go before the others."""
        return self.start_worker(*words, **(self.variables | variables))

    async def send_keyed(
        self, events: Sequence[tuple[bytes, bytes]], *, history_ends: bool, over_s: float = 0.0
    ) -> None:
        """Write (key, value) pairs to the raw topic, each to its key's partition, in order.

        Spread evenly over `over_s`, where the broker lets it; `sent_ratio` tells how far it is.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.broker,
            linger_ms=5,
            enable_idempotence=not self.is_embedded,  # that broker knows none
        )
        await producer.start()
        topic, partitions = self.topic("events"), self.settings.partitions
        begun_s = time.monotonic()
        try:
            acks = []
            for number, (key, value) in enumerate(events):
                self.sent_ratio = number / len(events)
                due_s = begun_s + over_s * self.sent_ratio
                if due_s - time.monotonic() > SEND_STEP_S:
                    await asyncio.sleep(due_s - time.monotonic())
                to = partition_of(key, partitions)
                acks.append(await producer.send(topic, value, key=key, partition=to))
            self.sent_ratio = 1.0
            if history_ends:
                marker = json.dumps({"type": HISTORY_ENDS}).encode()
                acks += [await producer.send(topic, marker, partition=p) for p in range(partitions)]
            for ack in acks:
                done = await ack
                after = max(self.sent.get(done.partition, 0), done.offset + 1)
                self.sent[done.partition] = after
        finally:
            await producer.stop()

    async def until(self, reached: Callable[[Metas], bool]) -> Metas:
        """Wait until what the partitions have committed satisfies `reached`."""
        metas: Metas = {}
        async with aclosing(self._follow("customers-changelog")) as records:
            async for record in records:
                if record is not None and record.key == META_KEY:
                    metas[record.partition] = unpack_meta(record.value)
                if record is None and reached(metas):
                    return metas
        raise AssertionError(f"sent {self.sent}, committed {metas}\n{self.logs()}")

    async def until_change(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a committed change, from the first on."""
        async with aclosing(self._follow("segment-changes")) as records:
            async for record in records:
                if record is not None and wanted(change := json.loads(record.value)):
                    return change  # type: ignore[no-any-return]
        raise AssertionError(f"no such change was told\n{self.logs()}")

    async def _follow(self, name: str) -> AsyncGenerator[Any, None]:
        """Committed records as they come, and None after each poll, until the deadline."""
        places = [TopicPartition(self.topic(name), p) for p in range(self.settings.partitions)]
        ends_s = time.monotonic() + DEADLINE_S
        async with LogReader(self.settings, places) as reader:
            while time.monotonic() < ends_s:
                for record in await reader.poll(100):
                    yield record
                yield None

    def at_clock(self, clock_ms: int) -> Callable[[Metas], bool]:
        """Every partition has routed what was sent, and folded a tick to the clock."""
        return lambda metas: (
            len(metas) == self.settings.partitions
            and all(
                meta.clock_ms >= clock_ms
                and (meta.source.next_offset if meta.source else 0) >= self.sent.get(partition, 0)
                for partition, meta in metas.items()
            )
        )

    def routed(self, count: int) -> Callable[[Metas], bool]:
        """So many raw records have been routed in all."""
        return lambda metas: (
            sum(meta.source.next_offset for meta in metas.values() if meta.source) >= count
        )

    async def changes(self) -> list[dict[str, Any]]:
        """All committed changes, those of a customer in their order."""
        return [json.loads(record.value) for record in await self.read("segment-changes")]

    async def log(self) -> dict[int, list[StoredRecord]]:
        """The run's own log as far as it was folded, as the offline oracle takes it."""
        metas = {
            record.partition: unpack_meta(record.value)
            for record in await self.read("customers-changelog")
            if record.key == META_KEY
        }
        found: dict[int, list[StoredRecord]] = {partition: [] for partition in metas}
        for r in await self.read("customer-events"):
            if r.offset < metas[r.partition].next_offset:
                found[r.partition].append(StoredRecord(r.offset, r.timestamp, r.key, r.value))
        return found
