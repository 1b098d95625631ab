"""What `shoal forget` reads and writes, for one id and for many; how long it waits."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from stream.engine.effects import EngineStateError
from stream.engine.run_mark import RUN_KEY, RunMark, pack_mark
from stream.events.partitioner import partition_of
from stream.events.receipts import Receipt, encode_receipt
from stream.events.records import Erase
from stream.shell import customer_rows, erasing
from stream.shell.connection import new_producer
from stream.shell.embedded import EmbeddedBroker
from stream.shell.erasing import erase, known_names
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics
from stream.state.codec import pack
from stream.state.row import Row

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)

PARTITIONS = 4
IDS = [f"device-{number}" for number in range(60)]
TEMPLATE = Erase(time_ms=0, received_ms=0, request="r")


@pytest.fixture
async def settings() -> AsyncIterator[Settings]:
    with EmbeddedBroker() as broker:
        found = Settings(broker=broker.address, partitions=PARTITIONS)
        await create_topics(found)
        yield found


async def write(settings: Settings, rows: Iterable[tuple[str, Row]], mark: str = "") -> None:
    """Rows of the run's changelog, each in its partition, and the run's mark."""
    producer = new_producer(settings)
    await producer.start()
    topic = settings.topic("customers-changelog")
    try:
        for customer, row in rows:
            key = customer.encode()
            to = partition_of(key, settings.partitions)
            await producer.send_and_wait(topic, pack(row), key, partition=to)
        for to in range(settings.partitions if mark else 0):
            await producer.send_and_wait(topic, pack_mark(RunMark(mark)), RUN_KEY, partition=to)
    finally:
        await producer.stop()


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each partition is opened to be read."""
    found: Counter[int] = Counter()

    class Noted(LogReader):
        def __init__(self, settings: Settings, places: list[TopicPartition], **more: Any) -> None:
            super().__init__(settings, places, **more)
            found.update(place.partition for place in places)

    monkeypatch.setattr(customer_rows, "LogReader", Noted)
    return found


async def test_a_partition_is_read_once_a_hop_for_all_ids(
    settings: Settings, readings: Counter[int]
):
    """Devices that point to a customer, who has another name, who is asked for as well."""
    pointing = [(one, Row(forward_to="kim")) for one in IDS[:30]]
    await write(settings, [*pointing, ("kim", Row(aliases=["card-7"])), ("lee", Row())])
    found = await known_names(settings, [*IDS, "lee"])
    assert set(found) == {*IDS, "kim", "card-7", "lee"}
    # All partitions for those who are asked for; then that of the one whom they point to.
    assert readings == {p: 1 + (p == partition_of(b"kim", PARTITIONS)) for p in range(PARTITIONS)}


async def test_ids_that_point_at_each_other_are_followed_to_an_end(settings: Settings):
    await write(settings, [("a", Row(forward_to="b")), ("b", Row(forward_to="a"))])
    assert set(await known_names(settings, ["a"])) == {"a", "b"}


async def test_a_run_that_catches_up_says_that_it_gives_no_receipts(settings: Settings):
    await write(settings, [], "catching-up")
    with pytest.raises(EngineStateError, match=r"incarnation 1 catches up.*that serves"):
        await known_names(settings, ["kim"])


async def test_the_run_that_serves_is_written_first_and_those_beside_it_where_they_have_a_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    second, third = [
        dataclasses.replace(settings, incarnation=name, partitions=8) for name in ("2", "3")
    ]
    await create_topics(second, beside=True)
    producer = new_producer(third)
    await producer.start()
    # Its log was deleted: to ask for it would make it.
    await producer.send_and_wait(third.topic("customers-changelog"), b"", b"k")
    await producer.stop()
    written: list[str] = []
    write_to = erasing._write

    async def noted(to: Settings, records: Any) -> None:
        written.append(to.incarnation)
        await write_to(to, records)

    monkeypatch.setattr(erasing, "_write", noted)
    said: list[str] = []
    done = await erase(settings, ["kim"], TEMPLATE, 0.0, said.append)
    assert (written, done.missing) == (["1", "2"], 1)
    assert len(said) == 1
    assert "incarnation 2 has topics as well" in said[0]


class Receipts:
    """A reader of the topic to which a receipt comes each so many seconds, of a clock of its own.

    It ends after `count` of them.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, every_s: float, count: int) -> None:
        self.now_s = 0.0
        self._every_s, self._left = every_s, count
        clock = SimpleNamespace(monotonic=lambda: self.now_s)
        monkeypatch.setattr(erasing, "time", clock)

    async def poll(self, _timeout_ms: int) -> list[Any]:
        self.now_s += self._every_s
        if self._left == 0:
            return []
        self._left -= 1
        receipt = Receipt("r", "erased", "s", False, 0, 0, {}, 0)
        return [SimpleNamespace(value=encode_receipt(receipt))]


async def test_the_time_counts_from_the_latest_receipt_on(monkeypatch: pytest.MonkeyPatch):
    reader = Receipts(monkeypatch, every_s=50.0, count=5)
    wait = erasing._Wait(reader, "r", 120.0)
    reader.now_s = 1_000.0  # the rows were read meanwhile
    await wait.until(7)
    assert (len(wait.receipts), wait.missing) == (5, 2)
    # The fifth came after 250 s, and then none for 120.
    assert 1_370.0 <= reader.now_s < 1_370.0 + 50.0


async def test_what_has_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    reader = Receipts(monkeypatch, every_s=1.0, count=3)
    wait = erasing._Wait(reader, "r", 120.0)
    await wait.until(3)
    assert (wait.missing, reader.now_s) == (0, 3.0)
