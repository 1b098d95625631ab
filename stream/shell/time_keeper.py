"""The time-keeper's shell: one worker tells all customer partitions the time and the versions.

It reads what the sources and the partitions have told from the topics' beginnings, asks the pure
coordinator, and writes its control records to every partition together with its own state.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.clock import LATENESS_MS
from stream.engine.coordinator import STATE_KEY, Coordinator, Decision, SourceReport
from stream.engine.router import ALIGNMENT_MS
from stream.engine.versions import CLUSTERS as CLUSTERS_KIND
from stream.events.records import Version, encode_record
from stream.events.topics import CLOCK, CUSTOMER_EVENTS, DEFINITIONS, LEARNED, MODELS
from stream.shell.delivery import DeliveryAbortedError, OwnershipLostError
from stream.shell.learning import CLUSTERS_PREFIX, POPULATION_PREFIX, decode_snapshot
from stream.shell.log_reader import LogReader, is_passing
from stream.shell.merging import CLUSTERS_KEY, ModelMerger, model_name
from stream.shell.outbox import NO_HEADERS, Outbox
from stream.shell.published import PublishedDefinitions
from stream.shell.reporting import decode_report
from stream.shell.workshop import Workshop

WRITER = "coordinator"

HISTORY_BEHIND_MS = 60_000
"""So far behind the broker's time the clock is in history: it ticks as soon as sources report."""

HISTORY_INTERVAL_S = 0.01
POLL_MS = 20
AGAIN_S = 1.0
"""After a decision that was aborted, and a broker that is not there."""

logger = logging.getLogger(__name__)


class TimeKeeper:
    """Runs while this worker has the clock's partition."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        settings = shop.settings
        self._clock = TopicPartition(settings.topic(CLOCK.name), 0)
        self._learned = TopicPartition(settings.topic(LEARNED.name), 0)
        self._definitions = TopicPartition(settings.topic(DEFINITIONS.name), 0)
        self._models = TopicPartition(settings.topic(MODELS.name), 0)
        self._log = settings.topic(CUSTOMER_EVENTS.name)
        self.progressed_s = time.monotonic()

    async def run(self) -> None:
        """Keep time until cancelled; begins anew when a decision was aborted."""
        while True:
            self.progressed_s = time.monotonic()
            try:
                await self._keep_time()
            except OwnershipLostError as error:
                logger.warning("the clock is somebody else's now (%s)", error)
                self._shop.metrics.fenced.inc()
                await asyncio.sleep(self._shop.heartbeats_s)
            except DeliveryAbortedError as error:
                logger.warning("a decision of the clock was aborted (%s)", error)
                self._shop.metrics.aborts.inc()
                await asyncio.sleep(AGAIN_S)
            except (KafkaError, TimeoutError) as error:
                if not is_passing(error):
                    raise
                logger.warning("the clock waits for the broker (%r)", error)
                await asyncio.sleep(AGAIN_S)

    async def _keep_time(self) -> None:
        delivery = self._shop.new_delivery(WRITER)
        await delivery.open()
        self.progressed_s = time.monotonic()
        topics = [self._clock, self._learned, self._definitions, self._models]
        coordinator = Coordinator(self._shop.settings.partitions)
        stuck = StuckSources(self._shop, coordinator)
        awaited = AwaitedDay(self._shop, coordinator)
        merger = ModelMerger(self._shop.settings)
        published = PublishedDefinitions(self._shop, coordinator)
        try:
            async with LogReader(self._shop.settings, topics) as reader:
                # Its newest state may lie behind what an owner that has died left open.
                async for records in reader.to_settled_end():
                    for record in records:
                        if record.topic == self._clock.topic and record.key == STATE_KEY:
                            coordinator.resume(record.value)
                        elif record.topic == self._definitions.topic:
                            published.collect(record)
                        else:
                            self._hear_or_skip(coordinator, stuck, merger, record)
                    self.progressed_s = time.monotonic()
                published.resume()
                logger.info("keeping time from clock %d", coordinator.state.clock_ms)
                while True:
                    for record in await reader.poll(POLL_MS):
                        if record.topic == self._definitions.topic:
                            published.hear(record)
                        else:
                            self._hear_or_skip(coordinator, stuck, merger, record)
                    stuck.exclude()
                    awaited.give_up()
                    outbox = self._decided(coordinator)
                    model = await merger.merged()
                    if model is not None:
                        outbox.put(self._models.topic, 0, CLUSTERS_KEY, model)
                    if outbox.record_count:
                        await delivery.deliver(outbox, {})
                    await self._rest(coordinator)
        finally:
            await delivery.close()

    def _hear_or_skip(
        self, coordinator: Coordinator, stuck: StuckSources, merger: ModelMerger, record: Any
    ) -> None:
        """Take a record; one that is none of ours does not stop the clock."""
        try:
            if record.key is None:
                raise ValueError("it has no key")
            if record.value is not None:
                self._hear(coordinator, stuck, merger, record)
        except (msgspec.DecodeError, ValueError) as error:
            self._shop.metrics.unreadable.labels(record.topic).inc()
            logger.error(
                "a record cannot be read and is left out: %s, offset %d (%s); see who wrote it",
                record.topic, record.offset, error,
            )  # fmt: skip

    def _hear(
        self, coordinator: Coordinator, stuck: StuckSources, merger: ModelMerger, record: Any
    ) -> None:
        if record.topic == self._clock.topic:
            # Its own decisions come back, too; it knows them.
            if record.key != STATE_KEY:
                stuck.heard(decode_report(record.value))
        elif record.topic == self._models.topic:
            merger.announced(record.value)
            coordinator.version(CLUSTERS_KIND, model_name(record.value), record.value)
        elif record.key.startswith(POPULATION_PREFIX):
            coordinator.snapshot(decode_snapshot(record.value))
        elif record.key.startswith(CLUSTERS_PREFIX):
            merger.learned(record.key, record.value)

    def _decided(self, coordinator: Coordinator) -> Outbox:
        outbox = Outbox()
        decision: Decision | None = coordinator.decide()
        if decision is None:
            return outbox
        values = [encode_record(record) for record in decision.control]
        for partition in range(self._shop.settings.partitions):
            outbox.put_all(self._log, partition, ((None, value, NO_HEADERS) for value in values))
        outbox.put(self._clock.topic, 0, STATE_KEY, decision.state)
        for record in decision.control:
            if isinstance(record, Version):
                logger.info("announced %s %s", record.kind, record.name)
                self._shop.metrics.versions.labels(record.kind).inc()
        return outbox

    async def _rest(self, coordinator: Coordinator) -> None:
        broker_ms = self._shop.broker_time.now()
        clock_ms = coordinator.state.clock_ms
        is_behind = broker_ms is None or broker_ms - clock_ms > HISTORY_BEHIND_MS
        rest_s = HISTORY_INTERVAL_S if is_behind else self._shop.settings.tick_interval_ms / 1000
        # A rest is no standstill, however long.
        self.progressed_s = time.monotonic() + rest_s
        await asyncio.sleep(rest_s)


class StuckSources:
    """Leaves sources out of the clock that tell nothing, or hold it back, while others go on.

    Being idle is not being stuck: an idle source tells that it is. But one whose newest event is
    old, and that reads nothing more, would keep the clock in the past for as long as it is idle.
    """

    def __init__(self, shop: Workshop, coordinator: Coordinator) -> None:
        self._after_s = shop.settings.source_stall_s
        self._partitions = shop.settings.partitions
        self._metric = shop.metrics.sources_excluded
        self._coordinator = coordinator
        started_s = time.monotonic()
        self._heard_s = dict.fromkeys(range(self._partitions), started_s)
        self._moved: dict[int, tuple[int, float]] = {}

    def heard(self, report: SourceReport) -> None:
        """Note a report, and tell the coordinator."""
        source, now_s = report.source, time.monotonic()
        self._heard_s[source] = now_s
        if self._moved.get(source, (-1, 0.0))[0] != report.offset:
            self._moved[source] = (report.offset, now_s)
        was_excluded = source in self._coordinator.state.excluded
        self._coordinator.source(report)
        if was_excluded and source not in self._coordinator.state.excluded:
            logger.warning("source %d is back; the clock waits for it again", source)

    def exclude(self) -> None:
        """Exclude who is stuck, while somebody else is not."""
        now_s = time.monotonic()
        silent = [s for s, at in self._heard_s.items() if now_s - at > self._after_s]
        if len(silent) == len(self._heard_s):
            # Nobody tells anything: it is this reader or the broker.
            return
        for source in silent:
            if source not in self._coordinator.state.excluded:
                logger.error(
                    "source %d has told nothing for %.0f s while others have: the clock goes on "
                    "without it, its events may come late; look at its owner",
                    source, self._after_s,
                )  # fmt: skip
                self._coordinator.exclude(source)
        for source in self._coordinator.holding_back(ALIGNMENT_MS + LATENESS_MS):
            if now_s - self._moved.get(source, (-1, now_s))[1] > self._after_s:
                logger.error(
                    "source %d has read nothing for %.0f s and its newest event is older than what "
                    "others wait with: the clock goes on without it until it has caught up",
                    source, self._after_s,
                )  # fmt: skip
                self._coordinator.exclude(source)
        self._metric.set(len(self._coordinator.state.excluded))


class AwaitedDay:
    """Gives up a day's quantiles that a partition never tells: the clock goes on without."""

    def __init__(self, shop: Workshop, coordinator: Coordinator) -> None:
        self._after_s = shop.settings.source_stall_s
        self._metric = shop.metrics.days_skipped
        self._coordinator = coordinator
        self._day: int | None = None
        self._since_s = time.monotonic()

    def give_up(self) -> None:
        """Go on with the quantiles in force when the day has been awaited for too long."""
        day, now_s = self._coordinator.awaited_day(), time.monotonic()
        if day is None or day != self._day:
            self._day, self._since_s = day, now_s
        elif now_s - self._since_s > self._after_s:
            logger.error(
                "a partition has not told its histograms of day %d for %.0f s: percentiles stay as "
                "they are; look at the partitions without an owner", day, self._after_s,
            )  # fmt: skip
            self._coordinator.skip_day()
            self._metric.inc()
