"""Keeps the process's reference book up to date from its topic."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiokafka import TopicPartition

from stream.events.reference import InvalidReferenceError, ReferenceBook
from stream.events.topics import REFERENCE
from stream.shell.log_reader import LogReader
from stream.shell.metrics import REFERENCE_AT, Metrics
from stream.shell.settings import Settings

POLL_MS = 500

logger = logging.getLogger(__name__)


class ReferenceTail:
    """One per process: what routing joins events with."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.book = ReferenceBook()
        self.is_complete = asyncio.Event()
        self._settings = settings
        self._metrics = metrics

    async def run(self) -> None:
        """Read the topic to its end, set `is_complete`, and read along until cancelled."""
        place = TopicPartition(self._settings.topic(REFERENCE.name), 0)
        async with LogReader(self._settings, [place]) as reader:
            async for records in reader.to_end():
                self._update(records)
            self.is_complete.set()
            while True:
                self._update(await reader.poll(POLL_MS))

    def _update(self, records: list[Any]) -> None:
        for record in records:
            try:
                self.book.take(record.key, record.value)
            except InvalidReferenceError as error:
                # The topic is someone else's; the record stays there, and is as good as not sent.
                logger.warning(
                    "reference record at offset %d is left out: %s", record.offset, error
                )
                self._metrics.dead.labels(REFERENCE_AT, "invalid").inc()
