"""Rows of customers as the changelog has them: of one customer, or of a partition.

Outside of the group, and of the workers: nothing is written, and nothing is logged, for keys are
people.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from aiokafka import TopicPartition

from stream.clock import instant_ms
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.partitioner import partition_of
from stream.events.published import PublishedChange, decode_change
from stream.events.records import PATH_MAX
from stream.events.topics import CHANGELOG, CHANGES, CUSTOMER_EVENTS, FIRST_RUN, Topic
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings
from stream.shell.topic_admin import partition_counts, runs_of

PARTITIONS_TOGETHER_MAX = 8
"""Read at the same time: with 8 MiB fetched of each at most, 64 MiB."""


async def find_customer(settings: Settings, identity: str) -> tuple[PartitionEngine, bytes] | None:
    """The partition that holds an id's row, with that row alone in it, and the row's key.

    A row that sends its records on is followed to the customer. None where there is no row. Reads
    one partition of the changelog a hop.

    Raises
    ------
    EngineStateError
        Where the changelog is of another incarnation, or of a newer build.
    """
    key = identity.encode()
    for _ in range(PATH_MAX):
        partition = partition_of(key, settings.partitions)
        engine = await restored(settings, partition, only={key})
        row = engine.store.peek(key)
        if row is None:
            return None
        if row.forward_to is None:
            return engine, key
        key = row.forward_to.encode()
    return None


async def restored(
    settings: Settings, partition: int, only: Collection[bytes] | None = None
) -> PartitionEngine:
    """A partition as its changelog has it: all its rows, packed, or `only` those of some keys.

    Raises
    ------
    EngineStateError
        As `find_customer`.
    """
    engine_settings = EngineSettings(shop=settings.shop, incarnation=settings.incarnation)
    engine = PartitionEngine(partition, engine_settings)
    place = TopicPartition(settings.topic(CHANGELOG.name), partition)
    async with LogReader(settings, [place], bare=True) as reader:
        async for records in reader.to_end():
            for record in records:
                if only is None or record.key in only or record.key.startswith(b"\0"):
                    engine.restore(record.key, record.value)
    engine.restored()
    return engine


async def changes_of(settings: Settings, identities: Collection[str]) -> list[PublishedChange]:
    """What was told of these ids, in its order, as far as the topic keeps it.

    Where a run has grown the partitions, what was told before stays where it was: each partition
    is read that the ids can have had, a few at a time.
    """
    keys = {identity.encode() for identity in identities}
    total = (await partition_counts(settings)).get(settings.topic(CHANGES.name), 0)
    places = told_places(keys, settings, await runs_of(settings), total)
    found: list[PublishedChange] = []
    for at in range(0, len(places), PARTITIONS_TOGETHER_MAX):
        some = places[at : at + PARTITIONS_TOGETHER_MAX]
        records = _records_of(settings, CHANGES, some, keys)
        found += [decode_change(record.value) async for record in records]
    return sorted(found, key=lambda one: (instant_ms(one.time), int(one.sequence)))


async def log_of(settings: Settings, identities: Collection[str]) -> AsyncIterator[Any]:
    """What the run's log of customers holds of these ids, as far as the topic keeps it."""
    keys = {identity.encode() for identity in identities}
    places = sorted({partition_of(key, settings.partitions) for key in keys})
    async for record in _records_of(settings, CUSTOMER_EVENTS, places, keys):
        yield record


def told_places(
    keys: Collection[bytes], settings: Settings, runs: Mapping[str, int], total: int
) -> list[int]:
    """Partitions of a topic of `total` that all runs have told, where these keys can be.

    Those by the number of partitions of each run up to this one. Where the topics of one of them
    are gone, nobody knows its number: all.
    """
    counts = {settings.partitions}
    if settings.incarnation != FIRST_RUN:
        if not settings.incarnation.isdecimal():
            return list(range(total))
        former = [str(number) for number in range(1, int(settings.incarnation))]
        if not runs.keys() >= set(former):
            return list(range(total))
        counts |= {runs[run] for run in former}
    return sorted({partition_of(key, count) for key in keys for count in counts})


async def _records_of(
    settings: Settings, topic: Topic, places: Collection[int], keys: Collection[bytes]
) -> AsyncIterator[Any]:
    name = settings.topic(topic.name)
    async with LogReader(settings, [TopicPartition(name, place) for place in places]) as reader:
        async for records in reader.to_end():
            for record in records:
                if record.key in keys:
                    yield record
