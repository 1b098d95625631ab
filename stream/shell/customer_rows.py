"""Rows of customers as the changelog has them: of one customer, or of a partition.

Outside of the group, and of the workers: nothing is written, and nothing is logged, for keys are
people.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

from aiokafka import TopicPartition

from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.partitioner import partition_of
from stream.events.published import PublishedChange, decode_change
from stream.events.records import PATH_MAX
from stream.events.topics import CHANGELOG, CHANGES, CUSTOMER_EVENTS, Topic
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings


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
        engine = await restored(settings, partition, only=key)
        row = engine.store.peek(key)
        if row is None:
            return None
        if row.forward_to is None:
            return engine, key
        key = row.forward_to.encode()
    return None


async def restored(
    settings: Settings, partition: int, only: bytes | None = None
) -> PartitionEngine:
    """A partition as its changelog has it: all its rows, packed, or `only` one.

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
                if only is None or record.key == only or record.key.startswith(b"\0"):
                    engine.restore(record.key, record.value)
    engine.restored()
    return engine


async def changes_of(
    settings: Settings, identities: Collection[str]
) -> AsyncIterator[PublishedChange]:
    """What was told of these ids, each partition's in its order, as far as the topic keeps it."""
    async for record in _records_of(settings, CHANGES, identities):
        yield decode_change(record.value)


async def log_of(settings: Settings, identities: Collection[str]) -> AsyncIterator[Any]:
    """What the log of customers holds of these ids, as far as the topic keeps it."""
    async for record in _records_of(settings, CUSTOMER_EVENTS, identities):
        yield record


async def _records_of(
    settings: Settings, topic: Topic, identities: Collection[str]
) -> AsyncIterator[Any]:
    keys = {identity.encode() for identity in identities}
    name = settings.topic(topic.name)
    places = {TopicPartition(name, partition_of(key, settings.partitions)) for key in keys}
    async with LogReader(settings, sorted(places)) as reader:
        async for records in reader.to_end():
            for record in records:
                if record.key in keys:
                    yield record
