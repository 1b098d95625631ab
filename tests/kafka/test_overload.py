"""More than a worker can take waits on the broker, not in its memory, and is caught up with."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from stream.clock import rfc3339
from tests.kafka.broker import Broker
from tests.kafka.installation import WorkerProcess, until
from tests.kafka.pipeline import Pipeline
from tests.kafka.test_bad_input import Ledger

pytestmark = pytest.mark.kafka

EVENTS = 16_000
EVENT_BYTES = 8_000
"""128 MB in all, which are twice what the memory may grow by."""

GROWTH_MAX_BYTES = 64 << 20
"""Two backlogs of 4 MiB and a fetch of 1 MiB each (shell/backlog.py), a batch of 2,000 events on
its way in and out, rows, and what the allocator does not give back."""


@pytest.fixture
def pipeline(kafka: Broker) -> Iterator[Pipeline]:
    found = Pipeline(kafka, partitions=1)
    asyncio.run(found.create())
    yield found
    found.end()


class Watch:
    """Looks at a worker's memory and lag until it is told to stop."""

    def __init__(self, worker: WorkerProcess, lagging: str) -> None:
        self.worker = worker
        self.rss: list[int] = []
        self.lags: list[float] = []
        self._lagging = lagging
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(0.1):
            self.rss.append(rss_bytes(self.worker))
            self.lags += lags_of(self.worker, self._lagging)


def lags_of(worker: WorkerProcess, name: str) -> list[float]:
    return [value for key, value in worker.metrics().items() if key.startswith(name)]


def rss_bytes(worker: WorkerProcess) -> int:
    status = Path(f"/proc/{worker.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


async def flood(pipeline: Pipeline) -> float:
    """Send everything as fast as the broker takes it; how long that took."""
    body = {
        "type": "track",
        "event": "Product Viewed",
        "properties": {"product_id": "P1"},
        "context": {"page": {"title": "x" * EVENT_BYTES}},
        "timestamp": rfc3339(int(time.time() * 1000)),
    }
    frame = json.dumps(body).encode()[1:]
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.settings.broker, max_batch_size=512 << 10, linger_ms=5
    )
    await producer.start()
    started_s = time.monotonic()
    try:
        acks = []
        for n in range(EVENTS):
            value = b'{"userId":"c-%d","messageId":"m-%d",' % (n % 500, n) + frame
            acks.append(await producer.send(pipeline.topic("events"), value, partition=0))
        await asyncio.gather(*acks)
        return time.monotonic() - started_s
    finally:
        await producer.stop()


def test_a_flood_waits_on_the_broker_and_drains(pipeline: Pipeline) -> None:
    # With so small batches a transaction each, a worker takes a tenth of what it could.
    pipeline.variables["SHOAL_BATCH_RECORDS_MAX"] = "40"
    worker = pipeline.work()
    asyncio.run(until(worker.is_ready))
    before = rss_bytes(worker)
    lagging = f'shoal_consumer_lag_records{{partition="0",topic="{pipeline.topic("events")}"'

    def is_done() -> bool:
        log = Ledger(worker.metrics(), "log")
        return log.ends("applied") + log.ends("quarantined") >= EVENTS

    with Watch(worker, lagging) as watch:
        sending_s = asyncio.run(flood(pipeline))
        started_s = time.monotonic()
        asyncio.run(until(is_done, 240))
        taking_s = time.monotonic() - started_s
    grown = max(watch.rss) - before
    print(
        f"{EVENTS * EVENT_BYTES / 1e6:.0f} MB sent in {sending_s:.1f} s, worked off "
        f"{taking_s:.1f} s later; lag up to {max(watch.lags):,.0f} records, RSS "
        f"{before / 1e6:.0f} MB and {grown / 1e6:+.0f} MB at most"
    )
    assert grown < GROWTH_MAX_BYTES
    assert max(watch.lags) > EVENTS / 4
    asyncio.run(until(lambda: lags_of(worker, lagging) == [0.0]))
    assert Ledger(worker.metrics(), "log").ends("applied") == EVENTS
