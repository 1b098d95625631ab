"""Publishes the segment definitions that a worker was started with, when they are news."""

from __future__ import annotations

import importlib.resources
import logging
from pathlib import Path

from aiokafka import TopicPartition

from stream.events.topics import DEFINITIONS
from stream.segments.pack import load_pack, pack_name
from stream.shell.connection import new_producer
from stream.shell.delivery import close_producer
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings

KEY = b"definitions"

logger = logging.getLogger(__name__)


def read_definitions(path: Path | None) -> bytes:
    """The definitions' text, checked; the built-in pack where no file is given.

    Raises
    ------
    DefinitionError
        Naming file, line, field, and what to write instead.
    """
    if path is None:
        pack = importlib.resources.files("stream.segments").joinpath("pack.yaml")
        content, name = pack.read_bytes(), "the built-in pack"
    else:
        content, name = path.read_bytes(), str(path)
    load_pack(content, name)
    return content


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
