"""Which partitions this worker has: owners come and go with the group's assignments.

A rebalance takes everything away and deals anew. What is dealt to the same worker again keeps its
rows in memory and re-reads nothing; what is new is restored beside the group's heartbeats.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from aiokafka import TopicPartition

from stream.events.topics import CLOCK, CUSTOMER_EVENTS, EVENTS
from stream.shell.ending import cancel_until_ended
from stream.shell.metrics import Metrics
from stream.shell.owner import PartitionOwner
from stream.shell.settings import Settings

SUSPEND_TIMEOUT_S = 10.0
"""A batch that has not committed after that is left to the broker's time-out; the group would
wait for this member no longer than its rebalance time-out."""

logger = logging.getLogger(__name__)


class CancelledByNobodyError(RuntimeError):
    """A task has ended as if it had been asked to: a client has handed a cancellation on."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has ended, and nobody had asked it to; start the worker again")


class TimeKeeper(Protocol):
    """Keeps time while this worker has the clock; `progressed_s` is monotonic."""

    progressed_s: float

    async def run(self) -> None: ...


class Group:
    """A worker's part of the group; the intake of its consumer.

    Parameters
    ----------
    new_owner, new_time_keeper
        Make what works on a partition, and on the clock.
    failed
        Hears the error of a task that has ended by one.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        new_owner: Callable[[int], PartitionOwner],
        new_time_keeper: Callable[[], TimeKeeper],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._metrics = metrics
        self._new_owner = new_owner
        self._new_time_keeper = new_time_keeper
        self._failed = failed
        self._events = settings.topic(EVENTS.name)
        self._log = settings.topic(CUSTOMER_EVENTS.name)
        self._clock = settings.topic(CLOCK.name)
        self._sources = settings.sources
        self._generation = -1
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._clock_task: asyncio.Task[None] | None = None
        self._ended_by_us: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self.keeper: TimeKeeper | None = None
        self.owners: dict[int, PartitionOwner] = {}
        self.is_assigned = False
        self.polled_s = time.monotonic()

    # What the consumer asks

    def wanted(self) -> set[TopicPartition]:
        """Partitions with room for records."""
        return {
            tp
            for owner in self.owners.values()
            for tp, backlog in owner.backlogs.items()
            if backlog.has_room
        }

    def take(self, partition: TopicPartition, records: list[Any], reading: int) -> None:
        """Hand a polled batch to its owner."""
        owner = self.owners.get(partition.partition)
        if owner is not None and owner.backlogs[partition].add(records, reading):
            owner.wake()

    def polled(self) -> None:
        """Hear that the consumer is alive."""
        self.polled_s = time.monotonic()

    # What the group tells

    async def revoke(self) -> None:
        """Finish running batches; returns before the group is joined anew."""
        self.is_assigned = False
        await asyncio.gather(*(self._suspend(p) for p in list(self.owners)))

    async def assign(self, partitions: set[TopicPartition], generation: int) -> None:
        """Take up what was dealt."""
        mine = {tp.partition for tp in partitions if tp.topic == self._log}
        raw = {tp.partition for tp in partitions if tp.topic == self._events}
        # Of a raw topic that was given more partitions, those wait for the run that knows them.
        wanted, raw = ({p for p in some if p < self._sources} for some in (mine, raw))
        if wanted != raw:
            raise RuntimeError(
                f"partitions {sorted(wanted ^ raw)} of {self._events} and {self._log} were dealt "
                f"to different workers; end the workers of other releases in the group"
            )
        if generation != self._generation + 1:
            # A rebalance went by without this worker: somebody else may have had its partitions.
            await asyncio.gather(*(self._release(p) for p in list(self.owners)))
        self._generation = generation
        self._metrics.rebalances.inc()
        await asyncio.gather(*(self._release(p) for p in list(self.owners) if p not in mine))
        self.is_assigned = True
        for partition in sorted(mine):
            self._take_up(partition)
        self._metrics.owned.set(len(mine))
        await self._keep_time(TopicPartition(self._clock, 0) in partitions)

    async def stop(self) -> None:
        """Finish running batches and let go of everything."""
        self._is_stopping = True
        await self.revoke()
        await asyncio.gather(*(self._release(p) for p in list(self.owners)))
        await self._keep_time(False)

    def unready(self) -> list[str]:
        """Why this member is not ready; one without partitions is, as a standby."""
        if not self.is_assigned:
            return ["the group is being joined"]
        restoring = [(p, o.restoring) for p, o in self.owners.items() if not o.is_running]
        return [f"partition {p} is being restored: {how_far}" for p, how_far in sorted(restoring)]

    # Its means

    def _take_up(self, partition: int) -> None:
        owner = self.owners.get(partition)
        if owner is not None:
            self._start(partition, f"resume-{partition}", owner.resume())
            return
        owner = self.owners[partition] = self._new_owner(partition)
        self._tasks[partition] = self._start(partition, f"owner-{partition}", owner.run())

    def _start(
        self, partition: int, name: str, work: Coroutine[Any, Any, None]
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        is_ours = task in self._ended_by_us or self._is_stopping
        self._ended_by_us.discard(task)
        if task.cancelled():
            if not is_ours:
                self._failed(CancelledByNobodyError(task.get_name()))
        elif (error := task.exception()) is not None:
            self._failed(error)

    async def _suspend(self, partition: int) -> None:
        owner = self.owners[partition]
        try:
            async with asyncio.timeout(SUSPEND_TIMEOUT_S):
                await owner.suspend()
        except TimeoutError:
            logger.warning("partition %d: its batch does not end, it is dropped", partition)
            await self._release(partition)
            return
        if not owner.is_running:
            await self._release(partition)

    async def _release(self, partition: int) -> None:
        owner = self.owners.pop(partition, None)
        task = self._tasks.pop(partition, None)
        await self._cancel(task)
        if owner is not None:
            await owner.close()
            self._metrics.forget_partition(partition)

    async def _keep_time(self, is_mine: bool) -> None:
        if is_mine and (self._clock_task is None or self._clock_task.done()):
            self.keeper = self._new_time_keeper()
            self._clock_task = self._start(0, "time-keeper", self.keeper.run())
        elif not is_mine:
            self.keeper = None
            task, self._clock_task = self._clock_task, None
            await self._cancel(task)

    async def _cancel(self, task: asyncio.Task[None] | None) -> None:
        if task is not None and not task.done():
            self._ended_by_us.add(task)
            await cancel_until_ended([task])
