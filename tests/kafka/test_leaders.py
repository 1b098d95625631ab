"""Who reads asks a partition's leader, and no broker that follows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition

from stream.shell.log_reader import LogReader
from tests.kafka.cluster import Cluster, discard_cluster, new_cluster
from tests.kafka.installation import until
from tests.kafka.pipeline import Pipeline

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three brokers."""
    started = new_cluster()
    try:
        yield started.start()
    finally:
        discard_cluster(started)


async def test_a_reader_that_takes_a_follower_for_the_leader_soon_knows_better(cluster):
    shop = Pipeline(cluster)
    await shop.create()
    place = TopicPartition(shop.topic("events"), 0)
    async with LogReader(shop.settings, [place]) as reader:
        metadata = reader._consumer._client.cluster
        known = metadata._partitions[place.topic]
        leader = known[0].leader
        follower = next(node for node in cluster.nodes if node != leader)
        known[0] = known[0]._replace(leader=follower)
        assert metadata.leader_for_partition(place) == follower

        async def is_corrected() -> bool:
            await reader.poll(50)
            return metadata.leader_for_partition(place) == leader

        await until(is_corrected, 10.0)
        await shop.send("events", [b"{}"] * shop.settings.partitions)
        assert await until(lambda: reader.poll(200), 10.0)
