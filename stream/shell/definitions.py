"""Definitions on their topic: which of them counts, and what a worker publishes at its start.

The newest content that loads counts. One that was published by command (`shoal segments publish`)
outranks whatever workers are started with: a worker that restarts with an older file, or with the
built-in pack, leaves it alone and says so. `SHOAL_SEGMENTS_AT_START=publish` has it otherwise.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from aiokafka import TopicPartition

from stream.clock import rfc3339
from stream.events.topics import DEFINITIONS
from stream.segments.pack import load_pack, pack_name
from stream.segments.source import DefinitionError
from stream.shell.connection import new_producer
from stream.shell.definition_file import read_definitions
from stream.shell.delivery import close_producer
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings

START_KEY = b"definitions"
"""Of what a worker has published at its start; any other content was published by somebody."""

COMMAND_KEY = b"definitions:command"

PAST_KEY = b"past"
"""Of a record on the same topic that is no definition: what was kept of the past is whole."""

logger = logging.getLogger(__name__)


class Published(msgspec.Struct, frozen=True):
    """A content that stands on the topic and loads; `time_ms` is when it was written."""

    name: str
    content: bytes
    by_start: bool
    time_ms: int


async def newest_definitions(settings: Settings) -> Published | None:
    """The newest content on the topic that loads; None where there is none."""
    records: list[Any] = []
    async with LogReader(settings, [_place(settings)]) as reader:
        async for batch in reader.to_end():
            records += batch
    for record in reversed(records):
        if record.key == PAST_KEY or refusal(record.value) is not None:
            continue
        name = pack_name(record.value)
        return Published(name, record.value, record.key == START_KEY, record.timestamp)
    return None


def refusal(content: bytes | None) -> str | None:
    """Why a content is no definitions; None where it loads. As dear as loading, once."""
    if content is None:
        return "it is empty"
    try:
        load_pack(content)
    except DefinitionError as error:
        return str(error)
    except (ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"
    return None


async def publish_definitions(settings: Settings) -> str:
    """Write a starting worker's definitions to their topic, where they are to count.

    Returns
    -------
    str
        The name of the version that is the newest now.
    """
    content = read_definitions(settings.segments)
    newest = await newest_definitions(settings)
    if newest is not None and newest.content == content:
        return newest.name
    if newest is not None and not newest.by_start and settings.segments_at_start != "publish":
        what = "the built-in pack" if settings.segments is None else str(settings.segments)
        logger.warning(
            "definitions %s, published by command at %s, stay in force; %s (%s) is not used: "
            "`shoal segments publish FILE` changes them, SHOAL_SEGMENTS_AT_START=publish lets "
            "a worker's start do so",
            newest.name, rfc3339(newest.time_ms), what, pack_name(content),
        )  # fmt: skip
        return newest.name
    await write_definitions(settings, content, START_KEY)
    logger.info("published definitions %s", pack_name(content))
    return pack_name(content)


async def write_definitions(settings: Settings, content: bytes, key: bytes) -> None:
    """Append a content to the topic, acknowledged by all replicas."""
    place = _place(settings)
    producer = new_producer(settings)
    try:
        await producer.start()
        await producer.send_and_wait(place.topic, content, key, partition=place.partition)
    finally:
        await close_producer(producer)


def _place(settings: Settings) -> TopicPartition:
    return TopicPartition(settings.topic(DEFINITIONS.name), 0)
