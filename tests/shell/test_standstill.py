"""Who stands where it stood, and before the end both times, is stuck; nobody else is."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from stream.shell import log_reader
from stream.shell.log_reader import LOOK_POLLS_MIN, LOOK_S, LogReader, ReaderStuckError
from stream.shell.settings import Settings
from stream.shell.standstill import Lookout, Standstill

LOG, RAW = TopicPartition("log", 0), TopicPartition("raw", 3)
SAID = "log-0 is not read on: it ends at 9, read up to 5"


def test_who_stands_before_the_end_at_two_looks_is_stuck():
    standstill = Standstill()
    assert standstill.look({LOG: 5, RAW: 7}, {LOG: 8, RAW: 7}) == []
    assert standstill.look({LOG: 5, RAW: 7}, {LOG: 9, RAW: 7}) == [LOG]
    assert standstill.look({LOG: 5, RAW: 7}, {LOG: 9, RAW: 7}) == [LOG]


def test_who_has_moved_however_little_is_not():
    standstill = Standstill()
    assert standstill.look({LOG: 5}, {LOG: 9}) == []
    assert standstill.look({LOG: 6}, {LOG: 99}) == []


def test_who_was_at_the_end_at_the_last_look_is_not():
    standstill = Standstill()
    assert standstill.look({LOG: 5}, {LOG: 5}) == []
    assert standstill.look({LOG: 5}, {LOG: 9}) == []


def test_who_was_not_looked_at_in_between_is_not():
    standstill = Standstill()
    assert standstill.look({LOG: 5}, {LOG: 9}) == []
    assert standstill.look({RAW: 7}, {RAW: 7}) == []
    assert standstill.look({LOG: 5}, {LOG: 9}) == []
    standstill.forget()
    assert standstill.look({LOG: 5}, {LOG: 9}) == []


class Consumer:
    """Where it is, and what a broker says; an error instead where it has one."""

    def __init__(self) -> None:
        self.positions: dict[TopicPartition, int] = {LOG: 5}
        self.ends: dict[TopicPartition, int] | Exception = {LOG: 9}
        self.highwater = 9

    async def highwaters(self, partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, self.highwater)

    async def end_offsets(self, _: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        if isinstance(self.ends, Exception):
            raise self.ends
        return self.ends

    async def position(self, partition: TopicPartition) -> int:
        return self.positions[partition]

    async def getmany(self, *, timeout_ms: int) -> dict[TopicPartition, list[object]]:
        assert timeout_ms == 0
        return {}


def lookout(consumer: Consumer) -> Lookout:
    return Lookout(
        60.0, lambda: dict(consumer.positions), consumer.end_offsets, consumer.highwaters
    )


async def test_the_groups_reader_is_stuck_while_its_position_stands_still():
    consumer = Consumer()
    looking = lookout(consumer)
    await looking.look()
    assert looking.stuck() == []
    await looking.look()
    assert looking.stuck() == [SAID]
    consumer.positions = {LOG: 6}
    await looking.look()
    assert looking.stuck() == []


async def test_a_partition_that_has_no_position_at_all_is_stuck():
    consumer = Consumer()
    consumer.positions = {LOG: -1}
    looking = lookout(consumer)
    await looking.look()
    await looking.look()
    assert looking.stuck() == ["log-0 is not read on: it ends at 9, read up to -1"]


@pytest.mark.parametrize("absence", [KafkaConnectionError(), OSError(), TimeoutError()])
async def test_a_broker_that_does_not_answer_makes_nobody_stuck(absence):
    consumer = Consumer()
    looking = lookout(consumer)
    await looking.look()
    consumer.ends = absence
    await looking.look()
    assert looking.stuck() == []
    consumer.ends = {LOG: 9}
    await looking.look()
    assert looking.stuck() == []


async def test_what_moves_while_the_broker_is_asked_is_not_stuck():
    consumer = Consumer()

    async def slow(partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        consumer.positions = {LOG: consumer.positions[LOG] + 1}
        return await asked(partitions)

    consumer.end_offsets, asked = slow, consumer.end_offsets
    looking = lookout(consumer)
    for _ in range(3):
        await looking.look()
        assert looking.stuck() == []


async def test_where_no_records_are_wanted_nobody_is_asked():
    consumer = Consumer()
    looking = lookout(consumer)
    await looking.look()
    consumer.positions = {}
    consumer.ends = AssertionError("asked")
    await looking.look()
    consumer.positions, consumer.ends = {LOG: 5}, {LOG: 9}
    await looking.look()
    assert looking.stuck() == []


async def test_what_a_transaction_holds_back_for_long_is_said_once_and_ends_nobody(caplog):
    consumer = Consumer()
    consumer.ends = {LOG: 5}
    looking = lookout(consumer)
    await looking.look()
    assert not caplog.records
    await looking.look()
    await looking.look()
    assert looking.stuck() == []
    (said,) = caplog.messages
    assert "log-0: a transaction that has not ended for 60 s holds back all from offset 5" in said


async def test_transactions_that_end_hold_nothing_back(caplog):
    consumer = Consumer()
    looking = lookout(consumer)
    for at in (5, 6, 7):
        consumer.positions, consumer.ends = {LOG: at}, {LOG: at}
        await looking.look()
    consumer.highwater = 7
    await looking.look()
    await looking.look()
    assert not caplog.records


class Reader:
    """A `LogReader` of a consumer that stands where it is told."""

    def __init__(self) -> None:
        self.log = LogReader(Settings(), [LOG])
        self.consumer = self.log._consumer

    async def poll(self, times: int = 1, *, after_s: float = 0.0) -> None:
        self.log._looked_s -= after_s
        for _ in range(times):
            assert await self.log.poll(0) == []


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr(log_reader, "new_reader", lambda _settings: Consumer())
    return Reader()


async def test_a_reader_that_does_not_get_on_says_so_at_its_second_look(reader: Reader):
    await reader.poll(LOOK_POLLS_MIN, after_s=LOOK_S)
    with pytest.raises(ReaderStuckError, match="log-0 is not read on") as raised:
        await reader.poll(LOOK_POLLS_MIN, after_s=LOOK_S)
    assert raised.value.retriable


async def test_a_reader_looks_after_some_time_and_some_polls_alone(reader: Reader):
    await reader.poll(LOOK_POLLS_MIN, after_s=LOOK_S)
    looked_s = reader.log._looked_s
    await reader.poll(LOOK_POLLS_MIN * 3)
    assert reader.log._looked_s == looked_s
    reader.log._polls = 0
    await reader.poll(LOOK_POLLS_MIN - 1, after_s=LOOK_S)
    assert time.monotonic() - reader.log._looked_s >= LOOK_S


async def test_a_reader_at_the_end_or_without_an_answer_is_not_stuck(reader: Reader):
    await reader.poll(LOOK_POLLS_MIN, after_s=LOOK_S)
    reader.consumer.ends = KafkaTimeoutError()
    await reader.poll(LOOK_POLLS_MIN, after_s=LOOK_S)
    reader.consumer.ends = {LOG: 9}
    await reader.poll(LOOK_POLLS_MIN, after_s=LOOK_S)
    reader.consumer.positions = {LOG: 9}
    await reader.poll(LOOK_POLLS_MIN, after_s=LOOK_S)
    assert reader.log._polls == 0
