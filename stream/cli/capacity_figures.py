"""The figures that capacity is computed from: what each is, its default, and where that comes from.

`measured` ones were taken on two cores of an Intel Xeon with Kafka 4.1; the newest benchmark report
replaces those that it has. `assumed` ones are what a machine of that kind is usually planned with.
Every one is an option of `shoal capacity`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stream.engine.store import HOT_ROWS_MAX
from stream.events.topics import CHANGES, CUSTOMER_EVENTS, EVENTS, SEGMENT_BYTES
from stream.shell.reporting import REPORT_INTERVAL_S

FANOUT = "measured: python -m tests.bench.fanout"
TRAFFIC = "measured: 329,000 events of 1,500 simulated customers in 4 weeks"
SETTING = "the default of Shoal or Kafka"
ASSUMED = "assumed"


def _figure(default: float, meaning: str, source: str) -> Any:
    return dataclasses.field(default=default, metadata={"meaning": meaning, "source": source})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All of them; units are in the names. A ratio is of 1."""

    # What comes in
    events: float = _figure(1e6, "events a second at the peak", "what you plan for")
    customers: float = _figure(1e8, "rows, anonymous visitors included", "what you plan for")
    mean_ratio: float = _figure(0.4, "mean load, as a part of the peak", ASSUMED)
    keyed_ratio: float = _figure(
        0.0, "events whose raw partition is already their customer's", "0: any key"
    )
    activity_exponent: float = _figure(0.8, "Zipf's, of the customers' activity", ASSUMED)
    customer_rate_max: float = _figure(5, "events a second of one customer at most", ASSUMED)

    # What Shoal is told
    partitions: float = _figure(0, "of every topic; 0: computed", "SHOAL_PARTITIONS")
    partitions_per_worker: float = _figure(4, "at least, so that more workers find work", ASSUMED)
    batch_records: float = _figure(2000, "records at which a batch does not wait", SETTING)
    interval_max_ms: float = _figure(100, "between two batches of a partition", SETTING)
    interval_per_partition_ms: float = _figure(4, "the same, for each one of a worker's", SETTING)
    tick_interval_ms: float = _figure(250, "between two ticks", SETTING)
    report_interval_ms: float = _figure(
        REPORT_INTERVAL_S * 1e3, "between two reports of a source to the clock", SETTING
    )
    cluster_interval_s: float = _figure(300, "between two cluster models", SETTING)
    session_timeout_s: float = _figure(10, "until a dead worker is missed", SETTING)
    heartbeat_s: float = _figure(2.5, "until all hear of a rebalance", SETTING)
    replication: float = _figure(3, "copies of every record", SETTING)
    raw_kept_days: float = _figure((EVENTS.retention_ms or 0) / 864e5, "raw events", SETTING)
    log_kept_days: float = _figure(
        (CUSTOMER_EVENTS.retention_ms or 0) / 864e5, "the customers' log", SETTING
    )
    changes_kept_days: float = _figure((CHANGES.retention_ms or 0) / 864e5, "changes", SETTING)
    dirty_ratio: float = _figure(0.3, "superseded rows before a log is compacted", SETTING)
    segment_mb: float = _figure(SEGMENT_BYTES / 1e6, "newest file, never compacted", SETTING)

    # What a record weighs
    raw_bytes: float = _figure(1025, "a raw event with its key", TRAFFIC)
    log_records: float = _figure(1.06, "records of the customers' log, an event", TRAFFIC)
    log_bytes: float = _figure(92, "one of them, with Kafka's 10", TRAFFIC)
    rows_written: float = _figure(1, "rows written, an event", "his next click comes later")
    row_bytes: float = _figure(582, "a row in the changelog", TRAFFIC)
    changes: float = _figure(0.061, "changes, an event; as many memberships", TRAFFIC)
    change_bytes: float = _figure(849, "a change", TRAFFIC)
    membership_bytes: float = _figure(205, "a customer's segments", TRAFFIC)
    batch_bytes: float = _figure(139, "a batch's frame with its commit marker", "Kafka's format")

    # What Shoal costs
    worker_event_us: float = _figure(
        25, "CPU of the whole job, an event", "measured: make bench, on one core, interpreted"
    )
    writer_transaction_us: float = _figure(620, "CPU of a worker, a transaction", FANOUT)
    writer_batch_us: float = _figure(54, "CPU of a worker, a partition written to", FANOUT)
    reader_batch_us: float = _figure(4, "CPU of a worker, a batch read", FANOUT)
    transaction_ms: float = _figure(3, "a transaction to one partition takes", FANOUT)
    transaction_batch_ms: float = _figure(0.07, "and longer with each further one", FANOUT)
    merge_ms: float = _figure(9, "CPU of merging a partition's clusters", "measured: 8 to 64")
    member_bytes: float = _figure(
        640, "in the group's record, a worker", "measured: 64 with 4 partitions each"
    )
    memory_row_bytes: float = _figure(
        733, "memory of a customer at rest", "measured: make bench ONLY=memory"
    )
    memory_worker_mb: float = _figure(150, "memory of a worker without rows", "measured")
    hot_rows: float = _figure(HOT_ROWS_MAX, "live rows of a worker, 9 KB each", SETTING)
    restore_rows: float = _figure(150_000, "rows restored a second", "measured: make bench")
    start_s: float = _figure(4, "from a worker's start until it joins", "measured")

    # What it runs on
    worker_cores: float = _figure(16, "of a machine for workers", ASSUMED)
    worker_memory_gb: float = _figure(64, "of such a machine", ASSUMED)
    worker_use: float = _figure(0.7, "of a worker's core at the peak", "room for a machine's death")
    broker_cores: float = _figure(16, "of a broker", ASSUMED)
    broker_use: float = _figure(0.6, "of a broker's cores at the peak", ASSUMED)
    broker_write_mb: float = _figure(400, "written a second by a broker, copies included", ASSUMED)
    broker_network_gbit: float = _figure(25, "a broker's network, each way", ASSUMED)
    broker_disk_tb: float = _figure(60, "a broker's disks", ASSUMED)
    broker_transaction_us: float = _figure(2200, "CPU of a broker, a transaction", FANOUT)
    broker_batch_us: float = _figure(25, "CPU of a broker, a batch with its marker", FANOUT)
    broker_record_us: float = _figure(0.5, "CPU of a broker, a record of 300 bytes", FANOUT)
    copy_ratio: float = _figure(0.5, "a copy's CPU, as a part of the original's", ASSUMED)
    cleaner_mb: float = _figure(100, "a broker's cleaner reads a second", "assumed: one thread")
    group_record_kb: float = _figure(
        1048.588,
        "the group's record at most, or no rebalance succeeds",
        "message.max.bytes, seen to hold",
    )

    def scaled(self, ratio: float) -> Figures:
        """The same with so many times the events and customers."""
        events, customers = self.events * ratio, self.customers * ratio
        return dataclasses.replace(self, events=events, customers=customers)


FIELDS = dataclasses.fields(Figures)

_IN_REPORTS = {
    ("throughput", "Shoal, whole job"): ("worker_event_us", "cpu_us", 1.0),
    ("restore", "restore"): ("restore_rows", "value", 1.0),
    ("memory", "a further customer"): ("memory_row_bytes", "value", 1.0),
}
"""Section and name in a report -> figure, which number of it, and in which unit."""


def measured_in(reports: Iterable[Path]) -> dict[str, tuple[float, str]]:
    """What the newest of these benchmark reports say: figure -> value and the report's name.

    Each figure comes from the newest report that has it. One that cannot be read is left out.
    """
    found: dict[str, tuple[float, str]] = {}
    for path in sorted(reports):
        try:
            figures = json.loads(path.read_bytes()).get("figures", [])
        except (OSError, ValueError):
            continue
        for figure in figures:
            name, which, unit = _IN_REPORTS.get(
                (figure.get("section"), figure.get("name")), ("", "", 0.0)
            )
            if name and figure.get(which):
                found[name] = (figure[which] * unit, path.name)
    return found
