"""What Shoal has committed and when, read from its own log and changelog afterwards.

Every batch leaves a meta record, with the broker's time, that says how far its partition is. So
the span of a run is exact to some milliseconds, and nobody disturbs the run to learn it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.engine.meta import META_KEY, Meta, unpack_meta
from stream.events.topics import CHANGELOG, CUSTOMER_EVENTS, EVENTS
from tests.bench.log import PARTITIONS

TAIL_RECORDS = 200
"""Looked through for a meta record: enough for the small batches of a log that has been read."""

TAIL_STEP = 5_000


class Commit(msgspec.Struct, frozen=True):
    """A partition's batch: when, and up to which offsets of the raw topic and of its own log."""

    time_s: float
    partition: int
    raw_offset: int
    log_offset: int
    clock_ms: int


class Span(msgspec.Struct, frozen=True):
    """From the first batch, with which `events` were committed, to the one that ended the work."""

    first_s: float
    events: int
    last_s: float


async def is_done(reader: AIOKafkaConsumer, clock_ms: int) -> bool:
    """Whether all events are routed and folded, and the clock has come to `clock_ms`.

    What follows the committed offsets then has no key: ticks, which go on for ever, and the marks
    of transactions.
    """
    for partition in range(PARTITIONS):
        last = await _last_commit(reader, partition)
        if last is None or last.clock_ms < clock_ms:
            return False
        raw = TopicPartition(EVENTS.name, partition)
        if last.raw_offset < (await reader.end_offsets([raw]))[raw]:
            return False
        log = TopicPartition(CUSTOMER_EVENTS.name, partition)
        async for record in _records(reader, log, last.log_offset):
            if record.key is not None:
                return False
    return True


async def work_span(reader: AIOKafkaConsumer) -> Span:
    """The span of a run that is done."""
    commits: list[Commit] = []
    enough: dict[int, tuple[int, int]] = {}
    for partition in range(PARTITIONS):
        place = TopicPartition(CHANGELOG.name, partition)
        records = _records(reader, place, 0)
        commits += [_commit(record) async for record in records if record.key == META_KEY]
        raw = TopicPartition(EVENTS.name, partition)
        raw_end = (await reader.end_offsets([raw]))[raw]
        enough[partition] = (raw_end, await _last_keyed(reader, partition) + 1)
    return span_of(commits, enough)


def span_of(commits: Sequence[Commit], enough: dict[int, tuple[int, int]]) -> Span:
    """From the commits of all partitions, and the offsets of both topics that mean done.

    >>> commits = [Commit(10.0, 0, 7, 0, -1), Commit(12.5, 0, 9, 9, 5), Commit(13.0, 0, 9, 10, 6)]
    >>> span_of(commits, {0: (9, 9)})
    Span(first_s=10.0, events=7, last_s=12.5)
    """
    first = min((c for c in commits if c.raw_offset > 0), key=lambda c: c.time_s)
    ends = [
        min(
            commit.time_s
            for commit in commits
            if commit.partition == partition
            and commit.raw_offset >= raw_offset
            and commit.log_offset >= log_offset
        )
        for partition, (raw_offset, log_offset) in enough.items()
    ]
    return Span(first.time_s, first.raw_offset, max(ends))


def _commit(record: Any) -> Commit:
    meta: Meta = unpack_meta(record.value)
    return Commit(
        time_s=record.timestamp / 1_000,
        partition=record.partition,
        raw_offset=meta.source.next_offset if meta.source else 0,
        log_offset=meta.next_offset,
        clock_ms=meta.clock_ms,
    )


async def _last_commit(reader: AIOKafkaConsumer, partition: int) -> Commit | None:
    place = TopicPartition(CHANGELOG.name, partition)
    end = (await reader.end_offsets([place]))[place]
    last = None
    async for record in _records(reader, place, max(0, end - TAIL_RECORDS)):
        if record.key == META_KEY:
            last = _commit(record)
    return last


async def _last_keyed(reader: AIOKafkaConsumer, partition: int) -> int:
    """Offset of the last record of a customer in the partition; -1: there is none."""
    place = TopicPartition(CUSTOMER_EVENTS.name, partition)
    begin = (await reader.end_offsets([place]))[place]
    found = -1
    while found < 0 < begin:
        begin = max(0, begin - TAIL_STEP)
        async for record in _records(reader, place, begin):
            if record.key is not None:
                found = record.offset
    return found


async def _records(
    reader: AIOKafkaConsumer, place: TopicPartition, offset: int
) -> AsyncIterator[Any]:
    """Committed records of a partition from an offset to the end that it has now."""
    reader.assign([place])
    reader.seek(place, offset)
    end = (await reader.end_offsets([place]))[place]
    while await reader.position(place) < end:
        batches = await reader.getmany(timeout_ms=100, max_records=20_000)
        for record in batches.get(place, []):
            yield record
