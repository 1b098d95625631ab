"""Where data of a customer are kept, and for how long."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from stream.clock import DAY_MS
from stream.events import topics
from stream.events.topics import Topic
from stream.shell.settings import Settings

_PERSONAL: Final[tuple[tuple[Topic, str], ...]] = (
    (topics.EVENTS, "events as the shop sent them"),
    (topics.CUSTOMER_EVENTS, "events as they were read, by customer"),
    (topics.CHANGELOG, "the row"),
    (topics.CHANGES, "entries and exits"),
    (topics.ACTIONS, "actions"),
    (topics.MEMBERSHIPS, "segments now"),
    (topics.DEAD_LETTERS, "events that could not be applied"),
)


class Retained(msgspec.Struct, frozen=True):
    """A topic that holds data of customers.

    days  after so many what is erased, superseded or old is gone from it, by what was planned
    """

    topic: str
    what: str
    days: int


def retained(settings: Settings) -> list[Retained]:
    """Every topic that knows customers, with the settings of this installation."""
    return [
        Retained(settings.topic(topic.name), what, _days(settings, topic))
        for topic, what in _PERSONAL
    ]


def _days(settings: Settings, topic: Topic) -> int:
    config = settings.privacy.configuration(topic)
    names = ["retention.ms", "max.compaction.lag.ms", "delete.retention.ms", "segment.ms"]
    return math.ceil(sum(int(config.get(name, 0)) for name in names) / DAY_MS)
