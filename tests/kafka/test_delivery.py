"""Deliveries on a real broker: all or nothing, and one writer at a time."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from stream.events.topics import RECORD_BYTES_MAX
from stream.shell import delivery as delivering
from stream.shell.broker_time import BrokerTime
from stream.shell.delivery import (
    DeliveryAbortedError,
    OwnershipLostError,
    PlainDelivery,
    TransactionalDelivery,
)
from stream.shell.outbox import Outbox, RecordTooLargeError
from tests.kafka.fixtures import own_kafka
from tests.kafka.installation import Installation, until

__all__ = ["own_kafka"]

pytestmark = pytest.mark.kafka


def outbox(place, *entries) -> Outbox:
    found = Outbox()
    for topic, partition, key, value in entries:
        found.put(place.topic(topic), partition, key, value)
    return found


def delivery(place, writer="3", broker_time=None) -> TransactionalDelivery:
    return TransactionalDelivery(place.settings, writer, broker_time or BrokerTime())


async def test_what_is_delivered_arrives_in_order_with_keys_headers_and_tombstones(place):
    await place.create()
    ours = delivery(place)
    await ours.open()
    box = outbox(place, ("memberships", 1, b"a", b"1"), ("memberships", 1, b"b", None))
    box.put(place.topic("dead-letters"), 0, None, b"raw", [("reason", b"why")])
    await ours.deliver(box, {})
    await ours.close()
    assert [(r.key, r.value) for r in await place.read("memberships")] == [
        (b"a", b"1"),
        (b"b", None),
    ]
    (letter,) = await place.read("dead-letters")
    assert (letter.key, letter.value, letter.headers) == (None, b"raw", (("reason", b"why"),))


async def test_many_records_are_split_into_batches_and_all_arrive(place):
    await place.create()
    ours = delivery(place)
    await ours.open()
    box = Outbox()
    rows = [(b"c%d" % number, bytes(1_000), []) for number in range(3_000)]
    box.put_all(place.topic("customers-changelog"), 2, rows)
    await ours.deliver(box, {})
    await ours.close()
    assert [r.key for r in await place.read("customers-changelog")] == [key for key, _, _ in rows]


async def test_a_second_opener_shuts_the_first_one_out(place):
    await place.create()
    first, second = delivery(place), delivery(place)
    await first.open()
    await first.deliver(outbox(place, ("memberships", 0, b"a", b"1")), {})
    await second.open()
    with pytest.raises(OwnershipLostError):
        await first.deliver(outbox(place, ("memberships", 0, b"a", b"stale")), {})
    await second.deliver(outbox(place, ("memberships", 0, b"a", b"2")), {})
    assert [r.value for r in await place.read("memberships")] == [b"1", b"2"]
    await first.close()
    await second.close()


async def test_who_is_refused_before_all_is_sent_has_lost(place):
    await place.create()
    first, second = delivery(place), delivery(place)
    await first.open()
    await second.open()
    begin = first._producer.begin_transaction

    async def begin_and_be_refused() -> None:
        await begin()
        with pytest.raises(ProducerFenced):
            await first._producer.send_and_wait(place.topic("memberships"), b"stale", partition=0)

    first._producer.begin_transaction = begin_and_be_refused
    with pytest.raises(OwnershipLostError):
        await first.deliver(outbox(place, ("memberships", 0, b"a", b"stale")), {})
    await first.close()
    await second.close()
    assert await place.read("memberships") == []


async def test_what_a_predecessor_left_open_is_ended_and_never_seen(place):
    await place.create()
    first, second = delivery(place), delivery(place)
    await first.open()
    await first._producer.begin_transaction()
    await first._producer.send_and_wait(place.topic("memberships"), b"torn", b"a", partition=0)
    await second.open()
    await second.deliver(outbox(place, ("memberships", 0, b"a", b"whole")), {})
    assert [r.value for r in await place.read("memberships")] == [b"whole"]
    await second.close()
    await first.close()


@pytest.mark.parametrize("is_cancelled", [False, True])
@pytest.mark.parametrize("kind", ["transactional", "plain"])
async def test_who_gave_up_leaves_no_task_that_could_send(
    own_kafka, monkeypatch, kind, is_cancelled
):
    monkeypatch.setattr(delivering, "COMMIT_TIMEOUT_S", 0.2)
    monkeypatch.setattr(delivering, "CLOSE_TIMEOUT_S", 0.2)
    place = Installation(own_kafka)
    await place.create()
    ours = delivery(place)
    if kind == "plain":
        ours = PlainDelivery(place.settings, BrokerTime(), ())
    before = asyncio.all_tasks()
    await ours.open()
    own_kafka.kill()
    with pytest.raises(DeliveryAbortedError):
        await ours.deliver(outbox(place, ("memberships", 0, b"a", b"torn")), {})
    closing = asyncio.ensure_future(ours.close())
    if is_cancelled:
        await asyncio.wait([closing], timeout=0)
        closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled() == is_cancelled
    await until(lambda: asyncio.all_tasks() <= before)


async def test_offsets_are_committed_for_the_group(place):
    await place.create()
    ours = delivery(place)
    await ours.open()
    tp = TopicPartition(place.topic("events"), 0)
    await ours.deliver(outbox(place, ("memberships", 0, b"a", b"1")), {tp: 17})
    await ours.close()
    assert (await place.committed())[tp] == 17


async def test_an_oversized_record_is_named_by_the_hash_of_its_key_and_nothing_is_written(place):
    await place.create()
    ours = delivery(place)
    await ours.open()
    huge = bytes(RECORD_BYTES_MAX + 1)
    box = outbox(place, ("memberships", 0, b"ok", b"1"), ("memberships", 0, b"anna@example", huge))
    with pytest.raises(RecordTooLargeError) as caught:
        await ours.deliver(box, {})
    assert place.topic("memberships") in str(caught.value)
    assert "anna" not in str(caught.value)
    await ours.close()
    assert await place.read("memberships") == []


async def test_the_largest_record_passes_with_its_headers(place):
    await place.create()
    ours = delivery(place)
    await ours.open()
    box = Outbox()
    headers = [(f"__shoal.errors.{number}", bytes(500)) for number in range(9)]
    box.put(place.topic("dead-letters"), 0, b"k", bytes(RECORD_BYTES_MAX - 1), headers)
    await ours.deliver(box, {})
    await ours.close()
    assert [len(r.value) for r in await place.read("dead-letters")] == [RECORD_BYTES_MAX - 1]


async def test_acknowledgements_tell_the_brokers_time(place):
    await place.create()
    broker_time = BrokerTime()
    ours = delivery(place, broker_time=broker_time)
    await ours.open()
    assert broker_time.now() is None
    await ours.deliver(outbox(place, ("memberships", 0, b"a", b"1")), {})
    await ours.close()
    (record,) = await place.read("memberships")
    assert record.timestamp_type == 1
    assert broker_time.now() >= record.timestamp


async def test_plain_delivery_writes_state_after_what_it_explains(place):
    await place.create()
    plain = PlainDelivery(place.settings, BrokerTime(), [place.topic("customers-changelog")])
    await plain.open()
    box = outbox(
        place, ("customers-changelog", 0, b"a", b"row"), ("segment-changes", 0, b"a", b"c")
    )
    await plain.deliver(box, {})
    await plain.close()
    (change,) = await place.read("segment-changes")
    (row,) = await place.read("customers-changelog")
    assert change.timestamp <= row.timestamp
