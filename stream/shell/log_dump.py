"""The customers' log as far as it was folded: what the offline oracle replays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from aiokafka import TopicPartition

from stream.engine.meta import META_KEY, unpack_meta
from stream.events.topics import CHANGELOG, CUSTOMER_EVENTS
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings


async def log_beginnings(settings: Settings) -> dict[int, int]:
    """The first offset of each partition of the customer log: past 0 where retention has cut it."""
    topic = settings.topic(CUSTOMER_EVENTS.name)
    places = [TopicPartition(topic, p) for p in range(settings.partitions)]
    async with LogReader(settings, places) as reader:
        return {place.partition: offset for place, offset in (await reader.beginnings()).items()}


async def snapshot(settings: Settings, partitions: Iterable[int]) -> AsyncIterator[list[Any]]:
    """Batches of the changelog's records: what restores these partitions, superseded rows too."""
    topic = settings.topic(CHANGELOG.name)
    places = [TopicPartition(topic, p) for p in partitions]
    if places:
        async with LogReader(settings, places) as reader:
            async for records in reader.to_end():
                yield records


async def folded_log(
    settings: Settings, partitions: Iterable[int] | None = None
) -> AsyncIterator[tuple[int, list[Any]]]:
    """Batches of (partition, records) of the customer log, each partition in its order.

    Records that no committed batch has folded yet are left out: of the others, and of nothing
    else, the topic of changes tells.
    """
    ends = await _folded_ends(settings)
    wanted = list(ends if partitions is None else partitions)
    if not wanted:
        return
    topic = settings.topic(CUSTOMER_EVENTS.name)
    async with LogReader(settings, [TopicPartition(topic, p) for p in wanted]) as reader:
        async for records in reader.to_end():
            partition = records[0].partition if records else -1
            folded = [r for r in records if r.offset < ends[r.partition]]
            if folded:
                yield partition, folded


async def _folded_ends(settings: Settings) -> dict[int, int]:
    """The offset after the last folded record of each partition."""
    topic = settings.topic(CHANGELOG.name)
    ends = dict.fromkeys(range(settings.partitions), 0)
    async with LogReader(settings, [TopicPartition(topic, p) for p in ends]) as reader:
        async for records in reader.to_end():
            for record in records:
                if record.key == META_KEY and record.value is not None:
                    ends[record.partition] = unpack_meta(record.value).next_offset
    return ends
