"""Deals the partitions as Faust does, without telling everybody what everybody has.

Faust sends each member the whole table of who has what, for its web server to route requests by,
and each sends it back when the group is joined anew: 45 bytes for every member and partition. Kafka
keeps all of that in one record, and a group whose record is larger than `message.max.bytes`, 1 MB,
cannot be joined any more: with 4 partitions a member that is 73 members. Nothing here routes by it.

A raw topic may have fewer partitions than the customers' log: its numbers go with the log's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from faust.assignor import PartitionAssignor

_NOBODY_ASKS: dict[Any, Any] = {}


class _InOrder(set[str]):
    """A set, as Faust wants it, that is gone through in the order in which it was given."""

    def __init__(self, ordered: Sequence[str]) -> None:
        super().__init__(ordered)
        self._ordered = tuple(ordered)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ordered)


class LeanAssignor(PartitionAssignor):  # type: ignore[misc]  # Faust's classes have no types
    """Faust's own, sticky and co-partitioned; under its name, so that both may share a group."""

    _counts: Mapping[str, int] = {}

    def _perform_assignment(self, cluster: Any, member_metadata: Mapping[str, Any]) -> Any:
        topics = {topic for one in member_metadata.values() for topic in one.subscription}
        self._counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        return super()._perform_assignment(cluster, member_metadata)

    @classmethod
    def _get_copartitioned_groups(cls, topics: Any, cluster: Any, subscriptions: Any) -> Any:
        """Deal all topics of several partitions together, those with the most first.

        Faust takes from the first what each member has had.
        """
        groups = super()._get_copartitioned_groups(topics, cluster, subscriptions)
        several = sorted((count for count in groups if count > 1), reverse=True)
        if len(several) < 2:
            return groups
        together = [
            topic for count in several for found in groups[count] for topic in sorted(found)
        ]
        single = {1: groups[1]} if 1 in groups else {}
        return {several[0]: [_InOrder(together)], **single}

    def _global_table_standby_assignments(
        self, assignments: Mapping[str, Any], partitions_by_topic: Mapping[str, int]
    ) -> Any:
        """Take back the numbers that a topic does not have."""
        for assignment in assignments.values():
            for dealt in (assignment.actives, assignment.standbys):
                for topic, numbers in dealt.items():
                    dealt[topic] = _there_are(numbers, self._counts[topic])
        return super()._global_table_standby_assignments(assignments, partitions_by_topic)

    def _get_changelog_distribution(self, assignments: Mapping[str, Any]) -> dict[Any, Any]:
        return _NOBODY_ASKS

    def _get_external_topic_distribution(self, assignments: Mapping[str, Any]) -> dict[Any, Any]:
        return _NOBODY_ASKS


def _there_are(numbers: Sequence[int], count: int) -> list[int]:
    return [number for number in numbers if number < count]
