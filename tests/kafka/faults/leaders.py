"""Who of three brokers leads and coordinates what, as those that are up have it now."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream.shell.connection import new_admin
from tests.kafka.cluster import NODES, Cluster
from tests.kafka.pipeline import Pipeline

ASK_TIMEOUT_S = 5.0

GROUP, TRANSACTION = 0, 1
"""What a coordinator is asked for, as Kafka counts them."""


class Placed(msgspec.Struct, frozen=True):
    """Where a partition is, by numbers of nodes; `leader` is -1 while there is none."""

    leader: int
    replicas: list[int]
    in_sync: list[int]


class Leaders:
    """Asks the nodes that are running; while one of them is just going it may have no answer."""

    def __init__(self, cluster: Cluster, shop: Pipeline) -> None:
        self._cluster = cluster
        self._shop = shop

    async def placed(self) -> dict[TopicPartition, Placed]:
        """Every partition of this installation, and of the brokers' own topics; or none."""
        prefix = self._shop.settings.topic_prefix
        topics = await self._ask(lambda admin: admin.describe_topics())
        return {
            TopicPartition(topic["topic"], each["partition"]): Placed(
                each["leader"], each["replicas"], each["isr"]
            )
            for topic in topics or []
            if topic["topic"].startswith((prefix, "__"))
            for each in topic["partitions"]
        }

    async def are_whole(self) -> bool:
        """Whether every replica of everything is in sync, so that any one broker may fail."""
        placed = await self.placed()
        return bool(placed) and all(len(p.in_sync) == NODES for p in placed.values())

    async def coordinator(self, name: str, kind: int) -> int:
        """Of a group or of a transactional id: a node's number, or 0."""
        return await self._ask(lambda admin: admin.find_coordinator(name, kind)) or 0

    async def _ask(self, question: Callable[[AIOKafkaAdminClient], Awaitable[Any]]) -> Any:
        up = [node.address for node in self._cluster.nodes.values() if node.is_running]
        admin = new_admin(dataclasses.replace(self._shop.settings, broker=",".join(up)))
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                await admin.start()
                return await question(admin)
        except (TimeoutError, OSError, KafkaError):
            return None
        finally:
            await admin.close()
