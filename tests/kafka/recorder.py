"""A member of the group that only writes down what it is dealt and what it reads."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import TopicPartition

from stream.events.topics import CLOCK, CUSTOMER_EVENTS, EVENTS
from stream.shell.app import new_app
from stream.shell.faust_private import GroupApp
from stream.shell.settings import Settings


class Recorder:
    """Joins with the worker's own hook, and reads everything from where it is told."""

    def __init__(self, settings: Settings) -> None:
        names = (EVENTS.name, CUSTOMER_EVENTS.name, CLOCK.name)
        self.app: GroupApp = new_app(settings)
        self.app.join([settings.topic(name) for name in names], self)
        self.reading: dict[TopicPartition, int] = {}
        self.offsets: dict[TopicPartition, list[int]] = {}
        self.assignments: list[tuple[set[TopicPartition], int]] = []
        self.revocations = 0
        self.polls = 0
        self.goes_on = False
        self._readings = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.revoke_takes_s = 0.0
        self.is_revoking = False

    async def __aenter__(self) -> Recorder:
        await self.app.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.app.stop()

    @property
    def held(self) -> set[TopicPartition]:
        """What it has now."""
        return self.assignments[-1][0] if self.assignments else set()

    @property
    def generation(self) -> int:
        return self.assignments[-1][1] if self.assignments else -1

    async def read(self, partition: TopicPartition, offset: int | None) -> int | None:
        """Begin a reading of a partition."""
        self.offsets[partition] = []
        return await self._begin(partition, offset)

    async def go_on(self) -> None:
        """Read everything that is held on from where it was read to; what is new from the start."""
        for partition in self.held:
            read = self.offsets.setdefault(partition, [])
            await self._begin(partition, read[-1] + 1 if read else None)

    async def _begin(self, partition: TopicPartition, offset: int | None) -> int | None:
        self._readings += 1
        self.reading[partition] = self._readings
        return await self.app.read_from(partition, offset, self._readings)

    # What the hook asks and tells

    def wanted(self) -> set[TopicPartition]:
        return set(self.reading)

    def take(self, partition: TopicPartition, records: list[Any], reading: int) -> None:
        if self.reading.get(partition) == reading:
            self.offsets[partition] += [record.offset for record in records]

    def polled(self) -> None:
        self.polls += 1

    async def revoke(self) -> None:
        self.is_revoking = True
        self.revocations += 1
        await asyncio.sleep(self.revoke_takes_s)
        self.reading.clear()
        self.is_revoking = False

    async def assign(self, partitions: set[TopicPartition], generation: int) -> None:
        self.assignments.append((partitions, generation))
        if self.goes_on:
            # Beside the callback, as the worker does it.
            task = asyncio.create_task(self.go_on())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
