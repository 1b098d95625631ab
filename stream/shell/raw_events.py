"""What the raw topic and the reference topic hold, read once, outside of the group.

Nothing is written, and no worker notices.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from stream.events.reference import InvalidReferenceError, ReferenceBook
from stream.events.topics import EVENTS, REFERENCE
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings
from stream.shell.topic_admin import TopicsError, partition_counts


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a topic is read: offsets, of which a few may hold no record."""

    topic: str
    read: int
    retained: int


async def raw_events(
    settings: Settings, since_ms: int | None, newest_max: int, tell: Callable[[Extent], None]
) -> AsyncIterator[list[Any]]:
    """Batches of records of the raw topic, up to where it ended when this began.

    Parameters
    ----------
    since_ms
        Records that the broker appended before this instant are left out.
    newest_max
        About so many of the newest are read, as many of each partition; 0: all.
    tell
        Told what will be read, before the first batch, and after the last one what was.

    Raises
    ------
    TopicsError
        The topic is not there.
    """
    topic = settings.topic(EVENTS.name)
    count = (await partition_counts(settings)).get(topic, 0)
    if not count:
        raise TopicsError(f"there is no topic {topic}")
    places = [TopicPartition(topic, number) for number in range(count)]
    async with LogReader(settings, places) as reader:
        begins = await reader.beginnings()
        starts = dict(begins) if since_ms is None else await reader.offsets_from(since_ms)
        if newest_max:
            share = -(-newest_max // count)
            starts = {tp: max(start, reader.ends[tp] - share) for tp, start in starts.items()}
        for tp, start in starts.items():
            if start > begins[tp]:
                await reader.seek(tp, start)
        tell(Extent(topic, _between(starts, reader.ends), _between(begins, reader.ends)))
        async for records in reader.to_end():
            yield [r for r in records if since_ms is None or r.timestamp >= since_ms]
        tell(Extent(topic, _between(starts, reader.ends), _between(begins, reader.ends)))


def _between(starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> int:
    return sum(max(0, ends[tp] - start) for tp, start in starts.items())


async def reference_book(settings: Settings) -> ReferenceBook:
    """The products and variants of the reference topic; none where there is no such topic."""
    book = ReferenceBook()
    topic = settings.topic(REFERENCE.name)
    if topic not in await partition_counts(settings):
        return book
    async with LogReader(settings, [TopicPartition(topic, 0)]) as reader:
        async for records in reader.to_end():
            for record in records:
                try:
                    book.take(record.key, record.value)
                except InvalidReferenceError:
                    continue  # the worker leaves it out as well, and says so
    return book
