"""The reference book is kept up by one reader after another, as long as brokers may answer."""

from __future__ import annotations

import asyncio
import sys

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from stream.shell import log_reader
from stream.shell.connection import new_producer, new_reader
from stream.shell.embedded import EmbeddedBroker
from stream.shell.metrics import REFERENCE_AT, Metrics
from stream.shell.reference_tail import ReferenceTail
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics
from tests.kafka.installation import until


@pytest.mark.skipif(sys.platform == "win32", reason="the embedded broker has no Windows build")
async def test_a_reader_that_goes_quiet_is_followed_by_another_from_where_it_stood(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    readers: list[AIOKafkaConsumer] = []

    def noted(settings: Settings) -> AIOKafkaConsumer:
        readers.append(new_reader(settings))
        return readers[-1]

    monkeypatch.setattr(log_reader, "new_reader", noted)
    monkeypatch.setattr(log_reader, "LOOK_S", 0.0)
    monkeypatch.setattr(log_reader, "LOOK_POLLS_MIN", 1)
    with EmbeddedBroker() as broker:
        settings, metrics = Settings(broker=broker.address, partitions=1), Metrics()
        await create_topics(settings)
        topic = settings.topic("reference")
        producer = new_producer(settings)
        await producer.start()
        await producer.send_and_wait(topic, b"no JSON", b"product:P0", partition=0)
        tail = ReferenceTail(settings, metrics)
        running = asyncio.create_task(tail.run())
        try:
            await until(lambda: running.done() or tail.is_complete.is_set())
            assert not running.done(), running
            readers[0].pause(TopicPartition(topic, 0))
            value = b'{"type":"product","id":"P1","category":"Games"}'
            await producer.send_and_wait(topic, value, b"product:P1", partition=0)
            await until(lambda: running.done() or any(tail.book.facts("P1", None, 0)))
            assert not running.done(), running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await producer.stop()
    assert len(readers) > 1
    assert "the reference topic waits for the broker (ReaderStuckError" in caplog.text
    assert metrics.dead.labels(REFERENCE_AT, "invalid")._value.get() == 1


async def test_a_topic_that_cannot_be_read_to_its_end_is_a_failure():
    tail = ReferenceTail(Settings(broker="127.0.0.1:1"), Metrics())
    with pytest.raises(KafkaConnectionError):
        await tail.run()
    assert not tail.is_complete.is_set()
