"""Publishes the segment definitions that a worker was started with, when they are news."""

from __future__ import annotations

import logging

from aiokafka import TopicPartition

from stream.events.topics import DEFINITIONS
from stream.segments.pack import pack_name
from stream.shell.connection import new_producer
from stream.shell.definition_file import read_definitions
from stream.shell.delivery import close_producer
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings

KEY = b"definitions"

logger = logging.getLogger(__name__)


async def publish_definitions(settings: Settings) -> str:
    """Write the definitions to their topic, unless the newest there are the same.

    Returns
    -------
    str
        The name of the version that is the newest now.
    """
    content = read_definitions(settings.segments)
    place = TopicPartition(settings.topic(DEFINITIONS.name), 0)
    newest: bytes | None = None
    async with LogReader(settings, [place]) as reader:
        async for records in reader.to_end():
            newest = records[-1].value
    if newest != content:
        producer = new_producer(settings)
        try:
            await producer.start()
            await producer.send_and_wait(place.topic, content, KEY, partition=place.partition)
        finally:
            await close_producer(producer)
        logger.info("published definitions %s", pack_name(content))
    return pack_name(content)
