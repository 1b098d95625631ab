"""Copies of the partitions that other workers own, on a broker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from stream.shell.connection import new_producer
from stream.shell.embedded import EmbeddedBroker
from stream.shell.local_stores import LocalStores
from stream.shell.metrics import Metrics
from stream.shell.settings import ROCKSDB, Settings
from stream.shell.standby import Standby
from stream.shell.topic_admin import create_topics
from tests.kafka.installation import until

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)


class Copied:
    """A standby at work on the one partition of a changelog that somebody else owns."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self.stores = LocalStores(settings, Metrics(), lambda: None)
        self.standby = Standby(settings, self.stores, Metrics(), set)
        self._topic = settings.topic("customers-changelog")
        self._producer = producer

    async def commit(self, key: bytes, value: bytes) -> None:
        await self._producer.send_and_wait(self._topic, value, key, partition=0)

    def has(self, key: bytes, value: bytes) -> bool:
        store = self.stores._open.get(0)
        return store is not None and store.get(key) == value

    def aside(self) -> list[str]:
        return [path.name for path in self.stores.folder.glob("*.aside-*")]


@pytest.fixture
async def copied(tmp_path: Path) -> AsyncIterator[Copied]:
    with EmbeddedBroker() as broker:
        settings = Settings(
            broker=broker.address, partitions=1, store=ROCKSDB, store_folder=tmp_path,
            store_cache_bytes=8 << 20,
        )  # fmt: skip
        await create_topics(settings)
        producer = new_producer(settings)
        await producer.start()
        found = Copied(settings, producer)
        await found.stores.start()
        running = asyncio.create_task(found.standby.run())
        try:
            yield found
            assert not running.done()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await found.stores.stop()
            await producer.stop()


async def test_a_store_that_is_closed_under_the_standby_is_no_damage(
    copied: Copied,
):
    """Its partition came here and went again before the standby has looked."""
    await copied.commit(b"a", b"1")
    await until(lambda: copied.has(b"a", b"1"))
    await copied.stores.close(0)
    await copied.commit(b"b", b"2")
    await until(lambda: copied.has(b"b", b"2"))
    assert copied.has(b"a", b"1"), "it goes on with what it had"
    assert copied.aside() == []
