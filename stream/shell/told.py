"""What readers know of customers by the memberships topic, while one run takes another's place."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiokafka import TopicPartition

from stream.engine.run_mark import first_between
from stream.engine.succession import Former
from stream.events.partitioner import partition_of
from stream.events.published import PublishedMembership, decode_membership
from stream.events.topics import MEMBERSHIPS
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings
from stream.shell.topic_admin import partition_counts
from stream.shell.voices import Voices

Since = Mapping[str, object]
"""Segment -> since when, as it is told."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """The memberships of a customer, the partition that they are in, and what the former run knew.

    The two differ where a switch, this one or one that was interrupted, has told of more.
    """

    partition: int
    since: Since
    former: Since


class Known:
    """What is known of the former run, once it has ended.

    former  which it is, and its clock; it has no name where its changelog is gone
    told    by customer
    voices  what it has said to whom
    """

    def __init__(
        self, former: Former, told: dict[bytes, Told], voices: Voices, partitions: int
    ) -> None:
        self.former = former
        self.told = told
        self.voices = voices
        self._places: dict[int, list[bytes]] = {}
        for key in voices.keys().union(told):
            self._places.setdefault(partition_of(key, partitions), []).append(key)

    def customers(self, partition: int) -> list[bytes]:
        """Those whose partition of the new run it is."""
        return self._places.get(partition, [])


async def read_told(settings: Settings) -> dict[bytes, Told]:
    """All memberships, as told by whichever run; it waits for transactions that are open."""
    name = settings.topic(MEMBERSHIPS.name)
    count = (await partition_counts(settings))[name]
    places: dict[int, dict[bytes, PublishedMembership]] = {p: {} for p in range(count)}
    async with LogReader(settings, [TopicPartition(name, p) for p in places]) as reader:
        async for records in reader.to_settled_end():
            for record in records:
                if record.value is None:
                    places[record.partition].pop(record.key, None)
                else:
                    places[record.partition][record.key] = decode_membership(record.value)
    return newest_of(places, first_between(settings.incarnation))


def newest_of(
    places: Mapping[int, Mapping[bytes, PublishedMembership]], first: int
) -> dict[bytes, Told]:
    """Of each customer the newest memberships; from the sequence `first` on a switch told them.

    A former growth has moved customers, and their old partition may be read first or last.
    """
    found: dict[bytes, tuple[int, PublishedMembership]] = {}
    for partition, members in places.items():
        for key, membership in members.items():
            if key not in found or int(found[key][1].sequence) < int(membership.sequence):
                found[key] = (partition, membership)
    return {
        key: Told(partition, one.since, {} if int(one.sequence) >= first else one.since)
        for key, (partition, one) in found.items()
    }
