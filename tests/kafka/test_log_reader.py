"""Reading to the end, on the embedded broker and on a real one: all of it, and no waiting after."""

import asyncio
import sys
import time

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from stream.shell import learning
from stream.shell.embedded import EmbeddedBroker
from stream.shell.learning import Summaries
from stream.shell.log_reader import LogReader, ends_of
from tests.kafka.fixtures import shared_broker
from tests.kafka.installation import Installation

COUNT = 6_000
"""More than one poll takes, and in the last batch of the partition more than one record."""


@pytest.fixture(
    params=[
        pytest.param("kafka", marks=pytest.mark.kafka),
        pytest.param(
            "embedded",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker there"),
        ),
    ]
)
def place(request):
    if request.param == "kafka":
        yield Installation(shared_broker())
    else:
        with EmbeddedBroker() as broker:
            yield Installation(broker)


async def write(place: Installation, count: int) -> TopicPartition:
    await place.create()
    where = TopicPartition(place.topic("customers-changelog"), 2)
    producer = AIOKafkaProducer(bootstrap_servers=place.settings.broker, max_batch_size=100_000)
    await producer.start()
    batch = producer.create_batch()
    for number in range(count):
        if batch.append(key=b"%d" % number, value=b"row", timestamp=None) is None:
            await (await producer.send_batch(batch, where.topic, partition=2))
            batch = producer.create_batch()
            batch.append(key=b"%d" % number, value=b"row", timestamp=None)
    await (await producer.send_batch(batch, where.topic, partition=2))
    await producer.stop()
    return where


@pytest.mark.parametrize("bare", [False, True])
async def test_everything_is_read_to_the_last_record_of_the_last_batch(place, bare):
    where = await write(place, COUNT)
    keys = []
    async with LogReader(place.settings, [where], bare=bare) as reader:
        async for records in reader.to_end():
            keys += [record.key for record in records]
        assert await reader.remaining() == 0
    assert keys == [b"%d" % number for number in range(COUNT)]


@pytest.mark.parametrize("bare", [False, True])
async def test_reading_goes_on_from_an_offset(place, bare):
    where = await write(place, 100)
    async with LogReader(place.settings, [where], bare=bare) as reader:
        await reader.seek(where, 97)
        found = [record.offset async for records in reader.to_end() for record in records]
    assert found == [97, 98, 99]


async def test_an_empty_topic_has_nothing_to_wait_for(place):
    await place.create()
    where = TopicPartition(place.topic("reference"), 0)
    started_s = time.monotonic()
    async with LogReader(place.settings, [where]) as reader:
        assert [records async for records in reader.to_end()] == []
    assert time.monotonic() - started_s < 5


async def test_what_comes_later_is_polled(place):
    where = await write(place, 10)
    async with LogReader(place.settings, [where]) as reader:
        async for _ in reader.to_end():
            pass
        assert await reader.poll(10) == []
        producer = AIOKafkaProducer(bootstrap_servers=place.settings.broker)
        await producer.start()
        await producer.send_and_wait(where.topic, b"new", b"k", partition=2)
        await producer.stop()
        found = []
        while not found:
            found = await reader.poll(100)
        assert [record.value for record in found] == [b"new"]


async def test_who_closes_a_reader_whose_broker_is_gone_is_not_cancelled(place):
    """A fetch that waits to try again is ended with the reader, and hands that on to nobody."""
    where = await write(place, 10)
    clients = []

    async def reads() -> None:
        failed = asyncio.Event()

        async def fails(*_: object) -> None:
            failed.set()
            raise KafkaConnectionError

        async with LogReader(place.settings, [where]) as reader:
            clients.append(reader._consumer._client)
            clients[0].send = fails
            await failed.wait()

    reading = asyncio.create_task(reads())
    await asyncio.wait([reading])
    assert not reading.cancelled()
    assert reading.exception() is None
    assert not any(connection.connected() for connection in clients[0]._conns.values())


@pytest.mark.kafka
async def test_what_an_open_transaction_holds_back_is_waited_for():
    """Whoever goes on from its own record must find it behind what somebody else left open."""
    place = Installation(shared_broker())
    await place.create()
    where = TopicPartition(place.topic("clock"), 0)
    dead, own = [
        AIOKafkaProducer(
            bootstrap_servers=place.settings.broker, transactional_id=f"{where.topic}-{name}"
        )
        for name in ("dead", "own")
    ]
    await asyncio.gather(dead.start(), own.start())
    await dead.begin_transaction()
    await dead.send_and_wait(where.topic, b"report", b"of a dead owner", partition=0)
    async with own.transaction():
        await own.send_and_wait(where.topic, b"state", b"own", partition=0)
    assert await ends_of(place.settings, [where]) == {where: 0}
    # Two records, and the marker of the one that has ended.
    assert await ends_of(place.settings, [where], committed=False) == {where: 3}
    async with LogReader(place.settings, [where]) as reader:
        assert [records async for records in reader.to_end()] == []
    ending = asyncio.create_task(_abort_in_a_moment(dead))
    async with LogReader(place.settings, [where]) as reader:
        found = [r.value async for records in reader.to_settled_end() for r in records]
    assert found == [b"state"]
    await ending
    await asyncio.gather(dead.stop(), own.stop())


@pytest.mark.kafka
async def test_what_a_learner_told_last_is_found_behind_an_open_transaction(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    place = Installation(shared_broker())
    await place.create()
    topic = place.topic("learned")
    dead, own = [
        AIOKafkaProducer(bootstrap_servers=place.settings.broker, transactional_id=f"{topic}-{n}")
        for n in ("dead", "own")
    ]
    await asyncio.gather(dead.start(), own.start())
    async with own.transaction():
        await own.send_and_wait(topic, b"older", b"clusters-0", partition=0)
    await dead.begin_transaction()
    await dead.send_and_wait(topic, b"of another", b"clusters-1", partition=0)
    async with own.transaction():
        await own.send_and_wait(topic, b"newest", b"clusters-0", partition=0)
    monkeypatch.setattr(learning, "SETTLED_WITHIN_S", 0.5)
    assert await Summaries(place.settings).newest(0) == b"older"
    assert f"held back from offset 1 of {topic}" in caplog.text
    monkeypatch.setattr(learning, "SETTLED_WITHIN_S", 30.0)
    ending = asyncio.create_task(_abort_in_a_moment(dead))
    assert await Summaries(place.settings).newest(0) == b"newest"
    await ending
    await asyncio.gather(dead.stop(), own.stop())


async def _abort_in_a_moment(producer: AIOKafkaProducer) -> None:
    await asyncio.sleep(0.5)
    await producer.abort_transaction()
