"""A long run at a modest rate: does a worker's memory, its descriptors or its latency creep?

A real broker, a real worker and the simulated shop; besides it probes, whose every event changes
a segment: from the send to the committed change is what a subscriber waits. Run by
`make soak MINUTES=20`; exit code 0 where the verdict is flat, else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, quantiles

from aiokafka import AIOKafkaProducer, TopicPartition

from stream.clock import rfc3339
from stream.events.partitioner import partition_of
from stream.shell.connection import new_producer
from stream.shell.log_reader import LogReader
from tests.kafka.broker import discard, lasting_broker
from tests.kafka.installation import Installation, WorkerProcess, until

PROBES = 60
PROBE_EVERY_S = 0.2
"""Each of 60 customers every 12 s: 300 latencies a minute."""

CUSTOMERS_PER_RATE = 50
"""Customers for an event a second: each causes one in 50 s, while it is there."""

OPEN_TIMEOUT_S = 300.0
SESSION_TIMEOUT_MS = 10_000
SAMPLE_S = 5.0
WARM_UP_SHARE = 0.5
"""Of the run, before the part that is judged: the shop's customers first come, caches fill, and
after five to ten minutes the first model of the clusters is made, which takes 14 MB once."""

LIVE_ROW_BYTES = 12_000
"""Of each row that is new: live rows take so much, ids and windows among it, and a worker keeps
20,000 of them (engine/store.py). Memory that grows with the rows is no leak until then."""

RSS_GROWTH_MAX = 0.05
"""Of the memory at the judged part's beginning, beyond what new rows explain."""

DESCRIPTORS_MAX = 5
LATENCY_RATIO_MAX = 1.5
"""Median latency of the last third of the judged part against the first one."""


@dataclass
class Minute:
    """What was seen within a minute; samples of a process are its last."""

    latencies_ms: list[float] = field(default_factory=list)
    rss_mb: float = 0.0
    descriptors: int = 0
    threads: int = 0
    rows: int = 0
    rows_mb: float = 0.0
    consumed: float = 0.0
    lag: float = 0.0

    def quantile_ms(self, percent: int) -> float:
        if len(self.latencies_ms) < 2:
            return float("nan")
        return quantiles(self.latencies_ms, n=100, method="inclusive")[percent - 1]


class Soak:
    """One run; `minutes` fills while it goes on."""

    def __init__(self, place: Installation, worker: WorkerProcess) -> None:
        self.place = place
        self.worker = worker
        self.minutes: list[Minute] = []
        self.samples: list[tuple[float, float]] = []
        self.unanswered = 0
        self._started_s = time.monotonic()
        self._sent_s: dict[str, float] = {}
        self._rows: dict[bytes, int] = {}

    @property
    def now(self) -> Minute:
        at = int((time.monotonic() - self._started_s) / 60)
        while len(self.minutes) <= at:
            self.minutes.append(Minute())
        return self.minutes[-1]

    async def probe(self) -> None:
        """Turn one customer after the other over, and remember when."""
        producer: AIOKafkaProducer = new_producer(self.place.settings)
        await producer.start()
        number = 0
        try:
            while True:
                customer = f"probe-{number % PROBES}"
                value, key = self._probe(customer, number), customer.encode()
                to = partition_of(key, self.place.settings.partitions)
                if self._sent_s.pop(customer, None) is not None:
                    self.unanswered += 1
                self._sent_s[customer] = time.monotonic()
                await producer.send(self.place.topic("events"), value, key=key, partition=to)
                number += 1
                await asyncio.sleep(PROBE_EVERY_S)
        finally:
            await producer.stop()

    @staticmethod
    def _probe(customer: str, number: int) -> bytes:
        quota = number // PROBES % 2
        now = rfc3339(int(time.time() * 1000))
        return json.dumps(
            {
                "type": "identify",
                "userId": customer,
                "messageId": f"probe-{number}",
                "timestamp": now,
                "traits": {"quota_left": quota},
            }
        ).encode()

    async def listen(self) -> None:
        """Hear of the probes' changes as a subscriber does."""
        async for records in self._follow("segment-changes"):
            for record in records:
                if record.key.startswith(b"probe-") and b'"quota_exhausted"' in record.value:
                    sent_s = self._sent_s.pop(record.key.decode(), None)
                    if sent_s is not None:
                        self.now.latencies_ms.append(1000 * (time.monotonic() - sent_s))

    async def weigh(self) -> None:
        """Keep the sizes of the newest rows, which is what the worker has to hold."""
        async for records in self._follow("customers-changelog"):
            for record in records:
                self._rows[record.key] = len(record.value or b"")

    async def _follow(self, name: str) -> AsyncIterator[list[object]]:
        count = self.place.settings.partitions
        places = [TopicPartition(self.place.topic(name), number) for number in range(count)]
        async with LogReader(self.place.settings, places) as reader:
            while True:
                yield await reader.poll(200)

    async def sample(self) -> None:
        """Look at the process from outside."""
        folder = Path(f"/proc/{self.worker.pid}")
        while True:
            assert self.worker.is_alive, self.worker.log[-3000:]
            status = dict(
                line.split(":", 1) for line in (folder / "status").read_text().splitlines()
            )
            minute = self.now
            minute.rss_mb = int(status["VmRSS"].split()[0]) * 1024 / 1e6
            minute.threads = int(status["Threads"])
            minute.descriptors = len(list((folder / "fd").iterdir()))
            minute.rows = len(self._rows)
            minute.rows_mb = sum(self._rows.values()) / 1e6
            metrics = await asyncio.to_thread(self.worker.metrics)
            for name, value in metrics.items():
                if name.startswith('shoal_records_consumed_total{at="raw"'):
                    minute.consumed = value
            minute.lag = sum(v for k, v in metrics.items() if "consumer_lag_records{" in k)
            self.samples.append(((time.monotonic() - self._started_s) / 60, minute.rss_mb))
            await asyncio.sleep(SAMPLE_S)


@contextmanager
def shop(place: Installation, rate: float) -> Iterator[None]:
    """The simulated shop, live, with so few customers that all of them come early on."""
    words = [sys.executable, "-m", "stream.cli.main", "simulate", "--to", "kafka", "--json"]
    words += ["--rate", f"{rate:g}", "--customers", f"{int(rate * CUSTOMERS_PER_RATE)}"]
    process = subprocess.Popen(
        words, env=place.environment(), stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def run(place: Installation, minutes: float, rate: float) -> Soak:
    """Let it run; what was seen."""
    await place.create()
    worker = place.start_worker()
    await until(worker.is_ready)
    with shop(place, rate):
        # The shop opens with a burst.
        await until(lambda: worker.metrics()["shoal_records_routed_total"] > rate, OPEN_TIMEOUT_S)
        soak = Soak(place, worker)
        tasks = [
            asyncio.create_task(work())
            for work in (soak.probe, soak.listen, soak.weigh, soak.sample)
        ]
        done, _ = await asyncio.wait(
            tasks, timeout=60 * minutes, return_when=asyncio.FIRST_EXCEPTION
        )
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()
    assert worker.terminate() == 0, worker.log[-3000:]
    return soak


def table(soak: Soak) -> str:
    """By minute, as Markdown."""
    lines = [
        "| minute | events/s | rows | row MB | RSS MB | files | threads | lag | p50 ms | p99 ms |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    before = 0.0
    for number, each in enumerate(soak.minutes, 1):
        rate = (each.consumed - before) / 60 if number > 1 else float("nan")
        before = each.consumed
        lines.append(
            f"| {number} | {rate:.0f} | {each.rows:,} | {each.rows_mb:.1f} | {each.rss_mb:.1f} | "
            f"{each.descriptors} | {each.threads} | {each.lag:.0f} | {each.quantile_ms(50):.0f} | "
            f"{each.quantile_ms(99):.0f} |"
        )
    return "\n".join(lines)


def verdict(soak: Soak) -> tuple[list[str], bool]:
    """What the judged part says, and whether it is flat."""
    ends = soak.samples[-1][0]
    judged = [(at, rss) for at, rss in soak.samples if at >= WARM_UP_SHARE * ends]
    minutes = [m for m in soak.minutes[int(WARM_UP_SHARE * ends) :] if m.latencies_ms]
    slope, base = linear_regression(*zip(*judged, strict=True))
    at_first = base + slope * judged[0][0]
    grown = slope * (judged[-1][0] - judged[0][0])
    explained = LIVE_ROW_BYTES * (minutes[-1].rows - minutes[0].rows) / 1e6
    third = max(1, len(minutes) // 3)
    early = sorted(m.quantile_ms(50) for m in minutes[:third])[third // 2]
    late = sorted(m.quantile_ms(50) for m in minutes[-third:])[third // 2]
    descriptors = [m.descriptors for m in minutes]
    threads = [m.threads for m in minutes]
    claims = [
        (
            grown - explained <= RSS_GROWTH_MAX * at_first,
            f"RSS {slope:+.2f} MB a minute, {grown:.0f} MB; new rows explain {explained:.0f} MB",
        ),
        (
            max(descriptors) - min(descriptors) <= DESCRIPTORS_MAX,
            f"descriptors {min(descriptors)} to {max(descriptors)}",
        ),
        (max(threads) == min(threads), f"threads {min(threads)} to {max(threads)}"),
        (
            late <= LATENCY_RATIO_MAX * early,
            f"p50 {early:.0f} ms in the first third, {late:.0f} ms in the last",
        ),
        (soak.unanswered == 0, f"{soak.unanswered} probes without an answer within 12 s"),
    ]
    words = [f"{'flat' if holds else 'NOT FLAT'}: {claim}" for holds, claim in claims]
    return words, all(holds for holds, _ in claims)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it, print the table and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=60.0, help="events a second")
    args = parser.parse_args(argv)
    broker = lasting_broker()
    place = None
    try:
        place = Installation(broker.start(), session_timeout_ms=SESSION_TIMEOUT_MS)
        soak = asyncio.run(run(place, args.minutes, args.rate))
    finally:
        if place is not None:
            place.end()
        discard(broker)
    print(table(soak))
    words, is_flat = verdict(soak)
    print("\n".join(words))
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
