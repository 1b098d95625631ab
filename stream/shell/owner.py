"""The owner of one partition number: its raw records are routed, its customers' log is folded.

Both happen in one transaction a batch. The owner's life: open the delivery, which shuts the
former owner out; restore; read on from the meta record; batch after batch. An aborted batch drops
the memory and begins that life anew. So does a lost ownership, but only when the group has had
the time to say that the partition is somebody else's.
"""

from __future__ import annotations

import asyncio
import logging
import time

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.engine.committed_rows import CommittedRows, StoreBrokenError
from stream.engine.partition import PartitionEngine
from stream.engine.router import alignment_limit_ms
from stream.events.topics import CHANGELOG, CUSTOMER_EVENTS, EVENTS
from stream.shell.backlog import Backlog
from stream.shell.batch import Batch
from stream.shell.delivery import Delivery, DeliveryAbortedError, Ends, OwnershipLostError
from stream.shell.learning import PartitionLearner
from stream.shell.metering import Meter
from stream.shell.pace import Pace
from stream.shell.posting import Poster
from stream.shell.reporting import Reporter, encode_report, report_key
from stream.shell.restore import Restore
from stream.shell.restore_progress import RestoreProgress
from stream.shell.routing import Source
from stream.shell.row_keeping import (
    KeptRows,
    StoreClosedError,
    StoreFailedError,
    StoreLockedError,
    take_committed,
)
from stream.shell.settings import Settings
from stream.shell.store_header import Refusal
from stream.shell.workshop import Workshop

OFFSETS_INTERVAL_S = 1.0
"""How often a transaction carries the group's offsets. They serve lag tools alone, and cost two
more round trips to the broker, half of what a small transaction takes."""

FRUITLESS_MAX = 5
"""Lives in a row that commit nothing before the worker gives up: what was tried so often, with a
new producer and restored state each time, a restart by hand has to look at."""

TAKEN_MAX = 3
TAKEN_WITHIN_S = 3_600.0
"""So often within the time the partition may be taken, and the group says nothing. A worker that
was away hears of it at the first; where two both go on, each restores for nothing, for ever."""

PASSING = (
    OwnershipLostError,
    DeliveryAbortedError,
    KafkaError,
    TimeoutError,
    StoreClosedError,
)
"""After these the partition is begun anew, from what was committed."""

logger = logging.getLogger(__name__)


class OwnerFailedError(RuntimeError):
    """A partition cannot be worked on; the worker ends."""


class PartitionOwner:
    """Works on partition `partition` of both topics while this worker has it."""

    def __init__(self, partition: int, shop: Workshop) -> None:
        self.partition = partition
        self.is_running = False
        self._shop = shop
        self._poster = Poster(shop.settings, partition)
        self._meter = Meter(shop.metrics, partition)
        self._pace = Pace(shop.settings, shop.owned_count)
        self._raw_tp = TopicPartition(shop.settings.topic(EVENTS.name), partition)
        self._has_source = partition < shop.settings.sources
        self._log_tp = TopicPartition(shop.settings.topic(CUSTOMER_EVENTS.name), partition)
        self._source = Source(
            shop.new_router(partition), shop.broker_time, lambda: shop.end_proof(self._raw_tp)
        )
        self._reporter = Reporter(self._source, partition, shop.settings.partitions)
        self._log = Backlog()
        self._changelog = TopicPartition(shop.settings.topic(CHANGELOG.name), partition)
        self._engine: PartitionEngine = shop.new_engine(partition, None)
        self._store: KeptRows | None = None
        self._learner = PartitionLearner(partition, shop.settings)
        self._delivery: Delivery | None = None
        self._wake = asyncio.Event()
        self._working = asyncio.Event()
        self._batch = asyncio.Lock()
        self._offsets_s = 0.0
        self._taken_s: list[float] = []
        self.progressed_s = time.monotonic()
        self.restoring = RestoreProgress(partition, shop.metrics, self._progressed)

    # What the group asks of it

    @property
    def backlogs(self) -> dict[TopicPartition, Backlog]:
        """Where fetched records go."""
        found = {self._log_tp: self._log}
        return {self._raw_tp: self._source.backlog, **found} if self._has_source else found

    def wake(self) -> None:
        """Hear that there are new records."""
        self._wake.set()

    async def suspend(self) -> None:
        """Finish the running batch and touch nothing after it: the group deals anew."""
        self._taken_s = []
        self._working.clear()
        async with self._batch:
            self._source.backlog.restart()
            self._log.restart()

    async def resume(self) -> None:
        """Go on with the rows in memory: nobody else had the partition meanwhile."""
        await self._read_on()

    async def close(self) -> None:
        """Let go of the broker, and of the rows on disk."""
        self.is_running = False
        delivery, self._delivery = self._delivery, None
        if delivery is not None:
            await delivery.close()
        self._store = None
        if self._shop.keeper is not None:
            await self._shop.keeper.close(self.partition)

    async def run(self) -> None:
        """Live until cancelled.

        Raises
        ------
        OwnerFailedError
            Nothing commits, another worker takes the partition over and over while the group says
            that it is ours, or the disk of the local store fails.
        """
        fruitless = 0
        while True:
            committed = self._meter.batches
            try:
                await self._begin()
                await self._work()
            except PASSING as error:
                fruitless = 1 if self._meter.batches > committed else fruitless + 1
                await self._begin_anew(error, fruitless)
            except StoreBrokenError as error:
                fruitless += 1
                if fruitless >= FRUITLESS_MAX:
                    raise _disk_failed(self.partition, error) from error
                logger.warning("partition %d begins anew without its store", self.partition)
                await self._forget(Refusal("corrupt", f"it cannot be read: {error}"))
            except (StoreFailedError, StoreLockedError) as error:
                raise _disk_failed(self.partition, error) from error

    # Its life

    async def _begin(self) -> None:
        self._delivery = self._shop.new_delivery(f"{self.partition}")
        await self._delivery.open()
        shop, partition = self._shop, self.partition
        restore = Restore(shop.settings, partition, shop.metrics, shop.keeper, self.restoring)

        def new_engine(below: CommittedRows | None) -> PartitionEngine:
            return shop.new_engine(partition, below)

        async with shop.restores:
            engine = await restore.run(new_engine)
        self._store = restore.store
        self._learner.resume(await self._shop.newest_summary(self.partition))
        self._shop.topics.check(self.partition, engine.source)
        self._engine = engine
        self._source.resume(self._shop.topics.remembered(engine.source))
        self._meter.restored(engine)
        self._reporter.restart()
        logger.info("partition %d restored from %d rows", partition, restore.row_count)
        if engine.mark is not None:
            logger.info(
                "partition %d catches up beside the run that serves: it tells nothing", partition
            )
        await self._read_on()

    def _progressed(self) -> None:
        self.progressed_s = time.monotonic()

    async def _read_on(self) -> None:
        source = self._engine.source
        # Without a source in the meta record there has been no batch: from the beginning.
        raw_from = None if source is None else source.next_offset
        log_from = None if source is None else self._engine.next_offset
        offsets = {self._raw_tp: raw_from, self._log_tp: log_from}
        for tp, backlog in self.backlogs.items():
            offset = offsets[tp]
            reading = backlog.restart()
            found = await self._shop.read_from(tp, offset, reading)
            if found is None or reading != backlog.reading:
                # Revoked meanwhile; whoever gets the partition next begins again.
                return
            if offset is not None and found > offset:
                self._meter.lost(tp.topic, offset, found)
            backlog.open()
        self.is_running = True
        self._progressed()
        self._working.set()
        self._wake.set()

    async def _begin_anew(self, error: Exception, fruitless: int) -> None:
        """Drop the memory and go on, unless life after life commits nothing.

        Who may have lost the partition waits until the group must know better: then it is somebody
        else's, and this owner is told to end, or it is still ours. To become its writer at once
        would shut out the rightful owner, who would have to restore for it.
        """
        lost = isinstance(error, OwnershipLostError)
        silent_s = time.monotonic() - self.progressed_s
        if lost:
            logger.warning("partition %d is somebody else's now (%s)", self.partition, error)
            self._shop.metrics.fenced.inc()
        else:
            logger.warning("partition %d: a batch was aborted (%r)", self.partition, error)
            self._shop.metrics.aborts.inc()
        if lost:
            now_s = time.monotonic()
            self._taken_s = [*(s for s in self._taken_s if now_s - s < TAKEN_WITHIN_S), now_s]
        if len(self._taken_s) >= TAKEN_MAX:
            raise OwnerFailedError(
                f"partition {self.partition} was taken {TAKEN_MAX} times within an hour, the last "
                f"time with {error!r}, and the group says that it is this worker's: another worker "
                "may have lost touch with the group; this one ends, and joins anew when it is "
                "started again"
            ) from error
        if fruitless >= FRUITLESS_MAX:
            raise OwnerFailedError(
                f"partition {self.partition} has begun {fruitless} times in a row and committed "
                f"nothing, the last time for {error!r}; check the broker's transaction "
                "coordinator and restart"
            ) from error
        await self._forget()
        if lost or may_have_moved(silent_s, self._shop.settings):
            await asyncio.sleep(self._shop.heartbeats_s)
        else:
            await asyncio.sleep(fruitless - 1)

    async def _forget(self, refused: Refusal | None = None) -> None:
        self._working.clear()
        self._source.backlog.restart()
        self._log.restart()
        if refused is not None and self._shop.keeper is not None:
            self._shop.keeper.set_aside(self.partition, refused)
        await self.close()

    # Its work

    async def _work(self) -> None:
        while True:
            await self._working.wait()
            await self._until_due()
            async with self._batch:
                if self._working.is_set():
                    await self._batch_or_stop()

    async def _batch_or_stop(self) -> None:
        try:
            await self._one_batch()
        except BaseException:
            # Said before the lock is free: who suspends must not take this for a running owner.
            self.is_running = False
            raise

    def _limit_ms(self) -> int:
        broker_ms = self._shop.broker_time.now()
        clock_ms = self._engine.clock_ms
        return alignment_limit_ms(clock_ms, clock_ms if broker_ms is None else broker_ms)

    async def _until_due(self) -> None:
        while self._working.is_set():
            self._wake.clear()
            waiting_s = self._pace.wait_s(len(self._log) + len(self._source.backlog))
            if not self._log and not self._source.is_ready(self._limit_ms()):
                self._progressed()
                waiting_s = self._reporter.due_in_s()
                if waiting_s <= 0:
                    return
                await _wait(self._wake, waiting_s)
            elif waiting_s <= 0:
                return
            else:
                await asyncio.sleep(waiting_s)

    async def _one_batch(self) -> None:
        delivery = self._delivery
        assert delivery is not None
        self._pace.started()
        batch = await self._compute()
        if batch.outbox.record_count == 0:
            return
        started_s = time.monotonic()
        ends = await delivery.deliver(batch.outbox, self._offsets_when_due())
        self._keep(batch, ends)
        self._progressed()
        if batch.report is not None:
            self._reporter.told(batch.report)
        broker_ms = self._shop.broker_time.now()
        self._meter.committed(batch, self.progressed_s - started_s, broker_ms)
        self._meter.show(self._engine, batch.effects)

    def _keep(self, batch: Batch, ends: Ends) -> None:
        """Put the rows into the local store: they are committed now."""
        store, effects = self._store, batch.effects
        if store is not None and effects is not None:
            at_ms = self._shop.broker_time.now()
            take_committed(store, effects.rows.items(), ends.get(self._changelog), at_ms)
            self._engine.store.lower()

    async def _compute(self) -> Batch:
        """Route and fold; lets the others' answers in between, they wait for this one thread."""
        records_max = self._shop.settings.batch_records_max
        batch = Batch(oldest_raw_ms=self._source.backlog.oldest_append_ms)
        routed = batch.routed = self._source.route(records_max, self._limit_ms())
        await asyncio.sleep(0)
        folded = self._log.first(records_max)
        if routed is not None or folded:
            self._log.drop(len(folded))
            batch.oldest_logged_ms = folded[0].timestamp if folded else None
            effects = batch.effects = self._engine.fold(folded, self._source.state())
            if self._engine.mark is not None:
                effects.keep_quiet()
            await asyncio.sleep(0)
            if routed is not None:
                self._poster.post_routed(batch.outbox, routed)
            self._poster.post_effects(batch.outbox, effects)
            for key, summary in self._learner.learn(effects):
                self._poster.post_learned(batch.outbox, key, summary)
        waits = routed is not None and routed.waiting_ms is not None
        batch.report = self._reporter.next(waits=waits)
        if batch.report is not None:
            key = report_key(self.partition)
            self._poster.post_report(batch.outbox, key, encode_report(batch.report))
        return batch

    def _offsets_when_due(self) -> dict[TopicPartition, int]:
        """The group's offsets, for lag tools: the meta record has those that count."""
        now_s = time.monotonic()
        if now_s - self._offsets_s < OFFSETS_INTERVAL_S:
            return {}
        self._offsets_s = now_s
        folded = {self._log_tp: self._engine.next_offset}
        if not self._has_source:
            return folded
        return {self._raw_tp: self._source.state().next_offset, **folded}


def may_have_moved(silent_s: float, settings: Settings) -> bool:
    """Whether a partition may be somebody else's, of which this process could not hear.

    While it runs, it is told before a partition moves. One that was stopped, or whose broker did
    not answer, for longer than a session may have been left out.
    """
    return silent_s * 1000 >= settings.session_timeout_ms


def _disk_failed(partition: int, error: Exception) -> OwnerFailedError:
    return OwnerFailedError(
        f"the local store of partition {partition} cannot be used ({error}); see to the disk of "
        "SHOAL_STORE_DIR, or set SHOAL_STORE=memory, and start again: the changelog has everything"
    )


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
