"""Every metric of a worker, registered once: name, type, labels, meaning.

Units are base units; counters end in `_total`. No label has a customer in it, and what belongs
to a partition is removed when the partition goes. The identity that must hold of the log:
consumed = applied + duplicate + forwarded + control + erased + dead + quarantined.
"""

from __future__ import annotations

import platform

import aiokafka
import faust
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from stream import __version__

LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.08, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300)
COMMIT_BUCKETS_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 1, 5, 30)
LAG_BUCKETS_S = (0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 6, 7, 10, 30, 120)
RESTORE_BUCKETS_S = (0.1, 0.5, 1, 2, 5, 10, 30, 120, 600)

RAW, LOG, REFERENCE_AT = "raw", "log", "reference"
"""Where a record was consumed: the raw topic (decode and route) or the customers' log (fold)."""


class Metrics:
    """The registry and its metrics; one per process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began is nothing that anyone looks at
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._records()
        self._freshness()
        self._segments()
        self._partitions()
        self._deliveries()
        info = self._gauge("build_info", "1, by version", "version", "python", "faust", "aiokafka")
        versions = (platform.python_version(), faust.__version__, aiokafka.__version__)
        info.labels(__version__, *versions).set(1)

    def _records(self) -> None:
        at = "at"
        self.consumed = self._counter("records_consumed", "Records taken from a topic", at)
        self.applied = self._counter("records_applied", "Events folded into a row")
        self.routed = self._counter("records_routed", "Events written to the customers' log")
        self.duplicate = self._counter("records_duplicate", "Events known by their message id")
        self.forwarded = self._counter("records_forwarded", "Records sent on to a known customer")
        self.control = self._counter("records_control", "Ticks, versions and markers", at)
        self.erased = self._counter("records_erased", "Records of before their customer's erasure")
        self.erasures = self._counter("erasures", "Ids that an erasure was done at", "outcome")
        self.dead = self._counter("dead_letters", "Records that could not be applied", at, "reason")
        self.late = self._counter("records_late", "Events before their row's own time")
        self.skew_corrected = self._counter("clock_skew_corrected", "Events of a client clock off")
        self.clamped = self._counter("future_clamped", "Events from the future, clamped")
        self.cut = self._counter("events_cut", "Events with parts beyond their bounds left out")
        self.quarantined = self._counter(
            "records_quarantined", "Events of customers who send more than a person can"
        )
        self.shed = self._counter(
            "row_shed", "What rows let go of because they are bounded", "part"
        )
        self.lost = self._counter(
            "records_lost", "Records that retention deleted before they were read", "topic"
        )

    def _freshness(self) -> None:
        topic_partition = ("topic", "partition")
        self.lag_records = self._gauge("consumer_lag_records", "Not yet consumed", *topic_partition)
        self.lag_seconds = self._gauge(
            "consumer_lag_seconds", "Age of the last consumed record", *topic_partition
        )
        self.change_latency = self._histogram(
            "change_latency_seconds",
            "From the flip (an event's receipt, or a timer's due time) to the committed change",
            LATENCY_BUCKETS_S,
            "cause",
        )
        self.record_latency = self._histogram(
            "record_latency_seconds",
            "From the broker's append to the commit that has the record's effects",
            LATENCY_BUCKETS_S,
            "at",
        )
        self.clock = self._gauge("clock_timestamp_seconds", "Event time of the last tick applied")
        self.source_watermark = self._gauge(
            "source_watermark_timestamp_seconds", "A source's watermark", "partition"
        )
        self.days_skipped = self._counter(
            "population_days_skipped", "Days whose quantiles were given up, a partition being stuck"
        )
        self.unreadable = self._counter(
            "control_records_unreadable", "Records of the time-keeper's topics left out", "topic"
        )
        self.sources_excluded = self._gauge(
            "sources_excluded", "Sources that the clock does not wait for, being stuck"
        )

    def _segments(self) -> None:
        self.changes = self._counter("changes", "Segment changes told of", "segment", "type")
        self.flaps = self._counter(
            "segment_flaps", "Entries within 24 h of the same customer's exit", "segment"
        )
        self.actions = self._counter(
            "actions",
            "Actions started and withdrawn, suppressions begun and lifted, once a channel of each",
            *("segment", "channel", "kind"),
        )
        self.actions_withdrawn = self._counter(
            "actions_withdrawn", "Actions and suppressions that ended, by why", "segment", "reason"
        )
        self.actions_withheld = self._counter(
            "actions_withheld",
            "Entries whose action did not start with them, by the first thing in its way",
            *("segment", "reason"),
        )
        self.customers = self._gauge("customers", "Customers in a segment", "segment", "partition")
        self.timers_pending = self._gauge("timers_pending", "Rows with a timer", "partition")
        self.timers_fired = self._counter("timers_fired", "Timers fired")
        self.timer_lag = self._histogram(
            "timer_lag_seconds",
            "Largest lateness of a batch's timers, by the broker's time",
            LAG_BUCKETS_S,
        )
        self.versions = self._counter("versions_announced", "Versions announced", "kind")
        self.definitions_refused = self._counter(
            "definitions_refused", "Contents of the definitions topic that do not load, left out"
        )

    def _partitions(self) -> None:
        self.ready = self._gauge("ready", "1 when every assigned partition is being worked on")
        self.owned = self._gauge("partitions_owned", "Partitions assigned to this worker")
        self.rebalances = self._counter("rebalances", "Assignments received")
        self.fenced = self._counter("fenced", "Partitions lost to another owner")
        self.restore_seconds = self._histogram(
            "restore_seconds", "Restore of one partition", RESTORE_BUCKETS_S
        )
        self.restore_rows = self._counter("restore_rows", "Rows read by restores")
        self.standby = self._gauge(
            "standby_partitions", "Other workers' partitions whose stores are kept up here"
        )
        self.stores_set_aside = self._counter(
            "stores_set_aside", "Local stores that could not be used, by why", "reason"
        )
        self.store_memory = self._gauge("store_memory_bytes", "Cache and buffers of all stores")
        self.store_bytes = self._gauge("store_bytes", "A local store's files", "partition")
        self.restore_remaining = self._gauge(
            "restore_remaining_records", "Changelog records still to be read", "partition"
        )

    def _deliveries(self) -> None:
        self.commit_seconds = self._histogram(
            "commit_seconds", "From the first write of a batch to its commit", COMMIT_BUCKETS_S
        )
        self.last_commit = self._gauge(
            "last_commit_timestamp_seconds",
            "When a partition's last batch was committed",
            "partition",
        )
        self.aborts = self._counter("aborts", "Batches that did not commit")
        self.loop_lag = self._gauge("event_loop_lag_seconds", "Lateness of the loop's own timer")

    def forget_partition(self, partition: int) -> None:
        """Remove the series of a partition that has gone to another worker."""
        label = str(partition)
        for gauge in (
            self.timers_pending,
            self.restore_remaining,
            self.store_bytes,
            self.last_commit,
            self.source_watermark,
            self.customers,
            self.lag_records,
            self.lag_seconds,
        ):
            place = gauge._labelnames.index("partition")
            for labels in [s for s in gauge._metrics if s[place] == label]:
                gauge.remove(*labels)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"shoal_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"shoal_{name}", meaning, labels, registry=self.registry)

    def _histogram(
        self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"shoal_{name}", meaning, labels, buckets=buckets, registry=self.registry)
