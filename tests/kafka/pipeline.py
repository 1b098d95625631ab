"""A whole installation on a broker: its own topics, worker processes, and what they told.

Everything is read from the topics themselves, with a client of its own, read committed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream.engine.effects import StoredRecord
from stream.engine.meta import META_KEY, Meta, unpack_meta

WORKER = "import sys; from stream.cli.main import main; sys.exit(main())"
"""`shoal`, by the interpreter that runs the tests."""

DEADLINE_S = 180.0


@dataclass
class Pipeline:
    """One installation under `app`, with `partitions` and topics prefixed by its name."""

    broker: str
    app: str
    folder: Path
    partitions: int = 4
    settings: dict[str, str] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    sent: dict[int, int] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SHOAL_BROKER": self.broker,
            "SHOAL_APP": self.app,
            "SHOAL_TOPIC_PREFIX": f"{self.app}-",
            "SHOAL_PARTITIONS": str(self.partitions),
            "SHOAL_HTTP_PORT": "0",
            "SHOAL_SESSION_TIMEOUT_MS": "6000",
            **self.settings,
        }

    def shoal(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            [sys.executable, "-c", WORKER, *words],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"shoal {' '.join(words)}: {done.stderr[-2000:]}"
        return done

    def create_topics(self) -> None:
        self.shoal("topics", "create")

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start one more worker process; its log is `worker-N.log` in the folder."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as out:
            worker = subprocess.Popen(
                [sys.executable, "-c", WORKER, "worker"],
                env=self.environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        """End the workers as an operator would; those that do not go are killed."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(30)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    def logs(self) -> str:
        """The ends of the workers' logs, for a failed wait."""
        tails = [p.read_text(errors="replace")[-3000:] for p in sorted(self.folder.glob("*.log"))]
        return "\n---\n".join(tails)

    def topic(self, name: str) -> str:
        return f"{self.app}-{name}"

    async def send(self, events: Iterable[tuple[bytes, bytes]], *, history_ends: bool) -> None:
        """Write (key, value) pairs to the raw topic, each to its key's partition, in order."""
        producer = AIOKafkaProducer(bootstrap_servers=self.broker, linger_ms=5)
        await producer.start()
        topic = self.topic("events")
        try:
            acks = []
            for key, value in events:
                partition = zlib.crc32(key) % self.partitions
                acks.append(await producer.send(topic, value, key=key, partition=partition))
            if history_ends:
                for partition in range(self.partitions):
                    marker = b'{"type":"history_ends"}'
                    acks.append(await producer.send(topic, marker, partition=partition))
            for ack in acks:
                done = await ack
                after = max(self.sent.get(done.partition, 0), done.offset + 1)
                self.sent[done.partition] = after
        finally:
            await producer.stop()

    async def read(self, name: str) -> dict[int, list[Any]]:
        """All committed records of a topic, by partition, in offset order."""
        consumer = self._reader()
        await consumer.start()
        try:
            topic = self.topic(name)
            tps = [TopicPartition(topic, p) for p in range(self._count(name))]
            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            ends = await consumer.end_offsets(tps)
            found: dict[int, list[Any]] = {tp.partition: [] for tp in tps}
            while not await self._read_to(consumer, ends):
                for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                    found[tp.partition] += records
            return found
        finally:
            await consumer.stop()

    def _count(self, name: str) -> int:
        single = {"clock", "learned", "definitions", "models", "reference"}
        return 1 if name in single else self.partitions

    def _reader(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self.broker,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=10_000,
        )

    @staticmethod
    async def _read_to(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
        for tp, end in ends.items():
            if await consumer.position(tp) < end:
                return False
        return True

    async def until(
        self, reached: Callable[[dict[int, Meta]], bool], deadline_s: float = DEADLINE_S
    ) -> dict[int, Meta]:
        """Wait until what the partitions have committed satisfies `reached`."""
        consumer = self._reader()
        await consumer.start()
        metas: dict[int, Meta] = {}
        ends_s = time.monotonic() + deadline_s
        try:
            topic = self.topic("customers-changelog")
            tps = [TopicPartition(topic, p) for p in range(self.partitions)]
            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            while not reached(metas):
                for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                    for record in records:
                        if record.key == META_KEY:
                            metas[tp.partition] = unpack_meta(record.value)
                alive = not self.workers or any(w.poll() is None for w in self.workers)
                assert alive, f"all workers have ended\n{self.logs()}"
                assert time.monotonic() < ends_s, (
                    f"sent {self.sent}, committed {metas}\n{self.logs()}"
                )
            return metas
        finally:
            await consumer.stop()

    async def until_change(
        self, wanted: Callable[[dict[str, Any]], bool], deadline_s: float = DEADLINE_S
    ) -> dict[str, Any]:
        """Wait for a committed change, from the first on."""
        consumer = self._reader()
        await consumer.start()
        ends_s = time.monotonic() + deadline_s
        try:
            topic = self.topic("segment-changes")
            tps = [TopicPartition(topic, p) for p in range(self.partitions)]
            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            while time.monotonic() < ends_s:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        change: dict[str, Any] = json.loads(record.value)
                        if wanted(change):
                            return change
            raise AssertionError(f"no such change was told\n{self.logs()}")
        finally:
            await consumer.stop()

    async def until_logged(
        self, worker: subprocess.Popen[bytes], text: str, deadline_s: float = DEADLINE_S
    ) -> None:
        """Wait for a line in a worker's log."""
        log = self.folder / f"worker-{self.workers.index(worker)}.log"
        ends_s = time.monotonic() + deadline_s
        while text not in log.read_text(errors="replace"):
            assert time.monotonic() < ends_s, f"never logged: {text}\n{self.logs()}"
            await asyncio.sleep(0.05)

    def at_clock(self, clock_ms: int) -> Callable[[dict[int, Meta]], bool]:
        """Every partition has routed what was sent, and folded a tick to the clock."""
        return lambda metas: (
            len(metas) == self.partitions
            and all(
                meta.clock_ms >= clock_ms
                and (meta.source.next_offset if meta.source else 0) >= self.sent.get(partition, 0)
                for partition, meta in metas.items()
            )
        )

    def routed(self, count: int) -> Callable[[dict[int, Meta]], bool]:
        """So many raw records have been routed in all."""
        return lambda metas: (
            sum(meta.source.next_offset for meta in metas.values() if meta.source) >= count
        )

    async def metas(self) -> dict[int, Meta]:
        """Where each partition stands."""
        found = await self.read("customers-changelog")
        return {
            partition: unpack_meta([r for r in records if r.key == META_KEY][-1].value)
            for partition, records in found.items()
        }

    async def changes(self) -> list[dict[str, Any]]:
        """All committed changes, those of a customer in their order."""
        found = await self.read("segment-changes")
        return [json.loads(record.value) for p in sorted(found) for record in found[p]]

    async def log(self) -> dict[int, list[StoredRecord]]:
        """The run's own log as far as it was folded, as the offline oracle takes it."""
        metas = await self.metas()
        found = await self.read("customer-events")
        return {
            partition: [
                StoredRecord(r.offset, r.timestamp, r.key, r.value)
                for r in records
                if r.offset < metas[partition].next_offset
            ]
            for partition, records in found.items()
        }


def run(coroutine: Any) -> Any:
    """Run a coroutine from a plain test."""
    return asyncio.run(coroutine)
