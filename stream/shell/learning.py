"""What a partition learns from its batches, on its way to the merger."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from stream.clustering.micro import MicroLearner
from stream.engine.effects import Effects, PopulationSnapshot

SUMMARY_INTERVAL_S = 60.0
"""How often a partition publishes its micro-clusters (12 KB), when it has learned since."""

DAYS_KEPT = 4
"""Histograms of so many days have keys of their own in the compacted topic. The clock waits for
them before it passes into the second day after, so no more than two are still needed."""

CLUSTERS_PREFIX = b"clusters-"
POPULATION_PREFIX = b"population-"

encode_snapshot = msgspec.msgpack.Encoder().encode
decode_snapshot = msgspec.msgpack.Decoder(PopulationSnapshot).decode


class PartitionLearner:
    """Feeds one partition's learner and says what to publish."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._learner = MicroLearner(partition)
        self._published_s = time.monotonic()
        self._learned_count = 0

    def resume(self, summary: bytes) -> None:
        """Go on where the partition's former learner stood when it last told."""
        self._learner = MicroLearner.from_summary(summary)

    def learn(self, effects: Effects) -> Iterator[tuple[bytes, bytes]]:
        """Learn from a batch; key and value of each record for the topic `learned`."""
        for point in effects.learned:
            self._learner.learn_one(point.vector, point.time_ms)
        self._learned_count += len(effects.learned)
        for snapshot in effects.population:
            key = b"%s%d-%d" % (POPULATION_PREFIX, self._partition, snapshot.day % DAYS_KEPT)
            yield key, encode_snapshot(snapshot)
        now_s = time.monotonic()
        if self._learned_count and now_s - self._published_s >= SUMMARY_INTERVAL_S:
            self._published_s = now_s
            self._learned_count = 0
            yield b"%s%d" % (CLUSTERS_PREFIX, self._partition), self._learner.summary()
