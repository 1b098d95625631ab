"""Brings a partition's rows back from its changelog, as fast as they can be read.

Outside the group: heartbeats go on meanwhile, and partitions that a worker keeps re-read nothing.
The partition's delivery must be open before, or the former owner could still add rows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from aiokafka import TopicPartition

from stream.events.topics import CHANGELOG
from stream.shell.log_reader import LogReader
from stream.shell.metrics import Metrics
from stream.shell.settings import Settings


class Restorable(Protocol):
    """What a changelog is read into."""

    def restore(self, key: bytes, value: bytes | None) -> None: ...

    def index(self) -> Iterator[int]: ...


async def restore_partition(
    settings: Settings,
    partition: int,
    engine: Restorable,
    metrics: Metrics,
    progressed: Callable[[], None],
) -> int:
    """Read the changelog's partition to its end into `engine`; `progressed` hears of each batch.

    Returns
    -------
    int
        Rows read, tombstones and superseded rows included.
    """
    started_s = time.monotonic()
    row_count = 0
    changelog = TopicPartition(settings.topic(CHANGELOG.name), partition)
    remaining = metrics.restore_remaining.labels(str(partition))
    restore = engine.restore
    async with LogReader(settings, [changelog], bare=True) as reader:
        async for records in reader.to_end():
            for record in records:
                restore(record.key, record.value)
            row_count += len(records)
            progressed()
            remaining.set(await reader.remaining())
    for _ in engine.index():
        progressed()
        await asyncio.sleep(0)
    remaining.set(0)
    metrics.restore_rows.inc(row_count)
    metrics.restore_seconds.observe(time.monotonic() - started_s)
    return row_count
