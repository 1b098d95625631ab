"""What a partition's batches say in the metrics, after they are committed and never before."""

from __future__ import annotations

import logging
import time
from typing import Any

from stream.engine.effects import Effects
from stream.engine.partition import PartitionEngine
from stream.engine.router import Routed
from stream.shell.metrics import LOG, RAW, Metrics

logger = logging.getLogger(__name__)


class Meter:
    """Counts one partition's committed batches."""

    def __init__(self, metrics: Metrics, partition: int) -> None:
        self._metrics = metrics
        self._label = str(partition)
        self.batches = 0

    def committed(
        self,
        routed: Routed | None,
        effects: Effects | None,
        folded: list[Any],
        commit_s: float,
    ) -> None:
        """Count a committed batch."""
        self.batches += 1
        self._metrics.commit_seconds.observe(commit_s)
        self._metrics.last_commit.labels(self._label).set(time.time())
        if routed is not None:
            self._count_routed(routed)
        if effects is not None:
            self._count_folded(effects)

    def _count_routed(self, routed: Routed) -> None:
        metrics = self._metrics
        metrics.consumed.labels(RAW).inc(routed.consumed)
        metrics.routed.inc(routed.routed)
        metrics.control.labels(RAW).inc(routed.control)
        metrics.skew_corrected.inc(routed.skew_corrected)
        metrics.clamped.inc(routed.clamped)
        metrics.cut.inc(routed.cut)
        for dead in routed.dead:
            metrics.dead.labels(RAW, dead.reason).inc()

    def _count_folded(self, effects: Effects) -> None:
        metrics, counts = self._metrics, effects.counts
        metrics.consumed.labels(LOG).inc(counts.consumed)
        metrics.applied.inc(counts.applied)
        metrics.duplicate.inc(counts.duplicate)
        metrics.forwarded.inc(counts.forwarded)
        metrics.control.labels(LOG).inc(counts.control)
        metrics.late.inc(counts.late)
        metrics.dedupe_shed.inc(counts.dedupe_shed)
        metrics.timers_fired.inc(counts.timers_fired)
        metrics.timers_pending.labels(self._label).set(counts.timers_pending)
        for dead in effects.dead:
            metrics.dead.labels(LOG, dead.reason).inc()
        for change in effects.changes:
            metrics.changes.labels(change.segment, "entered" if change.entered else "exited").inc()
        if effects.timer_lag_ms > 0:
            metrics.timer_lag.observe(effects.timer_lag_ms / 1000)

    def told(self, effects: Effects | None, engine: PartitionEngine, broker_ms: int | None) -> None:
        """Observe how old the changes are now that they are told of, and the rows' sums."""
        if effects is None:
            return
        metrics = self._metrics
        if engine.clock_ms >= 0:
            metrics.clock.set(engine.clock_ms / 1000)
        if effects.changes:
            self._customers(engine)
        if broker_ms is not None:
            for change in effects.changes:
                if not change.historic:
                    age_s = max(0, broker_ms - change.time_ms) / 1000
                    metrics.change_latency.labels(change.cause).observe(age_s)

    def read(self, at: str, append_ms: int, broker_ms: int | None) -> None:
        """Observe how long ago the broker had appended the oldest record of a committed batch."""
        if broker_ms is not None:
            age_s = max(0, broker_ms - append_ms) / 1000
            self._metrics.record_latency.labels(at).observe(age_s)

    def restored(self, engine: PartitionEngine) -> None:
        """Show the customers that a restore has brought."""
        self._customers(engine)

    def lost(self, topic: str, offset: int, beginning: int) -> None:
        """Tell that retention was faster than this worker."""
        logger.error(
            "%s-%s: offsets %d to %d were deleted by retention before they were read",
            topic, self._label, offset, beginning - 1,
        )  # fmt: skip
        self._metrics.lost.labels(topic).inc(beginning - offset)

    def _customers(self, engine: PartitionEngine) -> None:
        for segment, count in engine.members.items():
            self._metrics.customers.labels(segment, self._label).set(count)
