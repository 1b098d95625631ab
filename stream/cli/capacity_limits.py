"""What gives first: each thing that cannot grow by adding machines, and how far it is from its end.

Adding workers and brokers raises the rest. These are the parts of the design that sit on one node,
on one partition or on one customer, or that grow with partitions times partitions or partitions
times workers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stream.cli.capacity_figures import Figures
from stream.cli.capacity_plan import Plan, compute, event_us
from stream.shell.settings import PARTITIONS_MAX

KEEPER_SHARE = 0.3
"""Of a core for the time-keeper, which is one task of a worker that has partitions as well."""

FETCHES_PER_BROKER = 20_000
"""Fetch requests a second that leave a broker time for the rest (assumed)."""

TRANSACTION_PARTITIONS = 50
"""Of Kafka's own topic of transactions, by default: so many coordinators there can be."""

COORDINATOR_WRITES = 5_000
"""Acknowledged writes a second of one such partition, copies included (assumed)."""

STATE_WRITES = 3
"""Records of a coordinator for each transaction: ongoing, to be committed, committed."""

RESTORE_WANTED_S = 60.0
SCALES = tuple(10 ** (step / 20) for step in range(-60, 41))
"""Loads at which limits are looked for: a thousandth to a hundredfold, in steps of 12%."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that does not grow.

    used, most  in `unit`, at the load that was asked for
    gives_at    events a second at which it is first not enough; None: not up to a hundred times
    """

    name: str
    unit: str
    used: float
    most: float
    remedy: str
    gives_at: float | None = None

    @property
    def ratio(self) -> float:
        """How much of it is used; above 1 it does not hold."""
        return self.used / self.most


@dataclass(frozen=True, slots=True)
class Heat:
    """The hottest partition over the mean, and events a second of the most active customer."""

    partition: float
    top_rate: float

    def at(self, scale: float, figures: Figures) -> Heat:
        """The same with so many times the events, of as many more customers."""
        return Heat(self.partition, min(self.top_rate * scale, figures.customer_rate_max))


def find_limits(figures: Figures, hottest_ratio: float, heat: Heat) -> list[Limit]:
    """All limits, what gives first at the top.

    Each is looked for at growing loads, the plan made anew for each: more events and as many more
    customers, on as many more workers, partitions and brokers as they need.
    """
    here = limits_of(compute(figures, hottest_ratio), heat)
    gives: dict[str, float] = {}
    for scale in SCALES:
        larger = figures.scaled(scale)
        for limit in limits_of(compute(larger, hottest_ratio), heat.at(scale, figures)):
            if limit.ratio > 1:
                gives.setdefault(limit.name, larger.events)
    found = [
        Limit(one.name, one.unit, one.used, one.most, one.remedy, gives.get(one.name))
        for one in here
    ]
    return sorted(found, key=lambda one: (one.gives_at or float("inf"), -one.ratio))


def limits_of(plan: Plan, heat: Heat) -> list[Limit]:
    """What the plan uses of each."""
    return [make(plan, heat) for make in _LIMITS]


def _group_record(plan: Plan, _: Heat) -> Limit:
    return Limit(
        "the group: one record holds all members, one of them deals",
        "KB",
        plan.workers * plan.figures.member_bytes / 1e3,
        plan.figures.group_record_kb,
        "message.max.bytes of the brokers; fewer, faster workers; cells",
    )


def _clock_reports(plan: Plan, _: Heat) -> Limit:
    figures = plan.figures
    reports = min(plan.transactions, plan.partitions * 1e3 / figures.report_interval_ms)
    return Limit(
        "the clock: one time-keeper reads the reports of every source",
        "core",
        reports * figures.reader_batch_us / 1e6,
        KEEPER_SHARE,
        "combine the reports of a worker's sources into one",
    )


def _ticks(plan: Plan, _: Heat) -> Limit:
    figures = plan.figures
    ticks = 1e3 / figures.tick_interval_ms
    each_us = figures.writer_transaction_us + plan.partitions * figures.writer_batch_us
    return Limit(
        "ticks: one time-keeper writes to every partition in one transaction",
        "core",
        ticks * each_us / 1e6,
        KEEPER_SHARE,
        "a longer SHOAL_TICK_INTERVAL_MS; a process of its own for the time-keeper",
    )


def _merge(plan: Plan, _: Heat) -> Limit:
    return Limit(
        "clusters: one node merges every partition's summary",
        "core",
        plan.partitions * plan.figures.merge_ms / 1e3 / plan.figures.cluster_interval_s,
        KEEPER_SHARE,
        "a longer SHOAL_CLUSTER_INTERVAL_S, or merges of merges",
    )


def _fan_out(plan: Plan, _: Heat) -> Limit:
    figures = plan.figures
    fanned = plan.transactions * max(0.0, plan.fan - 1)
    copies = 1 + figures.copy_ratio * (figures.replication - 1)
    cores = fanned * figures.broker_batch_us * copies / 1e6
    return Limit(
        "fan-out: P sources write to P partitions, a batch and a marker each",
        "cores of brokers",
        cores,
        0.25 * plan.brokers * figures.broker_cores * figures.broker_use,
        "key the raw topic by customer (librdkafka's `consistent`); else one transaction a worker "
        "instead of one a partition; else independent cells of customers",
    )


def _coordinators(plan: Plan, _: Heat) -> Limit:
    return Limit(
        "transactions: three records of its coordinator each",
        "writes/s of the busiest of 50",
        # The ids hash at random; the busiest of 50 has about 1.4 times the mean of 4 ids each.
        1.4 * plan.transactions * STATE_WRITES / TRANSACTION_PARTITIONS,
        COORDINATOR_WRITES,
        "transaction.state.log.num.partitions before the first start; one transaction a worker",
    )


def _partition_core(plan: Plan, heat: Heat) -> Limit:
    figures = plan.figures
    full = figures.batch_records / (1 + figures.log_records)
    rate = figures.events / plan.partitions * heat.partition
    return Limit(
        "one partition: one core folds its hottest",
        "core",
        rate * event_us(figures, plan.partitions, full) / 1e6,
        figures.worker_use,
        "more SHOAL_PARTITIONS, which asks for a new installation (import the log into it)",
    )


def _all_partitions(plan: Plan, _: Heat) -> Limit:
    wanted = plan.figures.events * event_us(
        plan.figures, PARTITIONS_MAX, plan.figures.batch_records / (1 + plan.figures.log_records)
    )
    return Limit(
        f"partitions: {PARTITIONS_MAX} at most, a core each",
        "cores",
        wanted / 1e6 / plan.figures.worker_use,
        PARTITIONS_MAX,
        "a faster core or less work an event; cells: installations with a part of the customers",
    )


def _one_customer(plan: Plan, heat: Heat) -> Limit:
    figures = plan.figures
    return Limit(
        "one customer: all events of one id go to one core",
        "core",
        heat.top_rate * figures.worker_event_us / 1e6,
        figures.worker_use / 2,
        "a limit on what one id may send, before the raw topic: it is a robot",
    )


def _restore(plan: Plan, _: Heat) -> Limit:
    return Limit(
        "restore: one core reads a partition's rows when its worker has died",
        "s",
        plan.restore_s,
        RESTORE_WANTED_S,
        "more partitions of fewer rows each; a standby that follows the changelog",
    )


def _memory(plan: Plan, _: Heat) -> Limit:
    figures = plan.figures
    return Limit(
        "memory: rows of a worker",
        "GB a core",
        plan.worker_memory_gb,
        figures.worker_memory_gb / figures.worker_cores,
        "machines with more memory a core; more workers; a store on disk for rows that are cold",
    )


def _cleaning(plan: Plan, _: Heat) -> Limit:
    figures = plan.figures
    return Limit(
        "compaction: each row that is rewritten is read once more, with what is kept around it",
        "MB/s of a broker's cleaner",
        plan.state_mb * figures.replication / figures.dirty_ratio / plan.brokers,
        figures.cleaner_mb,
        "log.cleaner.threads; a larger min.cleanable.dirty.ratio (and a longer restore); rows "
        "written once a few seconds, and the log replayed from there",
    )


def _fetches(plan: Plan, _: Heat) -> Limit:
    # A worker asks each broker again as soon as it has an answer, at most every 20 ms.
    return Limit(
        "fetches: every worker asks every broker",
        "requests/s of a broker",
        plan.workers * 50.0,
        FETCHES_PER_BROKER,
        "a longer fetch wait; fewer workers of more partitions",
    )


_LIMITS: tuple[Callable[[Plan, Heat], Limit], ...] = (
    _group_record,
    _clock_reports,
    _ticks,
    _merge,
    _fan_out,
    _coordinators,
    _partition_core,
    _all_partitions,
    _one_customer,
    _restore,
    _memory,
    _cleaning,
    _fetches,
)
