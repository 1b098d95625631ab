"""What a partition learns from its batches, on its way to the merger."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from aiokafka import TopicPartition

from stream.clustering.micro import MicroLearner, UnreadableSummaryError
from stream.engine.effects import Effects, PopulationSnapshot
from stream.events.topics import LEARNED
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings

SUMMARIES_PER_MODEL = 5
"""How often a partition publishes its micro-clusters (12 KB) between two models, when it has
learned since."""

DAYS_KEPT = 4
"""Histograms of so many days have keys of their own in the compacted topic. The clock waits for
them before it passes into the second day after, so no more than two are still needed."""

FRESH_S = 5.0
"""Partitions that are taken up together share one reading of their summaries."""

SETTLED_WITHIN_S = 5.0
"""So long a partition that is taken up waits for other owners' open transactions: those of the
living take 0.1 s, and a dead one's ends when its partition is taken up, as this one is now. What is
learned decides nothing by itself, so nobody waits for a broker's time-out of it."""

CLUSTERS_PREFIX = b"clusters-"
POPULATION_PREFIX = b"population-"

encode_snapshot = msgspec.msgpack.Encoder().encode
decode_snapshot = msgspec.msgpack.Decoder(PopulationSnapshot).decode

logger = logging.getLogger(__name__)


class Summaries:
    """The newest summary of each partition's learner; reads the topic on from where it was."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._place = TopicPartition(settings.topic(LEARNED.name), 0)
        self._next_offset = 0
        self._newest: dict[bytes, bytes] = {}
        self._reading = asyncio.Lock()
        self._read_s = -FRESH_S

    async def newest(self, partition: int) -> bytes | None:
        """What the partition's learner last told, whoever owned it."""
        async with self._reading:
            if time.monotonic() - self._read_s > FRESH_S:
                await self._read_on()
                self._read_s = time.monotonic()
        return self._newest.get(_clusters_key(partition))

    async def _read_on(self) -> None:
        """Read to the end, past transactions of other owners that are open, if they end soon."""
        async with LogReader(self._settings, [self._place]) as reader:
            if self._next_offset:
                await reader.seek(self._place, self._next_offset)
            try:
                async with asyncio.timeout(SETTLED_WITHIN_S):
                    async for records in reader.to_settled_end():
                        self._take(records)
            except TimeoutError:
                logger.warning(
                    "what was learned is held back from offset %d of %s on by a transaction that "
                    "is open: partitions taken up now may go on from what they told before it",
                    self._next_offset, self._place.topic,
                )  # fmt: skip

    def _take(self, records: list[Any]) -> None:
        self._newest |= {r.key: r.value for r in records if r.key.startswith(CLUSTERS_PREFIX)}
        self._next_offset = records[-1].offset + 1


def _clusters_key(partition: int) -> bytes:
    return b"%s%d" % (CLUSTERS_PREFIX, partition)


class PartitionLearner:
    """Feeds one partition's learner and says what to publish."""

    def __init__(self, partition: int, settings: Settings) -> None:
        self._partition = partition
        self._is_on = settings.clusters
        self._interval_s = settings.cluster_interval_s / SUMMARIES_PER_MODEL
        self._learner = MicroLearner(partition)
        self._published_s = time.monotonic()
        self._learned_count = 0

    def resume(self, summary: bytes | None) -> None:
        """Go on where the partition's learner stood when it last told."""
        self._learner = MicroLearner(self._partition)
        if summary is None:
            return
        try:
            self._learner = MicroLearner.from_summary(summary)
        except UnreadableSummaryError as error:
            logger.warning("partition %d learns anew: %s", self._partition, error)

    def learn(self, effects: Effects) -> Iterator[tuple[bytes, bytes]]:
        """Learn from a batch; key and value of each record for the topic `learned`."""
        if self._is_on:
            for point in effects.learned:
                self._learner.learn_one(point.vector, point.time_ms, point.weight)
            self._learned_count += len(effects.learned)
        for snapshot in effects.population:
            key = b"%s%d-%d" % (POPULATION_PREFIX, self._partition, snapshot.day % DAYS_KEPT)
            yield key, encode_snapshot(snapshot)
        now_s = time.monotonic()
        if self._learned_count and now_s - self._published_s >= self._interval_s:
            self._published_s = now_s
            self._learned_count = 0
            yield _clusters_key(self._partition), self._learner.summary()
