"""A worker in the simulation: the shell's own group, owners and time-keeper, over memory.

What is put in place of the rest: Faust's consumer, by `Intake`, and the wiring of `worker.py`.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from aiokafka import TopicPartition

from stream.engine.partition import PartitionEngine
from stream.engine.router import Router
from stream.engine.settings import EngineSettings
from stream.events.topics import CLOCK, CUSTOMER_EVENTS, EVENTS
from stream.shell.broker_time import BrokerTime
from stream.shell.delivery import TransactionalDelivery
from stream.shell.faust_private import EndProof
from stream.shell.group import Group
from stream.shell.known_topics import KnownTopics
from stream.shell.learning import Summaries
from stream.shell.metrics import Metrics
from stream.shell.owner import PartitionOwner
from stream.shell.settings import Settings
from stream.shell.time_keeper import TimeKeeper
from stream.shell.workshop import Workshop
from tests.simulation.chaos.fault_plan import AT_OTHER, FaultPlan
from tests.simulation.chaos.machine import Machine
from tests.simulation.chaos.memory_broker import MemoryBroker
from tests.simulation.chaos.memory_disk import MemoryDisk

HEARTBEAT_S = 1.0
IDLE_POLL_S = 0.1
BUSY_POLL_S = 0.002

SECRETS = (b"a secret of sixteen",)
"""By which erased ids are known."""


class Intake:
    """Fetches for a group's owners, in whatever order, and knows where partitions end."""

    def __init__(self, broker: MemoryBroker, machine: Machine) -> None:
        self._broker, self._machine = broker, machine
        self._assigned: set[TopicPartition] = set()
        self._positions: dict[TopicPartition, tuple[int, int]] = {}
        self._last: dict[TopicPartition, int] = {}
        self.proofs: dict[TopicPartition, EndProof] = {}
        self.reordered = 0
        self.records_max = machine.random.choice((3, 40, 500))

    def hold(self, assigned: set[TopicPartition]) -> None:
        """Begin an assignment: nothing is fetched before its owner has said where to start."""
        self._assigned = assigned
        self._positions, self._last = {}, {}
        self.proofs.clear()

    async def read_from(self, tp: TopicPartition, offset: int | None, reading: int) -> int | None:
        await self._machine.act(AT_OTHER)
        if tp not in self._assigned:
            return None
        found = offset or 0
        assert found <= self._broker.partition(tp).stable, f"{tp} ends before {found}"
        if reading > self._positions.get(tp, (0, 0))[1]:
            self._positions[tp] = (found, reading)
            self._last.pop(tp, None)
            self.proofs.pop(tp, None)
        return found

    async def run(self, group: Group) -> None:
        """Hand over what comes, until cancelled."""
        machine = self._machine
        loop = asyncio.get_running_loop()
        while True:
            await machine.alive()
            wanted = sorted(group.wanted() & self._positions.keys())
            machine.random.shuffle(wanted)
            is_busy = False
            newest_ms = 0
            for tp in wanted:
                position, reading = self._positions[tp]
                partition = self._broker.partition(tp)
                sent_s = loop.time()
                records, after = self._broker.fetch(tp, position, self.records_max)
                self._positions[tp] = (after, reading)
                if records:
                    self.reordered += records[0].timestamp < newest_ms
                    newest_ms = records[-1].timestamp
                    self._last[tp] = records[-1].offset
                    group.take(tp, list(records), reading)
                    is_busy = True
                elif after == len(partition.entries):
                    self.proofs[tp] = EndProof(self._last.get(tp), sent_s)
            group.polled()
            await asyncio.sleep(BUSY_POLL_S if is_busy else IDLE_POLL_S)


class WorkerProcess:
    """One worker, from its start to its death."""

    def __init__(
        self,
        settings: Settings,
        broker: MemoryBroker,
        random: Random,
        plan: FaultPlan,
        disk: MemoryDisk | None,
    ) -> None:
        self.settings, self.disk = settings, disk
        self.machine = Machine(random, plan, self._died)
        self.metrics = Metrics()
        self.intake = Intake(broker, self.machine)
        self.failure: BaseException | None = None
        self._broker_time = BrokerTime(asyncio.get_running_loop().time)
        self._hot_rows_max = random.choice((2, 16, 20_000))
        self.group = self._wired()
        self._pump = asyncio.ensure_future(self.intake.run(self.group))

    def _wired(self) -> Group:
        settings = self.settings
        shop = Workshop(
            settings=settings,
            metrics=self.metrics,
            broker_time=self._broker_time,
            new_engine=self._new_engine,
            new_router=lambda partition: Router(partition, settings.partitions),
            new_delivery=lambda writer: TransactionalDelivery(settings, writer, self._broker_time),
            topics=KnownTopics(settings),
            newest_summary=Summaries(settings).newest,
            end_proof=self.intake.proofs.get,
            read_from=self.intake.read_from,
            owned_count=lambda: len(self.group.owners),
            heartbeats_s=3 * HEARTBEAT_S,
            keeper=self.disk,
        )
        return Group(
            settings,
            self.metrics,
            lambda partition: PartitionOwner(partition, shop),
            lambda: TimeKeeper(shop),
            self._failed,
        )

    def _new_engine(self, partition: int, *below: Any) -> PartitionEngine:
        told = EngineSettings(
            shop=self.settings.shop,
            incarnation=self.settings.incarnation,
            hot_rows_max=self._hot_rows_max,
            erasure_secrets=SECRETS,
        )
        return PartitionEngine(partition, told, *below)

    def _failed(self, error: BaseException) -> None:
        if self.machine.is_dead:
            # With the process its tasks are gone, and nobody hears how.
            return
        self.failure = error
        self.machine.die()

    def _died(self) -> None:
        self._pump.cancel()
        if self.disk is not None:
            self.disk.crash()
        group = self.group
        for task in (*group._tasks.values(), group._clock_task):
            if task is not None:
                task.cancel()

    async def assign(self, dealt: set[int], keeps_time: bool, generation: int) -> None:
        """Take up partitions, as the group has dealt them."""
        topic = self.settings.topic
        topics = (topic(EVENTS.name), topic(CUSTOMER_EVENTS.name))
        places = {TopicPartition(name, p) for p in dealt for name in topics}
        if keeps_time:
            places.add(TopicPartition(topic(CLOCK.name), 0))
        self.intake.hold(places)
        await self.group.assign(places, generation)

    async def stop(self) -> None:
        """End in good order."""
        await self.group.stop()
        self._pump.cancel()
        if self.disk is not None:
            await self.disk.stop()
