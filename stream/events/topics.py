"""The topics: every name that Shoal reads or writes, with what it needs of the broker.

All of them take the broker's time (`LogAppendTime`): the idle rule and `historic` count with it.
What Shoal writes is partitioned by the CRC-32 of the key, librdkafka's `consistent`, so that
other clients find a customer's partition too.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from stream.clock import DAY_MS, HOUR_MS

SINGLE = 1
"""Partitions of a topic that one process reads as a whole."""

RECORD_BYTES_MAX = 1 << 20
"""The largest record that Shoal writes; 32 times the largest event that the envelope allows."""

MESSAGE_BYTES_MAX = RECORD_BYTES_MAX + (64 << 10)
"""What the broker must take: one such record with its headers and its batch's frame."""

SEGMENT_BYTES = 64 << 20
SINGLE_SEGMENT_BYTES = 8 << 20
"""A compacted topic's segment file. The newest is never compacted, so it is what a restore reads
too much. Topics of one partition hold little that counts: a few KB of each partition."""


COMPACTED_WITHIN_MS = 7 * DAY_MS
"""What was superseded is compacted away by then. With as much again for the tombstone, an erased
customer's id is gone after 15 days: a month is what the law gives (GDPR, article 12(3))."""

TOMBSTONES_KEPT_MS = 7 * DAY_MS
"""Tombstones must outlive the longest time for which a reader that keeps rows is away."""

RETAINED_SEGMENTS = 28
COMPACTED_SEGMENTS = 7
"""Files that the time is cut into. The broker deletes and compacts whole ones, and not the newest:
records of 28 days go after 29, with its own week to a file it would be 35."""

SEGMENT_MS_MAX = 30 * DAY_MS


def _segment_ms(kept_ms: int, files: int) -> int:
    return min(max(kept_ms // files, HOUR_MS), SEGMENT_MS_MAX)


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic's contract.

    `partitions` None stands for the number chosen for the installation; `retention_ms` None keeps
    records for ever, or for a compacted topic the last one of each key. `of_run` topics belong to
    one run over the events, an incarnation: another one has its own beside them. The others are
    for all, and each is written by one run at a time.
    """

    name: str
    purpose: str
    access: Literal["read", "write", "both"]
    partitions: int | None = None
    compacted: bool = False
    retention_ms: int | None = None
    of_run: bool = False

    def partition_count(self, partitions: int) -> int:
        """How many partitions it has in an installation with `partitions`."""
        return self.partitions or partitions

    def configuration(self, kept_ms: int | None = None) -> dict[str, str]:
        """The broker's settings for it, each as the broker spells it.

        `kept_ms` is how long it keeps records, or those that later ones have superseded where it is
        compacted; None: as long as it usually does.
        """
        config = {
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MESSAGE_BYTES_MAX),
        }
        if self.compacted:
            lag_ms = COMPACTED_WITHIN_MS if kept_ms is None else kept_ms
            config |= {
                "cleanup.policy": "compact",
                "segment.bytes": str(SINGLE_SEGMENT_BYTES if self.partitions else SEGMENT_BYTES),
                "segment.ms": str(_segment_ms(lag_ms, COMPACTED_SEGMENTS)),
                "min.cleanable.dirty.ratio": "0.3",
                # An erased customer's last row is gone after the first, the tombstone after both.
                "max.compaction.lag.ms": str(lag_ms),
                "delete.retention.ms": str(max(lag_ms, TOMBSTONES_KEPT_MS)),
            }
        else:
            if kept_ms is None:
                kept_ms = -1 if self.retention_ms is None else self.retention_ms
            config |= {"cleanup.policy": "delete", "retention.ms": str(kept_ms)}
            if kept_ms >= 0:
                config["segment.ms"] = str(_segment_ms(kept_ms, RETAINED_SEGMENTS))
        return config


EVENTS = Topic(
    name="events",
    purpose="what the shop sends, JSON, any key",
    access="read",
    retention_ms=7 * DAY_MS,
)
CUSTOMER_EVENTS = Topic(
    name="customer-events",
    purpose="the log that decides: typed records by customer id, ticks, versions",
    access="both",
    retention_ms=28 * DAY_MS,
    of_run=True,
)
CHANGELOG = Topic(
    name="customers-changelog",
    purpose="the newest row of each customer, and where its partition has got to",
    access="both",
    compacted=True,
    of_run=True,
)
CHANGES = Topic(
    name="segment-changes",
    purpose="entered and left segments, as CloudEvents",
    access="write",
    retention_ms=28 * DAY_MS,
)
ACTIONS = Topic(
    name="actions",
    purpose="what is to be said to a customer now, and no longer, as CloudEvents",
    access="write",
    retention_ms=28 * DAY_MS,
)
MEMBERSHIPS = Topic(
    name="memberships",
    purpose="each customer's segments now",
    access="write",
    compacted=True,
)
DEAD_LETTERS = Topic(
    name="dead-letters",
    purpose="records that could not be applied, untouched, with the reason in headers",
    access="write",
    retention_ms=14 * DAY_MS,
)
ERASURES = Topic(
    name="erasures",
    purpose="receipts of erasures, by a keyed hash of the id: nobody's name is in them",
    access="write",
    partitions=SINGLE,
    retention_ms=3 * 365 * DAY_MS,
)
CLOCK = Topic(
    name="clock",
    purpose="how far each source is, and the clock of all of them",
    access="both",
    partitions=SINGLE,
    compacted=True,
    of_run=True,
)
LEARNED = Topic(
    name="learned",
    purpose="what each partition has learned, to be merged",
    access="both",
    partitions=SINGLE,
    compacted=True,
    of_run=True,
)
DEFINITIONS = Topic(
    name="definitions",
    purpose="versions of the segment definitions, oldest first",
    access="both",
    partitions=SINGLE,
)
MODELS = Topic(
    name="models",
    purpose="versions of what was learned and merged",
    access="both",
    partitions=SINGLE,
    compacted=True,
    of_run=True,
)
REFERENCE = Topic(
    name="reference",
    purpose="products, areas, campaigns and calendars that events are joined with",
    access="read",
    partitions=SINGLE,
    compacted=True,
)

FIRST_RUN = "1"
"""The incarnation whose topics have no name added."""

TOPICS = (
    EVENTS,
    CUSTOMER_EVENTS,
    CHANGELOG,
    CHANGES,
    ACTIONS,
    MEMBERSHIPS,
    DEAD_LETTERS,
    ERASURES,
    CLOCK,
    LEARNED,
    DEFINITIONS,
    MODELS,
    REFERENCE,
)
