"""What the demo sees of its installation: the output topics, and the worker's own numbers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from stream.cli.demo_board import Board, Sample
from stream.events.published import PublishedChange
from stream.events.topics import CHANGES, EVENTS, MEMBERSHIPS
from stream.shell.connection import new_reader
from stream.shell.settings import Settings

PROGRESS_INTERVAL_S = 0.25
_FETCH_MS = 100

_CONSUMED = "shoal_records_consumed_total"
_CLOCK = "shoal_clock_timestamp_seconds"

Seen = Callable[[PublishedChange, bytes], None]


class Watcher:
    """Fills a board from the broker and from the worker's `/metrics`.

    Parameters
    ----------
    on_change
        Called with every change and its bytes, in the order in which they were read.
    """

    def __init__(self, settings: Settings, board: Board, on_change: Seen) -> None:
        self._settings = settings
        self._board = board
        self._on_change = on_change
        self._reader: AIOKafkaConsumer | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Connect; the topics are there."""
        self._reader = new_reader(self._settings)
        await self._reader.start()
        topics = [self._settings.topic(topic.name) for topic in (CHANGES, MEMBERSHIPS)]
        parts = [TopicPartition(t, p) for t in topics for p in range(self._settings.partitions)]
        self._reader.assign(parts)
        await self._reader.seek_to_beginning(*parts)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2))

    async def stop(self) -> None:
        """Disconnect."""
        if self._reader is not None:
            await self._reader.stop()
        if self._session is not None:
            await self._session.close()

    async def watch_topics(self) -> None:
        """Read on until cancelled."""
        assert self._reader is not None
        changes = self._settings.topic(CHANGES.name)
        while True:
            batches = await self._reader.getmany(timeout_ms=_FETCH_MS)
            for partition, records in batches.items():
                for record in records:
                    if partition.topic == changes:
                        self._on_change(self._board.see_change(record.value), record.value)
                    else:
                        self._board.see_membership(record.key, record.value)
            # A long backlog must not starve the picture.
            await asyncio.sleep(0)

    async def watch_progress(self) -> None:
        """Take a sample four times a second until cancelled."""
        while True:
            self._board.see_progress(await self._sample())
            await asyncio.sleep(PROGRESS_INTERVAL_S)

    async def _sample(self) -> Sample:
        assert self._reader is not None
        topic = self._settings.topic(EVENTS.name)
        parts = [TopicPartition(topic, p) for p in range(self._settings.partitions)]
        written = sum((await self._reader.end_offsets(parts)).values())
        done, clock_ms = self._board.latest.done_count, self._board.latest.clock_ms
        if (text := await self._metrics()) is not None:
            done, clock_ms = progress(text.splitlines(keepends=True))
        return Sample(time.monotonic(), int(time.time() * 1000), written, done, clock_ms)

    async def _metrics(self) -> str | None:
        """The worker's metrics; None while it is not up."""
        assert self._session is not None
        url = f"http://{self._settings.http_host}:{self._settings.http_port}/metrics"
        try:
            async with self._session.get(url) as answer:
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return None


def progress(lines: Iterable[str]) -> tuple[int, int]:
    r"""Raw events consumed, and the clock in milliseconds, of a metrics page.

    >>> progress(['shoal_records_consumed_total{at="raw"} 7\n',
    ...           'shoal_records_consumed_total{at="log"} 9\n',
    ...           'shoal_clock_timestamp_seconds 1.5\n'])
    (7, 1500)
    """
    done, clock_s = 0.0, 0.0
    text = "".join(line for line in lines if line.startswith((_CONSUMED, _CLOCK)))
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == _CONSUMED and sample.labels.get("at") == "raw":
                done += sample.value
            elif sample.name == _CLOCK:
                clock_s = sample.value
    return int(done), int(clock_s * 1000)
