"""Simulated traffic into the topic of raw events."""

from __future__ import annotations

import asyncio
import logging
import os

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream.cli.broker_failure import explained
from stream.cli.failure import CommandFailedError
from stream.cli.simulate_output import Chunks
from stream.events.partitioner import partition_of
from stream.events.topics import EVENTS
from stream.shell.connection import new_producer, partitions_of
from stream.shell.settings import SettingError, read_settings
from stream.simulation.traffic import SimulatedEvent


async def send_chunks(chunks: Chunks) -> int:
    """Send the events in their order to the broker of the environment; the number sent.

    Keyed by the id that the event carries, as RudderStack does: a customer who logs in changes
    the partition, and it is Shoal's to bring both together. A chunk is acknowledged before the
    next one is sent, so that a slow broker slows the traffic rather than filling memory.

    Raises
    ------
    CommandFailedError
        With the number of events that were acknowledged before it failed.
    """
    try:
        settings = read_settings(os.environ)
    except SettingError as error:
        raise CommandFailedError(str(error), "correct the setting", 2) from None
    # What the client warns of while it tries again, the error says in one line at the end.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    topic = settings.topic(EVENTS.name)
    sent = 0
    producer = new_producer(settings)
    try:
        await producer.start()
        partitions = len(await partitions_of(producer, topic))
        async for chunk in chunks:
            await _send_chunk(producer, topic, partitions, chunk)
            sent += len(chunk)
    except (KafkaError, OSError) as error:
        what, then = await explained(settings, error)
        raise CommandFailedError(f"topic {topic!r} after {sent:,} events: {what}", then) from None
    finally:
        await producer.stop()
    return sent


async def _send_chunk(
    producer: AIOKafkaProducer, topic: str, partitions: int, chunk: list[SimulatedEvent]
) -> None:
    waiting = []
    for event in chunk:
        to = partition_of(event.key, partitions)
        waiting.append(await producer.send(topic, event.value, key=event.key, partition=to))
    await asyncio.gather(*waiting)
