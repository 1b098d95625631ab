"""The one table, and the same as JSON."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.log import LogFacts
from tests.bench.rates import Run, best, spread_ratio

SHOAL = "Shoal"
OTHERS_RATIO_MAX = 0.05
"""More of the measured core than this used by others makes a figure doubtful."""


PROBLEM_SHOWN_MAX = 80


class Row(msgspec.Struct):
    """A contender: who, what it does for an event, its runs, or why there are none.

    `is_peer` rows are those that Shoal's row is compared with.
    """

    name: str
    does: str
    is_peer: bool = False
    runs: list[Run] = []
    problem: str | None = None


class Report(msgspec.Struct):
    """Everything that was measured, and on what."""

    taken: str
    machine: dict[str, str]
    rows: list[Row]
    log: LogFacts | None = None
    notes: list[str] = []
    shoal_is: dict[str, dict[str, float]] = {}

    def compare(self) -> None:
        """Fill `shoal_is`: how many times as fast as each peer, by the clock and by CPU."""
        runs = {row.name: best(row.runs) for row in self.rows if row.runs}
        shoal = runs.get(SHOAL)
        if shoal is None:
            return
        for row in self.rows:
            if row.is_peer and row.runs:
                peer = runs[row.name]
                self.shoal_is[row.name] = {"events/s": shoal.events_per_s / peer.events_per_s}
                if peer.cpu_us is not None and shoal.cpu_us is not None:
                    self.shoal_is[row.name]["CPU"] = peer.cpu_us / shoal.cpu_us


def write_json(report: Report, folder: Path) -> Path:
    """The report beside the earlier ones; its path."""
    path = folder / f"bench-{report.taken.replace(':', '').replace('-', '')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    return path


def show(report: Report, console: Console) -> None:
    """Print the table, and below it what the figures are of."""
    table = Table(title="Shoal's speed", caption=f"taken {report.taken}", title_style="bold")
    table.add_column("who", no_wrap=True)
    table.add_column("does, for each event", min_width=24)
    for head in ("events/s", "spread", "CPU us", "core", "Shoal is", "by CPU"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in report.rows:
        table.add_row(*_cells(row, report.shoal_is.get(row.name, {})))
    console.print(table)
    facts = [(row.name, _facts_line(best(row.runs))) for row in report.rows if row.runs]
    lines = [*facts, *report.machine.items()]
    if report.log is not None:
        lines.append(("log", _log_line(report.log)))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    for name, value in lines:
        if value:
            grid.add_row(name, value)
    console.print(grid, highlight=False)
    for note in [*report.notes, *_doubts(report.rows)]:
        console.print(f"- {note}", highlight=False)


def _cells(row: Row, ratios: dict[str, float]) -> list[str]:
    if not row.runs:
        return [row.name, f"not measured: {(row.problem or 'not run')[:PROBLEM_SHOWN_MAX]}"]
    fastest = best(row.runs)
    spread = f"-{spread_ratio(row.runs):.0%} of {len(row.runs)}" if len(row.runs) > 1 else "one run"
    return [
        row.name,
        row.does,
        f"{fastest.events_per_s:,.0f}",
        spread,
        "-" if fastest.cpu_us is None else f"{fastest.cpu_us:.1f}",
        "-" if fastest.core_ratio is None else f"{fastest.core_ratio:.0%}",
        *(f"{ratios[by]:.2f}x" if by in ratios else "" for by in ("events/s", "CPU")),
    ]


def _facts_line(run: Run) -> str:
    facts = [
        f"{name} {value:,.0f}" if value >= 1_000 else f"{name} {value:,.3g}"
        for name, value in run.facts.items()
    ]
    if run.wall_s is not None:
        facts.append(f"{run.wall_s:.1f} s with its start")
    return ", ".join(facts)


def _log_line(log: LogFacts) -> str:
    return (
        f"{log.events:,} events of {log.customers:,} customers ({log.keys:,} keys), "
        f"{log.bytes_mean:,.0f} bytes each, {log.from_time} to {log.to_time}, seed {log.seed}, "
        f"{log.partitions} partitions"
    )


def _doubts(rows: list[Row]) -> list[str]:
    shares = [(row.name, best(row.runs).others_ratio or 0.0) for row in rows if row.runs]
    return [
        f"{name}: others used {share:.0%} of the measured core during the best run; CPU per event "
        f"is the better figure then"
        for name, share in shares
        if share > OTHERS_RATIO_MAX
    ]
