"""Whether the topics are those that a partition's rows and offsets are of.

Offsets and rows mean something for one topic with one number of partitions. A topic that was
deleted and made anew, or an emptied changelog, would be read from somewhere in the middle, or
everything would be told again: a worker refuses to start on them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)

from stream.engine.effects import EngineStateError
from stream.engine.meta import SourceState
from stream.events.topics import CHANGELOG, CUSTOMER_EVENTS, EVENTS
from stream.shell.connection import new_admin
from stream.shell.settings import Settings
from stream.shell.topic_ids import topic_ids

COORDINATOR_TIMEOUT_S = 30.0
COORDINATOR_POLL_S = 0.1
_NOT_YET = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)
"""A broker that has just started says so of the groups' offsets."""

REBUILD = (
    "put the topic back, or make a new run from the events that there are: shoal rebuild --help"
)


class TopicLostError(EngineStateError):
    """A topic is not the one that the rows or offsets are of; says which, and what to do."""


@dataclass(frozen=True, slots=True)
class KnownTopics:
    """What the broker said of the topics at the worker's start.

    ids        topic -> the broker's own id; empty where it tells none
    committed  what the group had committed: whoever has committed has left a meta record
    """

    settings: Settings
    ids: Mapping[str, str] = field(default_factory=dict)
    committed: Mapping[TopicPartition, int] = field(default_factory=dict)

    def check(self, partition: int, source: SourceState | None) -> None:
        """Compare with what the partition's meta record remembers.

        Raises
        ------
        TopicLostError
            Rows and topics do not belong together.
        """
        name = self.settings.topic
        log = TopicPartition(name(CUSTOMER_EVENTS.name), partition)
        if source is None:
            if self.committed.get(log, 0) > 0:
                raise TopicLostError(
                    f"{name(CHANGELOG.name)}-{partition} is empty, and its rows had been written: "
                    f"{log.topic} was folded up to offset {self.committed[log]}. It was deleted or "
                    f"emptied; {REBUILD}"
                )
            return
        if source.partitions not in {0, self.settings.partitions}:
            raise TopicLostError(
                f"the customers are spread over {source.partitions} partitions, and "
                f"SHOAL_PARTITIONS is {self.settings.partitions}: set it back, or grow by a new "
                f"run: shoal rebuild --help"
            )
        for topic, known in ((name(EVENTS.name), source.raw_id), (log.topic, source.log_id)):
            found = self.ids.get(topic, "")
            if known and found and found != known:
                raise TopicLostError(
                    f"{topic} is not the topic that was read: it was deleted and made anew, with "
                    f"id {found} instead of {known}; {REBUILD}"
                )

    def remembered(self, source: SourceState | None) -> SourceState:
        """The state with what is to be remembered of the topics."""
        known = source or SourceState()
        name = self.settings.topic
        return msgspec.structs.replace(
            known,
            partitions=self.settings.partitions,
            raw_id=self.ids.get(name(EVENTS.name), known.raw_id),
            log_id=self.ids.get(name(CUSTOMER_EVENTS.name), known.log_id),
        )


async def known_topics(settings: Settings) -> KnownTopics:
    """Ask the broker; what it does not tell is not compared."""
    return KnownTopics(settings, await topic_ids(settings), await _committed(settings))


async def _committed(settings: Settings) -> dict[TopicPartition, int]:
    admin = new_admin(settings)
    await admin.start()
    ends_s = time.monotonic() + COORDINATOR_TIMEOUT_S
    try:
        while True:
            try:
                found = await admin.list_consumer_group_offsets(settings.group)
            except _NOT_YET:
                if time.monotonic() > ends_s:
                    raise
                await asyncio.sleep(COORDINATOR_POLL_S)
            else:
                return {TopicPartition(*tp): at.offset for tp, at in found.items()}
    finally:
        await admin.close()
