"""An imported history to the topic of raw events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from itertools import islice

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream.cli.broker_failure import explained
from stream.cli.failure import CommandFailedError
from stream.events.envelope import HISTORY_ENDS
from stream.events.history_events import HistoryEvent
from stream.events.partitioner import partition_of
from stream.events.topics import EVENTS
from stream.shell.connection import new_producer, partitions_of
from stream.shell.settings import Settings

HISTORY_ENDS_RECORD = msgspec.json.encode({"type": HISTORY_ENDS})
"""Told to every partition: no more old events are on their way, the clock may go on to now."""

SENDING_MAX = 5_000
"""Events handed to the producer before their acknowledgements are awaited: 5 MB at 1 KB each."""


def send_events(
    events: Iterable[HistoryEvent],
    settings: Settings,
    *,
    history_ends: bool,
    first_partition: int = 0,
) -> int:
    """Send the events in their order, keyed and partitioned by customer; the number sent.

    Only partitions from `first_partition` on are written to.

    Without a transaction, so that every broker will do: a batch that a retry sent twice has the
    same message ids twice.

    Raises
    ------
    CommandFailedError
        With the number of events that were acknowledged before it failed.
    """
    return asyncio.run(_send(events, settings, history_ends, first_partition))


async def _send(
    events: Iterable[HistoryEvent], settings: Settings, history_ends: bool, first: int
) -> int:
    # What the client warns of while it tries again, the error says in one line at the end.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    topic = settings.topic(EVENTS.name)
    sent = 0
    producer = new_producer(settings)
    try:
        await producer.start()
        there_are = await partitions_of(producer, topic)
        partitions = there_are[first:] if first >= 0 else []
        if not partitions:
            raise CommandFailedError(
                f"topic {topic!r} has {len(there_are)} partitions",
                "name a lower --from-partition",
                2,
            )
        todo = iter(events)
        while chunk := list(islice(todo, SENDING_MAX)):
            await _send_chunk(producer, topic, partitions, chunk)
            sent += len(chunk)
        for partition in partitions if history_ends else ():
            await producer.send_and_wait(topic, HISTORY_ENDS_RECORD, partition=partition)
    except (KafkaError, OSError) as error:
        what, then = await explained(settings, error)
        raise CommandFailedError(f"topic {topic!r} after {sent:,} events: {what}", then) from None
    finally:
        await producer.stop()
    return sent


async def _send_chunk(
    producer: AIOKafkaProducer, topic: str, partitions: list[int], chunk: list[HistoryEvent]
) -> None:
    """One partition's batches leave one after the other, so its order is that of the sends."""
    sent = []
    for event in chunk:
        key = event.key.encode()
        to = partitions[partition_of(key, len(partitions))]
        sent.append(await producer.send(topic, event.value, key=key, partition=to))
    await asyncio.gather(*sent)
