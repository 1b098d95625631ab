"""One installation of Shoal on a broker: its names, its topics, its worker processes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream.clock import rfc3339
from stream.events.topics import TOPICS
from stream.shell.connection import new_admin
from stream.shell.embedded import EmbeddedBroker
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics
from tests.kafka.broker import Broker

DEADLINE_S = 60.0
POLL_S = 0.05

_numbers = itertools.count(1)


async def until(claim: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
    """Wait until a claim holds; what it returned. A claim may be a coroutine function."""
    ends_s = time.monotonic() + deadline_s
    while True:
        found = claim()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        if time.monotonic() > ends_s:
            raise TimeoutError(f"did not come true within {deadline_s:.0f} s")
        await asyncio.sleep(POLL_S)


def event(customer: str, number: int, time_ms: int, name: str = "Product Viewed") -> bytes:
    """A raw event as a shop sends it."""
    return json.dumps(
        {
            "type": "track",
            "messageId": f"m-{customer}-{number}",
            "userId": customer,
            "event": name,
            "timestamp": rfc3339(time_ms),
            "properties": {"product_id": f"P{number % 7}", "price": 10.5, "order_id": f"o{number}"},
        }
    ).encode()


class Installation:
    """Unique topics and a unique group on a broker that others use as well."""

    def __init__(self, broker: Broker, partitions: int = 4, **changes: Any) -> None:
        name = f"t{os.getpid()}-{next(_numbers)}"
        self.settings = Settings(
            broker=broker.address,
            app=name,
            topic_prefix=changes.pop("topic_prefix", f"{name}."),
            partitions=partitions,
            http_port=0,
            session_timeout_ms=changes.pop("session_timeout_ms", 3_000),
            **changes,
        )
        self.is_embedded = isinstance(broker, EmbeddedBroker)
        self._workers: list[WorkerProcess] = []

    def topic(self, name: str) -> str:
        return self.settings.topic(name)

    async def create(self) -> None:
        """Create the topics."""
        await create_topics(self.settings)

    async def send(self, topic: str, values: Iterable[bytes], pause_every: int = 0) -> None:
        """Write raw records, round robin; with `pause_every` about so many a 10 ms."""
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.broker, acks="all", linger_ms=2)
        await producer.start()
        try:
            sent = []
            for number, value in enumerate(values):
                partition = number % self.settings.partitions
                sent.append(await producer.send(self.topic(topic), value, partition=partition))
                if pause_every and number % pause_every == pause_every - 1:
                    await asyncio.sleep(0.01)
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    async def read(self, topic: str) -> list[Any]:
        """All committed records of a topic, each partition's in order."""
        found: list[Any] = []
        async with LogReader(self.settings, self._places(topic)) as reader:
            async for records in reader.to_end():
                found += records
        return sorted(found, key=lambda r: (r.partition, r.offset))

    async def delete_records(self, topic: str) -> None:
        """Delete all records of a topic, as nothing but an accident does of a compacted one."""
        policy = next(t for t in TOPICS if t.name == topic).configuration()["cleanup.policy"]
        await self.configure(topic, {"cleanup.policy": "delete"})
        places = self._places(topic)
        admin = new_admin(self.settings)
        await admin.start()
        try:
            # -1: up to the end.
            await admin.delete_records({tp: RecordsToDelete(before_offset=-1) for tp in places})
        finally:
            await admin.close()
        await self.configure(topic, {"cleanup.policy": policy})

    async def committed(self) -> dict[TopicPartition, int]:
        """The offsets that the group has committed, as lag tools see them."""
        admin = new_admin(self.settings)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(self.settings.group)
        finally:
            await admin.close()
        return {TopicPartition(*tp): at.offset for tp, at in found.items()}

    def environment(self, **variables: str) -> dict[str, str]:
        """What a process of this installation is told."""
        settings = self.settings
        return {
            **os.environ,
            "SHOAL_BROKER": settings.broker,
            "SHOAL_APP": settings.app,
            "SHOAL_TOPIC_PREFIX": settings.topic_prefix,
            "SHOAL_PARTITIONS": str(settings.partitions),
            "SHOAL_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
            "SHOAL_HTTP_PORT": "0",
            **variables,
        }

    @property
    def workers(self) -> Sequence[WorkerProcess]:
        """All that were started, those that have ended among them."""
        return self._workers

    def logs(self) -> str:
        """The ends of the workers' logs, for a wait that failed."""
        return "\n---\n".join(worker.log[-3000:] for worker in self._workers)

    def says(self, words: str) -> bool:
        """Whether a worker has logged this."""
        return any(words in worker.log for worker in self._workers)

    def stop_workers(self) -> None:
        """End the workers as an operator would."""
        for worker in self._workers:
            if worker.is_alive:
                assert worker.terminate() == 0, worker.log

    async def length(self, topic: str) -> int:
        """How many offsets of a topic are committed: records, and a marker a transaction."""
        async with LogReader(self.settings, self._places(topic)) as reader:
            return sum(reader.ends.values())

    def _places(self, topic: str) -> list[TopicPartition]:
        registered = next(t for t in TOPICS if t.name == topic)
        count = self.settings.partition_count(registered)
        return [TopicPartition(self.topic(topic), p) for p in range(count)]

    def start_worker(self, *words: str, **variables: str) -> WorkerProcess:
        """Start a worker process of this installation; `words` are its options."""
        worker = WorkerProcess(self.environment(**variables), words)
        self._workers.append(worker)
        return worker

    async def configure(self, topic: str, values: dict[str, str]) -> None:
        """Change settings of a topic; those that Shoal does not ask for become the broker's."""
        registered = next(t for t in TOPICS if t.name == topic)
        configs = registered.configuration() | values
        admin = new_admin(self.settings)
        await admin.start()
        try:
            resource = ConfigResource(ConfigResourceType.TOPIC, self.topic(topic), configs=configs)
            for answer in await admin.alter_configs([resource]):
                for code, message, *_ in answer.resources:
                    assert code == 0, message
        finally:
            await admin.close()

    def end(self) -> None:
        """End all workers; a failed test's report has what they wrote."""
        print(self.logs())
        self.discard()

    def discard(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.kill()


class WorkerProcess:
    """`shoal worker` as a process of its own."""

    def __init__(self, environment: dict[str, str], words: Sequence[str] = ()) -> None:
        self._log = Path(tempfile.mkstemp(prefix="shoal-worker-", suffix=".log")[1])
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stream.cli.main", "worker", *words],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def port(self) -> int | None:
        """Where health and metrics are; None: not yet."""
        for line in self.log.splitlines():
            if "health and metrics on" in line:
                return int(line.rsplit(":", 1)[1].split("/")[0])
        return None

    def is_ready(self) -> bool:
        """Whether it works on all that it has been dealt."""
        assert self.is_alive, self.log
        port = self.port()
        return port is not None and self._get(port, "/readyz")[0] == 200

    def get(self, path: str, token: str | None = None) -> tuple[int, str]:
        """Status and body of a page of its health server, for who shows this token."""
        port = self.port()
        assert port is not None, self.log
        return self._get(port, path, token)

    def metrics(self) -> dict[str, float]:
        """Samples by name with labels."""
        lines = self.get("/metrics")[1].splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def terminate(self, timeout_s: float = DEADLINE_S) -> int:
        """End it in good order; its exit code."""
        self.signal(signal.SIGTERM)
        return self._process.wait(timeout_s)

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        """Wait for its end; its exit code."""
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        if self.is_alive:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        self._process.wait()
        self._log.unlink(missing_ok=True)

    @staticmethod
    def _get(port: int, path: str, token: str | None = None) -> tuple[int, str]:
        shown = {} if token is None else {"Authorization": f"Bearer {token}"}
        asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=shown)
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with contextlib.closing(error):
                return error.code, error.read().decode()
        except (URLError, ConnectionError, TimeoutError):
            return 0, ""
