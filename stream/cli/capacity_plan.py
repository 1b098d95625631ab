"""From the figures to partitions, workers, brokers, network, disks, memory and times.

What is not linear is the fan-out. The owner of raw partition p sends each event to the partition
of its customer, so a transaction of n events writes to about P(1 - (1 - 1/P)^n) of P partitions,
and each of these is a batch, a commit marker, and a batch to read. At a fixed pace more partitions
mean fewer events in each, so that batches grow with P * P. What bounds it is that a worker that
has too much to do takes larger batches: it trades latency for work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from stream.cli.capacity_figures import Figures
from stream.shell.settings import PARTITIONS_MAX

OWN_BATCHES = 3
"""Further batches of each transaction: changelog, changes, memberships. One to the clock comes
with some: see `reports_of`."""

LIVE_ROW_BYTES = 9_000

ROUNDS = 60
"""Halvings of an interval, which is then exact to the last digit."""

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is needed at the peak. Rates are a second, of the whole installation.

    events_per_batch  of a transaction, where work and pace balance
    fan               partitions of the customers' log that it writes to
    interval_s        between two transactions of a partition
    worker_busy       of a worker's core, where batches are as large as they become
    latency_s         from an event to the change that it causes, about: two batches
    state_mb          written to compacted topics, once
    live_gb, changelog_gb  rows, and with superseded ones that are not yet compacted
    """

    figures: Figures
    partitions: int
    workers: int
    brokers: int
    broker_needs: dict[str, float]
    events_per_batch: float
    fan: float
    interval_s: float
    worker_busy: float
    transactions: float
    batches: float
    written_mb: float
    read_mb: float
    disk_tb: float
    state_mb: float
    live_gb: float
    changelog_gb: float
    worker_memory_gb: float
    rows_restored: float
    restore_s: float
    rebalance_s: float

    @property
    def machines(self) -> int:
        """With as many workers as they have cores, and memory for."""
        by_cores = self.workers / self.figures.worker_cores
        by_memory = self.workers * self.worker_memory_gb / self.figures.worker_memory_gb
        return math.ceil(max(by_cores, by_memory))

    @property
    def owned(self) -> float:
        """Partitions of a worker."""
        return self.partitions / self.workers

    @property
    def latency_s(self) -> float:
        """Half a wait to be routed and half to be folded, and two commits."""
        return self.interval_s + 2 * commit_s(self.figures, self.batches / self.transactions)

    @property
    def failover_s(self) -> float:
        """From a worker's death until its partitions are worked on again."""
        figures = self.figures
        taken = math.ceil(self.owned / max(1, self.workers - 1))
        return figures.session_timeout_s + self.rebalance_s + taken * self.restore_s


def fan_of(figures: Figures, partitions: float, events: float) -> float:
    """Partitions that the customers of so many events are on: the mean of what is hit at random.

    >>> round(fan_of(Figures(log_records=1), 4, 1), 6), fan_of(Figures(keyed_ratio=1), 256, 500)
    (1.0, 1.0)
    """
    strangers = events * figures.log_records * (1 - figures.keyed_ratio)
    if partitions <= 1:
        return 1.0
    return max(1.0, -partitions * math.expm1(strangers * math.log1p(-1 / partitions)))


def reports_of(figures: Figures, partitions: float, events: float) -> float:
    """Reports to the clock with a transaction of so many events: a source tells once an interval.

    One that waits for the clock tells at once; that is rare while the log is read at its end.

    >>> figures = Figures(events=1000, report_interval_ms=100)
    >>> reports_of(figures, 10, 5), reports_of(figures, 10, 50)
    (0.5, 1.0)
    """
    interval_ms = events / figures.events * partitions * 1e3
    return min(1.0, interval_ms / figures.report_interval_ms)


def batches_of(figures: Figures, partitions: float, events: float) -> float:
    """Partitions that a transaction of so many events writes to: a batch and a marker each."""
    reports = reports_of(figures, partitions, events)
    return fan_of(figures, partitions, events) + OWN_BATCHES + reports


def event_us(figures: Figures, partitions: float, events: float) -> float:
    """CPU of a worker for one event, in transactions of so many."""
    fan = fan_of(figures, partitions, events)
    batches = batches_of(figures, partitions, events)
    written = figures.writer_transaction_us + batches * figures.writer_batch_us
    return figures.worker_event_us + (written + fan * figures.reader_batch_us) / events


def commit_s(figures: Figures, batches: float) -> float:
    """How long a transaction takes that writes to so many partitions."""
    return (figures.transaction_ms + batches * figures.transaction_batch_ms) / 1e3


def compute(figures: Figures, hottest_ratio: float = 1.0) -> Plan:
    """What such a load needs.

    Parameters
    ----------
    hottest_ratio
        Load of the worker with the most to do, over the mean; see `capacity_skew`.
    """
    partitions, workers = _deal(figures, hottest_ratio)
    rate = figures.events / partitions
    events = _balanced_batch(figures, partitions, workers)
    fan = fan_of(figures, partitions, events)
    transactions = figures.events / events
    per_transaction = batches_of(figures, partitions, events)
    batches = transactions * per_transaction
    written_mb, read_mb, state_mb = _traffic(figures, batches)
    live_gb = figures.customers * figures.row_bytes / 1e9
    newest_gb = partitions * figures.segment_mb / 1e3
    changelog_gb = live_gb / (1 - figures.dirty_ratio) + newest_gb
    disk_tb = _disk_tb(figures, changelog_gb)
    needs = _broker_needs(figures, transactions, batches, written_mb, read_mb, disk_tb)
    rows_restored = changelog_gb * 1e9 / figures.row_bytes / partitions
    rows = figures.customers / workers
    memory = rows * figures.memory_row_bytes + min(figures.hot_rows, rows) * LIVE_ROW_BYTES
    return Plan(
        figures=figures,
        partitions=partitions,
        workers=workers,
        brokers=math.ceil(max(figures.replication, *needs.values())),
        broker_needs=needs,
        events_per_batch=events,
        fan=fan,
        interval_s=events / rate,
        worker_busy=figures.events * event_us(figures, partitions, _full(figures)) / workers / 1e6,
        transactions=transactions,
        batches=batches,
        written_mb=written_mb,
        read_mb=read_mb,
        disk_tb=disk_tb,
        state_mb=state_mb,
        live_gb=live_gb,
        changelog_gb=changelog_gb,
        worker_memory_gb=memory / 1e9 + figures.memory_worker_mb / 1e3,
        rows_restored=rows_restored,
        restore_s=rows_restored / figures.restore_rows,
        rebalance_s=figures.heartbeat_s + commit_s(figures, per_transaction) + 0.5,
    )


def _full(figures: Figures) -> float:
    """Events of a batch that does not wait any more: as many raw records as records to fold."""
    return figures.batch_records / (1 + figures.log_records)


def _deal(figures: Figures, hottest_ratio: float) -> tuple[int, int]:
    """Partitions and workers, which depend on each other: a few rounds settle them."""
    given = int(figures.partitions)
    partitions = given or 8
    for _ in range(8):
        cpu = figures.events * event_us(figures, partitions, _full(figures)) / 1e6
        workers = math.ceil(cpu * hottest_ratio / figures.worker_use)
        if given:
            break
        wanted = workers * figures.partitions_per_worker
        partitions = min(PARTITIONS_MAX, 2 ** math.ceil(math.log2(max(1.0, wanted))))
    return partitions, max(1, min(workers, partitions))


def _balanced_batch(figures: Figures, partitions: int, workers: int) -> float:
    """Events of a transaction: those of the pace, or more where a worker cannot keep it."""
    owned, rate = partitions / workers, figures.events / partitions
    pace_s = min(owned * figures.interval_per_partition_ms, figures.interval_max_ms) / 1e3
    full = _full(figures)

    def is_kept(events: float) -> bool:
        interval_s = events / rate
        has_time = owned * rate * event_us(figures, partitions, events) / 1e6 <= 1
        return has_time and interval_s >= commit_s(figures, batches_of(figures, partitions, events))

    least = max(1.0, min(full, rate * pace_s))
    if is_kept(least):
        return least
    low, high = least, full
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_kept(middle) else (middle, high)
    return high


def _traffic(figures: Figures, batches: float) -> tuple[float, float, float]:
    """MB a second: written once, read by workers and one consumer, and written to state topics."""
    raw = figures.raw_bytes
    log = figures.log_records * figures.log_bytes
    told = figures.changes * figures.change_bytes
    row = figures.rows_written * figures.row_bytes
    state = row + figures.changes * figures.membership_bytes
    frames = batches * figures.batch_bytes
    written = figures.events * (raw + log + told + state) + frames
    return written / 1e6, figures.events * (raw + log + told) / 1e6, figures.events * state / 1e6


def _disk_tb(figures: Figures, changelog_gb: float) -> float:
    """All copies of what is kept."""
    kept = (
        figures.raw_bytes * figures.raw_kept_days
        + figures.log_records * figures.log_bytes * figures.log_kept_days
        + figures.changes * figures.change_bytes * figures.changes_kept_days
    )
    kept_tb = figures.events * figures.mean_ratio * kept * DAY_S / 1e12
    return (kept_tb + changelog_gb / 1e3) * figures.replication


def _broker_needs(
    figures: Figures,
    transactions: float,
    batches: float,
    written_mb: float,
    read_mb: float,
    disk_tb: float,
) -> dict[str, float]:
    """How many brokers each of their means asks for."""
    copies = figures.replication
    times = 1 + figures.copy_ratio * (copies - 1)
    records = 1 + figures.log_records + figures.rows_written + 2 * figures.changes
    cpu_us = transactions * figures.broker_transaction_us + times * (
        batches * figures.broker_batch_us + figures.events * records * figures.broker_record_us
    )
    out_mb = read_mb + written_mb * (copies - 1)
    gbit = figures.broker_network_gbit * figures.broker_use
    return {
        "CPU": cpu_us / 1e6 / figures.broker_cores / figures.broker_use,
        "writes": written_mb * copies / figures.broker_write_mb,
        "network": max(written_mb * copies, out_mb) * 8 / 1e3 / gbit,
        "disks": disk_tb / figures.broker_disk_tb,
    }
