"""One round: a story told to workers that are struck, until all is drained; then the verdict.

Everything is drawn from the seed, also what the shell does meanwhile: partitions move, workers
come and go, definitions and models change, logs are compacted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from unittest import mock

from stream.engine.meta import META_KEY, Meta, unpack_meta
from stream.events.partitioner import partition_of
from stream.events.records import Erase, encode_record
from stream.events.topics import CHANGELOG, CUSTOMER_EVENTS, DEFINITIONS, EVENTS, MODELS
from stream.shell.definitions import COMMAND_KEY
from stream.shell.merging import CLUSTERS_KEY
from stream.shell.settings import Settings
from tests.clustering.any_model import any_model
from tests.simulation.chaos.after_erasure import Erased
from tests.simulation.chaos.expected import Rules, definitions_of
from tests.simulation.chaos.fault_plan import FaultPlan
from tests.simulation.chaos.fleet import Fleet
from tests.simulation.chaos.memory_broker import Held, MemoryBroker
from tests.simulation.chaos.memory_clients import MemoryConsumer, MemoryProducer
from tests.simulation.chaos.memory_disk import MemoryDisk
from tests.simulation.chaos.story import DAY, LIVE_BEGINS_S, Story
from tests.simulation.chaos.virtual_time import BEGIN_S, VirtualLoop, run_virtually
from tests.simulation.chaos.worker_process import WorkerProcess

EPOCH_MS = 1_772_409_600_000
"""2026-03-02T00:00:00Z; a round begins within a week of it."""

EVENTS_USUAL = 200
LIVE_S = 12.0
SETTLE_S = 8.0
"""After the last event: longer than any time in the definitions that a live customer waits for."""

DRAIN_S_MAX = 200.0


class StuckError(AssertionError):
    """A round does not drain."""


@dataclass
class Lived:
    """What is left of a round: everything that the broker holds, and what happened."""

    seed: int
    settings: Settings
    broker: MemoryBroker
    rules: Rules
    erased: dict[str, Erased]
    happened: Counter[str]
    failures: list[BaseException]
    workers: list[WorkerProcess] = field(default_factory=list)
    virtual_s: float = 0.0

    def records(self, name: str, partition: int = 0) -> list[Held]:
        """Committed records of a topic's partition."""
        return self.broker.committed((self.settings.topic(name), partition))

    def metas(self) -> dict[int, Meta]:
        """Where each partition stands."""
        found = {}
        for partition in range(self.settings.partitions):
            for record in self.records(CHANGELOG.name, partition):
                if record.key == META_KEY:
                    found[partition] = unpack_meta(record.value or b"")
        return found


class Round:
    """Draws a round from its seed, and lives it."""

    def __init__(self, seed: int, events: int, loop: VirtualLoop) -> None:
        self.random = Random(f"round {seed}")
        self._loop = loop
        random = self.random
        self.seed = seed
        self.epoch_ms = EPOCH_MS + random.randrange(7 * DAY)
        self.partitions = random.randint(2, 4)
        self.broker = MemoryBroker(lambda: self.epoch_ms + round((loop.time() - BEGIN_S) * 1000))
        self.plan = FaultPlan(Random(f"faults {seed}"))
        self.happened: Counter[str] = Counter()
        self.rules = Rules()
        self.erased: dict[str, Erased] = {}
        self.workers: dict[str, WorkerProcess] = {}
        self.settings = Settings(
            partitions=self.partitions,
            clusters=False,
            batch_records_max=random.choice((1, 7, 60, 2_000)),
            commit_interval_max_ms=random.choice((20, 100, 800)),
            tick_interval_ms=random.choice((250, 700)),
            session_timeout_ms=3_000,
        )
        self.has_disks = random.random() < 0.5
        self.disks: list[MemoryDisk] = []
        live_s = LIVE_S
        self.story = Story(random, self.partitions, self.epoch_ms, events, live_s)
        self.ends_s = BEGIN_S + LIVE_BEGINS_S + live_s

    # -- the stage ---------------------------------------------------------------------------

    def new_worker(self) -> WorkerProcess:
        """A worker, whose clients know by its address whose they are."""
        name = f"memory:{len(self.workers) + 1}"
        settings = replace(self.settings, broker=name)
        worker = WorkerProcess(
            settings, self.broker, Random(f"{name} {self.seed}"), self.plan, self._free_disk()
        )
        self.workers[name] = worker
        return worker

    def _free_disk(self) -> MemoryDisk | None:
        """The disk of a machine whose worker has ended, or a new one; None: rows are in memory."""
        if not self.has_disks:
            return None
        taken = {id(w.disk) for w in self.workers.values() if not w.machine.is_dead}
        for disk in self.disks:
            if id(disk) not in taken:
                return disk
        self.disks.append(MemoryDisk(Random(f"disk {len(self.disks)} {self.seed}")))
        return self.disks[-1]

    def new_producer(self, **told: Any) -> MemoryProducer:
        """Stands for aiokafka's producer."""
        machine = self.workers[told["bootstrap_servers"]].machine
        timeout_s = told["transaction_timeout_ms"] / 1000
        batch_max = machine.random.choice((2, 50, 5_000))
        return MemoryProducer(self.broker, machine, told["transactional_id"], timeout_s, batch_max)

    def new_consumer(self, **told: Any) -> MemoryConsumer:
        """Stands for aiokafka's consumer."""
        machine = self.workers[told["bootstrap_servers"]].machine
        return MemoryConsumer(self.broker, machine, machine.random.choice((4, 100, 5_000)))

    # -- what happens ------------------------------------------------------------------------

    async def live(self) -> Lived:
        """The whole round, up to the point at which everything is drained and at rest."""
        began_s = self._loop.time()
        self.publish(Rules())
        fleet = Fleet(self.random, self.partitions, self.random.randint(1, 3), self.new_worker)
        running = [
            asyncio.ensure_future(w) for w in (fleet.run(), self._tell(), self._meddle(fleet))
        ]
        self.plan.is_active = True
        await asyncio.sleep(self.ends_s - self._loop.time())
        self.plan.is_active = False
        fleet.heal()
        await self._until_drained(running)
        for task in running:
            task.cancel()
        await fleet.stop()
        self.happened += self.story.happened + self.plan.happened + self.broker.noted
        failures = fleet.failures()
        self.happened += fleet.happened
        for disk in self.disks:
            self.happened += disk.happened
        for worker in self.workers.values():
            self.happened["partition read before an older one"] += worker.intake.reordered
            sample = worker.metrics.registry.get_sample_value
            self.happened["rows rebuilt"] += int(sample("shoal_restore_rows_total") or 0)
        return Lived(
            self.seed,
            self.settings,
            self.broker,
            self.rules,
            self.erased,
            self.happened,
            failures,
            list(self.workers.values()),
            self._loop.time() - began_s,
        )

    async def _tell(self) -> None:
        for sent in self.story.records():
            await asyncio.sleep(BEGIN_S + sent.at_s - self._loop.time())
            place = (self.settings.topic(EVENTS.name), sent.partition)
            self.broker.append(place, [(None, sent.value, ())])

    async def _meddle(self, fleet: Fleet) -> None:
        """What the people do who run it."""
        random = self.random
        deeds = [
            lambda: fleet.change(random.randint(1, 4)),
            lambda: fleet.change(random.randint(1, 4)),
            self._redefine,
            self._publish_nonsense,
            self._announce_model,
            self._erase,
            self._erase,
            self._compact,
            self._compact,
        ]
        for _ in range(random.randint(3, 8)):
            await asyncio.sleep(random.random() * 4)
            if self._loop.time() < self.ends_s:
                random.choice(deeds)()

    def _redefine(self) -> None:
        random = self.random
        self.happened["definitions changed"] += 1
        self.publish(
            Rules(
                big=random.choice((50, 300, 900)),
                gone_s=random.choice((3, 6)),
                never_s=random.choice((4, 3_600, 90_000)),
                gold=random.choice((150, 500)),
                views=random.choice((1, 3, 6)),
                just_s=random.choice((2, 5)),
            )
        )

    def publish(self, rules: Rules) -> None:
        """Write definitions to their topic."""
        self.rules = rules
        place = (self.settings.topic(DEFINITIONS.name), 0)
        self.broker.append(place, [(COMMAND_KEY, definitions_of(rules), ())])

    def _publish_nonsense(self) -> None:
        self.happened["definitions that do not load"] += 1
        place = (self.settings.topic(DEFINITIONS.name), 0)
        self.broker.append(place, [(COMMAND_KEY, b"segments: [{name: 1", ())])

    def _announce_model(self) -> None:
        self.happened["model changed"] += 1
        place = (self.settings.topic(MODELS.name), 0)
        self.broker.append(place, [(CLUSTERS_KEY, any_model(self.random), ())])

    def _erase(self) -> None:
        """Ask to forget somebody, as `shoal forget` does: by a record in the log of their id."""
        customer = f"u{self.random.randrange(self.story.people)}"
        if customer in self.erased:
            return
        self.happened["customer erased"] += 1
        now_ms = self.broker.now_ms()
        asked = self.erased[customer] = Erased(now_ms, self.random.random() < 0.5)
        record = Erase(
            time_ms=now_ms,
            received_ms=now_ms,
            request=f"r-{customer}",
            refuses=asked.refuses,
        )
        key = customer.encode()
        place = (self.settings.topic(CUSTOMER_EVENTS.name), partition_of(key, self.partitions))
        self.broker.append(place, [(key, encode_record(record), ())])

    def _compact(self) -> None:
        partition = self.random.randrange(self.partitions)
        place = (self.settings.topic(CHANGELOG.name), partition)
        if self.broker.compact(place, self.random.choice((0, 5, 100))):
            self.happened["changelog compacted"] += 1

    # -- the end -----------------------------------------------------------------------------

    async def _until_drained(self, running: list[asyncio.Future[Any]]) -> None:
        """Liveness: with the faults over, everything is read and folded, and then time goes on."""
        deadline_s = self._loop.time() + DRAIN_S_MAX
        wanted_ms = self.broker.now_ms() + round(SETTLE_S * 1000)
        is_folded = False
        while not (is_folded and self._is_at(wanted_ms)):
            for task in running:
                if task.done():
                    task.result()
            if self._loop.time() > deadline_s:
                raise StuckError(self._standing(wanted_ms))
            await asyncio.sleep(0.5)
            if not is_folded and self._is_folded():
                is_folded = True
                # What came last may have set timers for times that had passed.
                wanted_ms = max(wanted_ms, self.broker.now_ms())

    def _is_folded(self) -> bool:
        """Whether all that was sent has been routed, and all of a customer folded."""
        metas = _metas(self.broker, self.settings)
        return len(metas) == self.partitions and all(
            meta.source is not None
            and meta.source.next_offset >= self._end(EVENTS.name, partition)
            and meta.next_offset >= self._end(CUSTOMER_EVENTS.name, partition)
            for partition, meta in metas.items()
        )

    def _end(self, name: str, partition: int) -> int:
        """The offset after the last record that is no control record."""
        for entry in reversed(
            self.broker.partition((self.settings.topic(name), partition)).entries
        ):
            is_raw = name == EVENTS.name
            if entry is not None and entry.is_committed and (is_raw or entry.key is not None):
                return entry.offset + 1
        return 0

    def _is_at(self, wanted_ms: int) -> bool:
        metas = _metas(self.broker, self.settings).values()
        is_open = any(partition.open for partition in self.broker.partitions.values())
        return not is_open and all(
            meta.clock_ms >= wanted_ms and not meta.backlog_ms for meta in metas
        )

    def _standing(self, wanted_ms: int) -> str:
        metas = _metas(self.broker, self.settings)
        ends = [
            (self._end(EVENTS.name, p), self._end(CUSTOMER_EVENTS.name, p))
            for p in range(self.partitions)
        ]
        return (
            f"not drained {DRAIN_S_MAX:.0f} s after the last fault: wanted clock {wanted_ms}, "
            f"(raw, log) ends {ends}, committed {metas}"
        )


def _metas(broker: MemoryBroker, settings: Settings) -> dict[int, Meta]:
    found = {}
    for partition in range(settings.partitions):
        place = (settings.topic(CHANGELOG.name), partition)
        for entry in reversed(broker.partition(place).entries):
            if entry is not None and entry.key == META_KEY and entry.is_committed:
                found[partition] = unpack_meta(entry.value or b"")
                break
    return found


@contextmanager
def on_memory(play: Round) -> Iterator[None]:
    """Put the clients in memory where the shell makes its own."""
    with (
        mock.patch("stream.shell.connection.AIOKafkaProducer", play.new_producer),
        mock.patch("stream.shell.connection.AIOKafkaConsumer", play.new_consumer),
        mock.patch("stream.shell.log_reader.hand_out_bare", return_value=None),
    ):
        yield


def live_round(seed: int, events: int = EVENTS_USUAL) -> Lived:
    """Live the round of a seed to its end."""

    async def play(loop: VirtualLoop) -> Lived:
        this = Round(seed, events, loop)
        with on_memory(this):
            return await this.live()

    # The clocks' epoch is the round's; it is drawn first of all.
    return run_virtually(play, EPOCH_MS + Random(f"round {seed}").randrange(7 * DAY))
