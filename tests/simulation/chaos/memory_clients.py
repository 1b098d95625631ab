"""A producer and a consumer of the broker in memory, with what Shoal uses of aiokafka's.

They stand where `stream.shell.connection` makes its clients, so everything above is the worker's
own code: deliveries, readers, restores, owners, the time-keeper.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, RequestTimedOutError

from tests.simulation.chaos.fault_plan import (
    AT_COMMIT,
    AT_OTHER,
    AT_SEND,
    COMMIT_ABORTED,
    COMMIT_HUNG,
    COMMIT_UNACKED,
    RESENT,
    SEND_FAILED,
    SEND_UNACKED,
)
from tests.simulation.chaos.machine import Machine
from tests.simulation.chaos.memory_broker import Entry, Held, MemoryBroker

LOG_APPEND_TIME = 1


class Batch:
    """A prebuilt batch. It is its own builder, and takes `records_max` records."""

    def __init__(self, records_max: int) -> None:
        self.entries: list[Entry] = []
        self._records_max = records_max
        self._builder = self

    def append(self, _offset: int, _time: int, key: Any, value: Any, headers: Sequence[Any]) -> Any:
        if len(self.entries) >= self._records_max:
            return None
        self.entries.append((key, value, headers))
        return self

    def record_count(self) -> int:
        return len(self.entries)

    def close(self) -> None:
        """Nothing more comes."""


class Ack:
    """What a producer says of a batch that was written."""

    def __init__(self, place: tuple[str, int], first: int, append_ms: int) -> None:
        self.topic_partition = TopicPartition(*place)
        self.offset = first
        self.timestamp = append_ms
        self.timestamp_type = LOG_APPEND_TIME


class MemoryProducer:
    """A transactional producer."""

    _txn_manager = _sender = _message_accumulator = None

    def __init__(
        self, broker: MemoryBroker, machine: Machine, name: str, timeout_s: float, batch_max: int
    ) -> None:
        self._broker, self._machine, self._name = broker, machine, name
        self._timeout_s, self._batch_max = timeout_s, batch_max
        self._epoch = 0
        self._numbers: dict[tuple[str, int], int] = {}
        self._tails: dict[tuple[str, int], asyncio.Task[Ack]] = {}
        self._offsets: dict[Any, int] = {}
        self.client = self

    async def start(self) -> None:
        await self._machine.act(AT_OTHER)
        self._epoch = self._broker.open_writer(self._name)

    async def stop(self) -> None:
        for task in self._tails.values():
            task.cancel()
        self._tails = {}

    close = stop

    def create_batch(self) -> Batch:
        return Batch(self._batch_max)

    async def begin_transaction(self) -> None:
        self._offsets, self._tails = {}, {}

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Task[Ack]:
        place = (topic, partition)
        sent = asyncio.ensure_future(self._send(batch.entries, place, self._tails.get(place)))
        self._tails[place] = sent
        return sent

    async def _send(
        self, entries: list[Entry], place: tuple[str, int], before: asyncio.Task[Ack] | None
    ) -> Ack:
        if before is not None:
            await asyncio.wait([before])
        kind = await self._machine.act(AT_SEND)
        if kind == SEND_FAILED:
            raise RequestTimedOutError
        number = self._numbers[place] = self._numbers.get(place, -1) + 1
        self._begin()
        first = self._broker.write(self._name, self._epoch, place, entries, number)
        if kind == RESENT:
            await self._machine.act(())
            first = self._broker.write(self._name, self._epoch, place, entries, number)
        await self._machine.after(kind)
        if kind == SEND_UNACKED:
            raise KafkaTimeoutError
        return Ack(place, first, self._broker.now_ms())

    def _begin(self) -> None:
        writing = self._broker.begin(self._name, self._epoch)
        if not writing.places:
            loop, broker, name = asyncio.get_running_loop(), self._broker, self._name
            loop.call_later(self._timeout_s, broker.time_out, name, writing)

    async def send_offsets_to_transaction(self, offsets: dict[Any, int], _group: str) -> None:
        self._offsets = {(tp.topic, tp.partition): offset for tp, offset in offsets.items()}

    async def commit_transaction(self) -> None:
        kind = await self._machine.act(AT_COMMIT)
        if kind == COMMIT_ABORTED:
            self._broker.abort(self._name, self._epoch)
            raise KafkaConnectionError
        if kind == COMMIT_HUNG and self._machine.random.random() < 0.5:
            await asyncio.sleep(1_000)
        self._broker.begin(self._name, self._epoch).offsets |= self._offsets
        self._broker.commit(self._name, self._epoch)
        await self._machine.after(kind)
        if kind == COMMIT_UNACKED:
            raise KafkaTimeoutError
        if kind == COMMIT_HUNG:
            await asyncio.sleep(1_000)
        await self._machine.act(())


class MemoryConsumer:
    """A consumer without a group that reads committed records."""

    def __init__(self, broker: MemoryBroker, machine: Machine, records_max: int) -> None:
        self._broker, self._machine, self._records_max = broker, machine, records_max
        self._positions: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        await self._machine.act(AT_OTHER)

    async def stop(self) -> None:
        """Nothing is kept."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self._broker.partition(tp).stable for tp in partitions}

    async def beginning_offsets(
        self, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        return self._broker.partition(partition).stable

    def highwater(self, partition: TopicPartition) -> int | None:
        return len(self._broker.partition(partition).entries)

    async def getmany(self, *, timeout_ms: int = 0) -> dict[TopicPartition, list[Held]]:
        found = self._ready()
        if not found and timeout_ms:
            await asyncio.sleep(timeout_ms / 1000)
            await self._machine.alive()
            found = self._ready()
        elif found:
            await self._machine.act(AT_OTHER)
        return found

    def _ready(self) -> dict[TopicPartition, list[Held]]:
        found = {}
        for tp in self._positions:
            records, self._positions[tp] = self._broker.fetch(
                tp, self._positions[tp], self._records_max
            )
            if records:
                found[tp] = records
        return found
