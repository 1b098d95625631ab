"""What `shoal capacity` prints: tables for people, one object for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from stream.cli.capacity_faults import Outcome
from stream.cli.capacity_figures import FIELDS, Figures
from stream.cli.capacity_limits import Limit
from stream.cli.capacity_plan import event_us
from stream.cli.capacity_report import CapacityReport

GIVES = 1.0


def show(report: CapacityReport, sources: Mapping[str, str]) -> None:
    """Print what is needed, what gives first, and what the simulation says."""
    console = Console(highlight=False)
    figures = report.plan.figures
    table = Table(title=f"{_short(figures.events)} events/s, {_short(figures.customers)} customers")
    for head in ("what", "needed", "because"):
        table.add_column(head, overflow="fold")
    for line in [*_needs(report), *_happens(report)]:
        table.add_row(*line)
    console.print(table)
    gives = Table(title="What gives first when the load grows")
    gives.add_column("gives at events/s", justify="right")
    gives.add_column("what", overflow="fold", ratio=4)
    gives.add_column("used of", justify="right")
    gives.add_column("remedy", overflow="fold", ratio=5)
    for limit in report.limits:
        style = "bold" if limit.ratio > GIVES else None
        gives.add_row(_gives_at(limit), limit.name, _used(limit), limit.remedy, style=style)
    console.print(gives)
    told = [f"{name} {getattr(figures, name):g} ({source})" for name, source in sources.items()]
    console.print(f"Figures that are not the defaults: {', '.join(told) or 'none'}.")
    console.print("`shoal capacity --figures` lists all, with where they come from.")


def show_figures(figures: Figures, sources: Mapping[str, str]) -> None:
    """Print every figure with its meaning and source."""
    table = Table(title="Figures of shoal capacity")
    for head in ("figure", "value", "meaning", "source"):
        table.add_column(head, overflow="fold")
    for field in FIELDS:
        source = sources.get(field.name, field.metadata["source"])
        value = f"{getattr(figures, field.name):g}"
        table.add_row(field.name, value, field.metadata["meaning"], source)
    Console(highlight=False).print(table)


def summary(report: CapacityReport, sources: Mapping[str, str]) -> dict[str, Any]:
    """All of it, by name."""
    plan = {
        field.name: getattr(report.plan, field.name)
        for field in dataclasses.fields(report.plan)
        if field.name != "figures"
    }
    derived = ("machines", "owned", "latency_s", "failover_s")
    return {
        "figures": dataclasses.asdict(report.plan.figures),
        "sources": dict(sources),
        "plan": plan | {name: getattr(report.plan, name) for name in derived},
        "skew": dataclasses.asdict(report.skew),
        "limits": [dataclasses.asdict(limit) | {"ratio": limit.ratio} for limit in report.limits],
        "death": dataclasses.asdict(report.death),
        "rolling": dataclasses.asdict(report.rolling) | {"together": report.together},
    }


def _needs(report: CapacityReport) -> list[tuple[str, str, str]]:
    plan, skew = report.plan, report.skew
    figures = plan.figures
    full = figures.batch_records / (1 + figures.log_records)
    each_us = event_us(figures, plan.partitions, full)
    most = max(plan.broker_needs, key=lambda means: plan.broker_needs[means])
    needs = ", ".join(f"{means} {count:.1f}" for means, count in plan.broker_needs.items())
    return [
        ("partitions", f"{plan.partitions}", f"{plan.owned:.1f} a worker"),
        (
            "workers",
            f"{plan.workers} on {plan.machines} machines",
            (
                f"{each_us:.0f} us an event, {each_us - figures.worker_event_us:.0f} of it for the "
                f"fan-out; {plan.worker_busy:.0%} of a core, hottest worker {skew.worker_p99:.2f}x"
            ),
        ),
        (
            "memory of a worker",
            f"{plan.worker_memory_gb:.1f} GB",
            f"{_short(figures.customers / plan.workers)} rows",
        ),
        ("brokers", f"{plan.brokers}", f"{most} first: {needs}"),
        (
            "transactions",
            f"{_short(plan.transactions)}/s",
            (
                f"{plan.events_per_batch:.0f} events each, to {plan.fan:.0f} partitions, every "
                f"{plan.interval_s * 1e3:.0f} ms a partition; {_short(plan.batches)} batches/s"
            ),
        ),
        ("event to change", f"about {plan.latency_s * 1e3:.0f} ms", "two batches"),
        (
            "network",
            f"{plan.written_mb:,.0f} MB/s in, {plan.read_mb:,.0f} MB/s out",
            f"and {figures.replication - 1:.0f} copies between brokers",
        ),
        (
            "disks",
            f"{plan.disk_tb:,.0f} TB",
            (
                f"{figures.replication:.0f} copies; raw {figures.raw_kept_days:.0f} days, log "
                f"{figures.log_kept_days:.0f}, changes {figures.changes_kept_days:.0f}"
            ),
        ),
        (
            "changelog",
            f"{plan.changelog_gb:,.0f} GB",
            f"{plan.live_gb:,.0f} GB live; {_short(plan.rows_restored)} rows a partition",
        ),
        (
            "hottest partition",
            f"{skew.partition:.2f}x the mean",
            (
                f"{skew.partition_p99:.2f}x in the worst 1%; most active customer "
                f"{skew.top_rate:,.0f} events/s"
            ),
        ),
    ]


def _happens(report: CapacityReport) -> list[tuple[str, str, str]]:
    plan = report.plan
    return [
        (
            "a worker dies",
            f"{plan.failover_s:.0f} s until its partitions go on",
            (
                f"session {plan.figures.session_timeout_s:.0f} s, rebalance "
                f"{plan.rebalance_s:.1f} s, restore {plan.restore_s:.1f} s a partition"
            ),
        ),
        ("... simulated", *_outcome(report.death)),
        (f"restart, {report.together} at a time", *_outcome(report.rolling)),
    ]


def _outcome(outcome: Outcome) -> tuple[str, str]:
    if outcome.settled_s is None:
        return "never catches up", "the others have no room for its work, or there are none"
    others = f", others {outcome.others_lag_s:.0f} s" if outcome.others_lag_s else ""
    return (
        f"{outcome.settled_s:.0f} s until all is caught up",
        f"{outcome.lag_s:.0f} s behind at most{others}; {_short(outcome.backlog)} events waited",
    )


def _used(limit: Limit) -> str:
    return f"{_short(limit.used)} of {_short(limit.most)} {limit.unit}"


def _gives_at(limit: Limit) -> str:
    return "-" if limit.gives_at is None else _short(limit.gives_at)


def _short(value: float) -> str:
    """A number as people say it.

    >>> _short(1_250_000), _short(708_000), _short(42), _short(0.238), _short(1e8)
    ('1.25 M', '708 k', '42', '0.238', '100 M')
    """
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{letter}" if value < 1000 * size else f"{value:,.0f}"
    return f"{value:.3g}"
