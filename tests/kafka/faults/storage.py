"""Faults of topics: compacted at once, emptied, missing, of another size, with other limits."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from stream.events.topics import TOPICS
from stream.shell.connection import new_admin
from tests.kafka.faults.round import Kind, Round
from tests.kafka.faults.verdict import judge
from tests.kafka.installation import until

COMPACTED = ("customers-changelog", "memberships", "clock", "learned", "models")

EAGER = {
    "segment.ms": "200",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "200",
    "delete.retention.ms": "0",
}
"""What has been written is compacted as soon as the broker's cleaner comes by, twice a second."""

TINY_MESSAGE = {"max.message.bytes": "300"}
HUGE_EVENT_BYTES = 900 << 10


async def compact_eagerly(round_: Round) -> None:
    """Before the start: everything that may be compacted is, at once."""
    for topic in COMPACTED:
        await round_.shop.configure(topic, EAGER)


async def restore_compacted(round_: Round) -> None:
    """All workers are killed twice, and restore from what the cleaner has left."""
    for share in (0.3, 0.7):
        await round_.sent(share)
        for worker in [w for w in round_.workers if w.is_alive]:
            round_.kill(worker)
        await until(lambda: _is_compacted(round_))
        await round_.start(2)


async def _is_compacted(round_: Round) -> bool:
    """Whether the changelog has lost records to the cleaner."""
    kept = await round_.shop.read("customers-changelog")
    offsets = [r.offset for r in kept if r.partition == 0]
    # Transactions leave a marker each; of a changelog that is whole, two in three are records.
    return bool(offsets) and offsets[-1] - offsets[0] > 2 * len(offsets)


async def empty_changelog(round_: Round) -> None:
    """The changelog is emptied while nobody works: nobody may begin from nothing unasked."""
    await round_.sent(0.5)
    for worker in list(round_.workers):
        round_.terminate(worker)
    round_.verdict = await judge(round_.shop, is_whole=False)
    before = [await round_.shop.length(topic) for topic in ("customer-events", "segment-changes")]
    await round_.shop.delete_records("customers-changelog")
    await round_.refuses("customers-changelog")
    after = [await round_.shop.length(topic) for topic in ("customer-events", "segment-changes")]
    assert before == after, f"refused, and yet wrote: {before} became {after}"


async def lose_topic(round_: Round) -> None:
    """Before the start: one topic is missing, which is said; it is made, and all goes well."""
    topic = round_.random.choice(TOPICS)
    name = round_.shop.topic(topic.name)
    admin = new_admin(round_.shop.settings)
    await admin.start()
    try:
        await admin.delete_topics([name])
        await until(lambda: _is_gone(admin, name))
    finally:
        await admin.close()
    await round_.refuses(f"topics are missing: {name}; create them with `shoal topics create`")
    await round_.shop.create()


async def _is_gone(admin: AIOKafkaAdminClient, name: str) -> bool:
    return name not in await admin.list_topics()


async def wrong_count(round_: Round) -> None:
    """Before the start: the settings say another number of partitions than the topics have."""
    await round_.refuses("has 4 partitions, the settings say 6", SHOAL_PARTITIONS="6")


async def grow_topic(round_: Round) -> None:
    """A topic gets a partition more while workers run: they go on, and no other one starts."""
    await round_.sent(0.3)
    topic = round_.shop.topic(round_.random.choice(("events", "customer-events")))
    admin = new_admin(round_.shop.settings)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(total_count=5)})
    finally:
        await admin.close()
    await round_.refuses("has 5 partitions, the settings say 4")


async def shrink_messages(round_: Round) -> None:
    """A topic takes no message of the usual size for a while; an event comes that is too large."""
    await round_.sent(0.2)
    topic = round_.random.choice(("customers-changelog", "segment-changes", "customer-events"))
    producer = AIOKafkaProducer(
        bootstrap_servers=round_.shop.settings.broker, max_request_size=2 * HUGE_EVENT_BYTES
    )
    await producer.start()
    huge = b'{"type":"track","event":"%s"}' % (b"x" * HUGE_EVENT_BYTES)
    place = TopicPartition(round_.shop.topic("events"), 0)
    await producer.send_and_wait(place.topic, huge, partition=place.partition)
    await producer.stop()
    await round_.shop.configure(topic, TINY_MESSAGE)
    await until(lambda: not all(worker.is_alive for worker in round_.workers[:2]))
    await asyncio.sleep(round_.random.uniform(0.0, 2.0))
    await round_.shop.configure(topic, {})
    assert any("MessageSizeTooLarge" in worker.log for worker in round_.workers)


async def nothing(round_: Round) -> None:
    """The fault is over when the traffic begins."""
    await round_.sent(0.9)


KINDS = (
    Kind(
        "compaction",
        "every compacted topic compacted at once, all workers killed twice",
        restore_compacted,
        before=compact_eagerly,
    ),
    Kind(
        "topic missing",
        "a topic is missing at the start: refused; then made",
        nothing,
        before=lose_topic,
    ),
    Kind("partition count", "another SHOAL_PARTITIONS, refused", nothing, before=wrong_count),
    Kind(
        "message too large",
        "a topic takes no usual message for a while; a raw event of 0.9 MB",
        shrink_messages,
    ),
    Kind("changelog emptied", "all its records deleted: refused", empty_changelog, is_final=True),
    Kind("topic grown", "a partition more under load: no other worker starts", grow_topic),
)
