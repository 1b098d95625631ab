"""Topics that are no longer what the rows are of: refused at the start, with what to do."""

import time

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream.events.topics import TOPICS
from stream.shell.connection import new_admin
from tests.kafka.installation import Installation, event, until

pytestmark = pytest.mark.kafka


def views(count: int) -> list[bytes]:
    begin_ms = int(time.time() * 1000) - 10_000
    return [event(f"c-{n % 20}", n, begin_ms + n) for n in range(count)]


@pytest.fixture
def small(kafka):
    installation = Installation(kafka, partitions=2)
    try:
        yield installation
    finally:
        installation.end()


async def worked_with(place: Installation) -> None:
    """A worker has committed something of every partition, and has ended in good order."""
    await place.create()
    worker = place.start_worker()
    await place.send("events", views(40))

    async def committed() -> bool:
        logs = {tp for tp, at in (await place.committed()).items() if at > 0}
        return len(logs) == 2 * place.settings.partitions

    await until(worker.is_ready)
    await until(committed)
    assert worker.terminate() == 0, worker.log


async def made_anew(place: Installation, name: str) -> None:
    """Delete a topic and make it again under its name."""
    topic = place.topic(name)
    config = {"message.timestamp.type": "LogAppendTime"}
    admin = new_admin(place.settings)
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def is_gone() -> bool:
            return topic not in await admin.list_topics()

        await until(is_gone)
        made = NewTopic(topic, place.settings.partitions, 1, topic_configs=config)

        async def is_made() -> bool:
            answer = await admin.create_topics([made])
            return answer.topic_errors[0][1] == 0

        await until(is_made)
    finally:
        await admin.close()


async def refusal(place: Installation, **variables: str) -> str:
    worker = place.start_worker(**variables)
    assert worker.wait() == 1, worker.log
    assert "Traceback" not in worker.log
    return worker.log.splitlines()[-1]


async def grow(place: Installation, partitions: int) -> None:
    """Give all partitioned topics more partitions, as kafka-topics --alter does."""
    admin = new_admin(place.settings)
    await admin.start()
    try:
        wanted = NewPartitions(total_count=partitions)
        await admin.create_partitions(
            {place.topic(t.name): wanted for t in TOPICS if not t.partitions}
        )
    finally:
        await admin.close()


async def empty(place: Installation, name: str) -> None:
    """Delete all records of a compacted topic, which takes another policy for the moment."""
    topic = place.topic(name)
    partitions = {r.partition for r in await place.read(name)}
    admin = new_admin(place.settings)
    await admin.start()
    try:
        for policy in ("compact,delete", "compact"):
            config = {"cleanup.policy": policy}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
            if policy != "compact":
                everything = RecordsToDelete(before_offset=-1)
                await admin.delete_records(
                    {TopicPartition(topic, p): everything for p in partitions}
                )
    finally:
        await admin.close()


async def test_a_worker_refuses_topics_that_are_not_those_of_its_rows(small):
    await worked_with(small)
    await made_anew(small, "events")
    # Longer than what was read of the former one: the offsets alone would pass.
    await small.send("events", views(400))
    said = await refusal(small)
    assert f"{small.topic('events')} is not the topic that was read" in said
    assert "shoal rebuild" in said
    # Each customer's row would stay where the customer's next event does not come.
    await grow(small, 4)
    said = await refusal(small, SHOAL_PARTITIONS="4")
    assert "spread over 2 partitions, and SHOAL_PARTITIONS is 4" in said
    # Everything would be told again.
    await empty(small, "customers-changelog")
    said = await refusal(small, SHOAL_PARTITIONS="4")
    assert f"{small.topic('customers-changelog')}-" in said
    assert "is empty, and its rows had been written" in said
