"""Publishes definitions while workers run, and waits until the log of all partitions has them."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from aiokafka import TopicPartition

from stream.engine.coordinator import STATE_KEY, CoordinatorState
from stream.engine.versions import DEFINITIONS
from stream.events.topics import CLOCK
from stream.segments.pack import pack_name
from stream.shell.definitions import COMMAND_KEY, Published, write_definitions
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings

POLL_MS = 200
TELL_S = 5.0

Tell = Callable[[str], None]
"""Hears a word of progress, now and then."""


async def publish_by_command(
    settings: Settings, content: bytes, newest: Published | None, timeout_s: float, tell: Tell
) -> bool:
    """Write definitions to their topic and wait; whether they were announced within the time.

    The same content again is written only to put it beyond the reach of workers that start.
    """
    if newest is None or newest.content != content or newest.by_start:
        await write_definitions(settings, content, COMMAND_KEY)
        tell("written; waiting for the time-keeper")
    return await is_announced(settings, DEFINITIONS, pack_name(content), timeout_s, tell)


async def is_announced(
    settings: Settings, kind: str, name: str, timeout_s: float, tell: Tell
) -> bool:
    """Wait until the time-keeper has written a version to all partitions; False: it has not.

    Its state is written with what it announces: in one transaction, or after it where the broker
    has none.
    """
    ends_s = time.monotonic() + timeout_s
    next_s = time.monotonic() + TELL_S
    state = CoordinatorState()
    async with LogReader(settings, [TopicPartition(settings.topic(CLOCK.name), 0)]) as reader:
        while True:
            for record in await reader.poll(POLL_MS):
                if record.key == STATE_KEY and record.value is not None:
                    state = msgspec.json.decode(record.value, type=CoordinatorState)
            if state.names.get(kind) == name and await reader.remaining() == 0:
                return True
            now_s = time.monotonic()
            if now_s > ends_s:
                return False
            if now_s > next_s:
                next_s = now_s + TELL_S
                tell(f"still waiting, {ends_s - now_s:.0f} s left")
