"""Deals the partitions as Faust does, without telling everybody what everybody has.

Faust sends each member the whole table of who has what, for its web server to route requests by,
and each sends it back when the group is joined anew: 45 bytes for every member and partition. Kafka
keeps all of that in one record, and a group whose record is larger than `message.max.bytes`, 1 MB,
cannot be joined any more: with 4 partitions a member that is 73 members. Nothing here routes by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust.assignor import PartitionAssignor

_NOBODY_ASKS: dict[Any, Any] = {}


class LeanAssignor(PartitionAssignor):  # type: ignore[misc]  # Faust's classes have no types
    """Faust's own, sticky and co-partitioned; under its name, so that both may share a group."""

    def _get_changelog_distribution(self, assignments: Mapping[str, Any]) -> dict[Any, Any]:
        return _NOBODY_ASKS

    def _get_external_topic_distribution(self, assignments: Mapping[str, Any]) -> dict[Any, Any]:
        return _NOBODY_ASKS
