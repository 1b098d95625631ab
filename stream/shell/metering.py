"""What a partition's batches say in the metrics, after they are committed and never before."""

from __future__ import annotations

import logging
import time
from collections import Counter

from stream.engine.effects import Effects
from stream.engine.partition import PartitionEngine
from stream.engine.routed import Routed
from stream.events.actions import ActionTurned
from stream.events.changes import SegmentChanged
from stream.events.receipts import Receipt
from stream.segments.voice import SUPPRESS
from stream.shell.batch import Batch
from stream.shell.flaps import Flaps
from stream.shell.metrics import LOG, RAW, Metrics

logger = logging.getLogger(__name__)


class Meter:
    """Counts one partition's committed batches."""

    def __init__(self, metrics: Metrics, partition: int) -> None:
        self._metrics = metrics
        self._label = str(partition)
        self._flaps = Flaps()
        self.batches = 0

    def committed(self, batch: Batch, commit_s: float, broker_ms: int | None) -> None:
        """Count a committed batch; `broker_ms` is the broker's time of its commit, if known."""
        self.batches += 1
        self._metrics.commit_seconds.observe(commit_s)
        self._metrics.last_commit.labels(self._label).set(time.time())
        if batch.report is not None:
            watermark_s = batch.report.watermark_ms / 1000
            self._metrics.source_watermark.labels(self._label).set(watermark_s)
        if batch.routed is not None:
            self._count_routed(batch.routed)
            self._observe_age(RAW, batch.oldest_raw_ms, broker_ms)
        if batch.effects is not None:
            self._count_folded(batch.effects)
            for part, count in batch.effects.shed.items():
                self._metrics.shed.labels(part).inc(count)
            self._observe_age(LOG, batch.oldest_logged_ms, broker_ms)
            if broker_ms is not None:
                self._observe_changes(batch.effects, broker_ms)

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
        metrics.erased.inc(counts.erased)
        self._count_erasures(effects.receipts)
        metrics.late.inc(counts.late)
        metrics.quarantined.inc(counts.quarantined)
        metrics.timers_fired.inc(counts.timers_fired)
        metrics.timers_pending.labels(self._label).set(counts.timers_pending)
        for dead in effects.dead:
            metrics.dead.labels(LOG, dead.reason).inc()
        # A label look-up costs more than the count: one for each kind of change.
        kinds = Counter((change.segment, change.entered) for change in effects.changes)
        for (segment, entered), count in kinds.items():
            metrics.changes.labels(segment, "entered" if entered else "exited").inc(count)
        for changes in (effects.changes, effects.shadow_changes):
            if changes:
                for segment, count in self._flaps.count(changes).items():
                    metrics.flaps.labels(segment).inc(count)
        if effects.actions:
            self._count_actions(effects.actions)
        withheld = Counter(effects.withheld)
        for change in effects.changes:
            if change.entered and (change.action or change.withheld):
                reason = _kept_back(change)
                if reason is not None:
                    withheld[change.segment, reason] += 1
        for (segment, reason), count in withheld.items():
            metrics.actions_withheld.labels(segment, reason).inc(count)
        if effects.timer_lag_ms > 0:
            metrics.timer_lag.observe(effects.timer_lag_ms / 1000)

    def _count_erasures(self, receipts: list[Receipt]) -> None:
        for receipt in receipts:
            self._metrics.erasures.labels(receipt.outcome).inc()

    def _count_actions(self, actions: list[ActionTurned]) -> None:
        metrics = self._metrics
        turned = Counter(
            (a.segment, c, _KINDS[a.kind, a.started]) for a in actions for c in a.channels
        )
        for (segment, channel, kind), count in turned.items():
            metrics.actions.labels(segment, channel, kind).inc(count)
        ended = Counter((a.segment, a.reason) for a in actions if not a.started)
        for (segment, reason), count in ended.items():
            metrics.actions_withdrawn.labels(segment, reason).inc(count)

    def _observe_changes(self, effects: Effects, broker_ms: int) -> None:
        latency = self._metrics.change_latency
        observe = {c: latency.labels(c).observe for c in {c.cause for c in effects.changes}}
        for change in effects.changes:
            if not change.historic:
                observe[change.cause](max(0, broker_ms - change.time_ms) / 1000)

    def _observe_age(self, at: str, append_ms: int | None, broker_ms: int | None) -> None:
        """How long ago the broker had appended the oldest record of a committed batch."""
        if append_ms is not None and broker_ms is not None:
            age_s = max(0, broker_ms - append_ms) / 1000
            self._metrics.record_latency.labels(at).observe(age_s)

    def show(self, engine: PartitionEngine, effects: Effects | None) -> None:
        """Show where the partition stands after a committed batch."""
        if engine.clock_ms >= 0:
            self._metrics.clock.set(engine.clock_ms / 1000)
        if effects is not None and effects.changes:
            self._customers(engine)

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


_KINDS = {
    ("message", True): "started",
    ("message", False): "withdrawn",
    (SUPPRESS, True): "suppressed",
    (SUPPRESS, False): "lifted",
}


def _kept_back(change: SegmentChanged) -> str | None:
    """Why an entry's action is not for the arbiter at all; None: it is, or there is none."""
    if change.withheld is not None:
        return change.withheld
    if not change.action.get("channels"):
        return None
    if change.historic:
        return "historic"
    if change.initial:
        return "initial"
    return "control" if change.control else None
