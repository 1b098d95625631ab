"""Keeps the process's reference book up to date from its topic."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.events.reference import InvalidReferenceError, ReferenceBook
from stream.events.topics import REFERENCE
from stream.shell.log_reader import LogReader, is_passing
from stream.shell.metrics import REFERENCE_AT, Metrics
from stream.shell.settings import Settings

POLL_MS = 500

AGAIN_S = 1.0
"""What the broker refuses now, it may take then."""

logger = logging.getLogger(__name__)


class ReferenceTail:
    """One per process: what routing joins events with."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.book = ReferenceBook()
        self.is_complete = asyncio.Event()
        self._settings = settings
        self._metrics = metrics
        self._next_offset = 0

    async def run(self) -> None:
        """Read the topic to its end, set `is_complete`, and read along until cancelled.

        A reader that fails while it reads along is followed by another, from where it stood.

        Raises
        ------
        KafkaError, TimeoutError
            The topic could not be read to its end, or no other reader would get on.
        """
        while True:
            try:
                await self._read()
            except (KafkaError, TimeoutError) as error:
                if not self.is_complete.is_set() or not is_passing(error):
                    raise
                logger.warning("the reference topic waits for the broker (%r)", error)
                await asyncio.sleep(AGAIN_S)

    async def _read(self) -> None:
        place = TopicPartition(self._settings.topic(REFERENCE.name), 0)
        async with LogReader(self._settings, [place]) as reader:
            if self.is_complete.is_set():
                await reader.seek(place, self._next_offset)
            else:
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
            self._next_offset = record.offset + 1
