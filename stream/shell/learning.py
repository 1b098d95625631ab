"""What a partition learns from its batches, on its way to the merger."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from stream.clustering.micro import MicroLearner
from stream.engine.effects import Effects, PopulationSnapshot
from stream.shell.settings import Settings

SUMMARIES_PER_MODEL = 5
"""How often a partition publishes its micro-clusters (12 KB) between two models, when it has
learned since."""

DAYS_KEPT = 4
"""Histograms of so many days have keys of their own in the compacted topic. The clock waits for
them before it passes into the second day after, so no more than two are still needed."""

CLUSTERS_PREFIX = b"clusters-"
POPULATION_PREFIX = b"population-"

encode_snapshot = msgspec.msgpack.Encoder().encode
decode_snapshot = msgspec.msgpack.Decoder(PopulationSnapshot).decode


class PartitionLearner:
    """Feeds one partition's learner and says what to publish."""

    def __init__(self, partition: int, settings: Settings) -> None:
        self._partition = partition
        self._is_on = settings.clusters
        self._interval_s = settings.cluster_interval_s / SUMMARIES_PER_MODEL
        self._learner = MicroLearner(partition)
        self._published_s = time.monotonic()
        self._learned_count = 0

    def resume(self, summary: bytes) -> None:
        """Go on where the partition's former learner stood when it last told."""
        self._learner = MicroLearner.from_summary(summary)

    def learn(self, effects: Effects) -> Iterator[tuple[bytes, bytes]]:
        """Learn from a batch; key and value of each record for the topic `learned`."""
        if self._is_on:
            for point in effects.learned:
                self._learner.learn_one(point.vector, point.time_ms)
            self._learned_count += len(effects.learned)
        for snapshot in effects.population:
            key = b"%s%d-%d" % (POPULATION_PREFIX, self._partition, snapshot.day % DAYS_KEPT)
            yield key, encode_snapshot(snapshot)
        now_s = time.monotonic()
        if self._learned_count and now_s - self._published_s >= self._interval_s:
            self._published_s = now_s
            self._learned_count = 0
            yield b"%s%d" % (CLUSTERS_PREFIX, self._partition), self._learner.summary()
