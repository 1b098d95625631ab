"""What was measured: figures, each with its spread and what it must reach; the table and the JSON.

A figure keeps its section and name from release to release: they are what two reports are
compared by.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.log import LogFacts
from tests.bench.musts import BOUNDS
from tests.bench.options import Options

REPORT_FORMAT = 2
PROBLEM_SHOWN_MAX = 200

RATES = {"events/s", "rows/s"}
"""Units in which more is better and a faster machine gives more."""

CPU_TIMES = {"us", "us a definition"}
"""Units of CPU time: less is better, and a faster machine gives less."""


class Figure(msgspec.Struct, kw_only=True):
    """One figure.

    value    in `unit`; None where it could not be measured, and `problem` says why
    runs     what single runs, or windows of one run, gave: the spread; fewer than two: unknown
    cpu_us   CPU of the process, of an event or row
    taken, shoal  when its section began, and the commit and form of Shoal that it is of
    loop_us  CPU time of the calibrating loop in the minutes in which this was measured
    must, goal, is_met, is_goal  the bounds, and whether `value` keeps them
    is_sure  whether each of the runs says the same of `must`
    facts    what else there is to say, by name
    """

    section: str
    name: str
    does: str = ""
    unit: str
    value: float | None = None
    runs: list[float] = []
    cpu_us: float | None = None
    taken: str = ""
    shoal: str = ""
    loop_us: float | None = None
    must: float | None = None
    goal: float | None = None
    is_met: bool | None = None
    is_goal: bool | None = None
    is_sure: bool | None = None
    facts: dict[str, float] = {}
    doubts: list[str] = []
    problem: str | None = None

    @property
    def more_is_better(self) -> bool:
        """Rates and how many times as fast Shoal is; times and sizes are better small."""
        return self.unit in RATES or self.unit == "times"

    def spread_ratio(self) -> float | None:
        """From the least to the most of the runs, as a share of the value."""
        if len(self.runs) < 2 or not self.value:
            return None
        return (max(self.runs) - min(self.runs)) / abs(self.value)

    def judge(self) -> None:
        """Say whether the bounds of the design hold."""
        bound = BOUNDS.get((self.section, self.name))
        if bound is None:
            return
        self.must, self.goal = bound
        if self.value is not None:
            sign = 1 if self.more_is_better else -1
            self.is_met = sign * self.value >= sign * bound.must
            if bound.goal is not None:
                self.is_goal = sign * self.value >= sign * bound.goal
            said = [sign * run >= sign * bound.must for run in self.runs]
            self.is_sure = all(met == self.is_met for met in said) if len(said) > 1 else None


class Report(msgspec.Struct):
    """Everything that was measured, on what, and how."""

    taken: str
    machine: dict[str, str]
    options: Options
    figures: list[Figure] = []
    log: LogFacts | None = None
    notes: list[str] = []
    format: int = REPORT_FORMAT

    def unmeasured(self) -> list[Figure]:
        """The figures that are missing."""
        return [figure for figure in self.figures if figure.value is None]


def unmeasured(section: str, name: str, problem: str, unit: str = "") -> Figure:
    """A figure that could not be measured, and why."""
    return Figure(section=section, name=name, unit=unit, problem=problem)


def write_json(report: Report, folder: Path) -> Path:
    """The report beside the earlier ones; its path."""
    path = folder / f"bench-{report.taken.replace(':', '').replace('-', '')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    return path


def show(report: Report, console: Console) -> None:
    """Print the table, and below it what the figures are of."""
    table = Table(title="Shoal's benchmark", caption=f"taken {report.taken}", title_style="bold")
    table.add_column("figure", overflow="fold", ratio=5)
    table.add_column("what it is of", overflow="fold", ratio=6)
    for head in ("measured", "spread", "CPU us", "must", "goal"):
        table.add_column(head, justify="right", no_wrap=head in {"measured", "CPU us"})
    section = ""
    for figure in report.figures:
        if figure.section != section:
            section = figure.section
            table.add_section()
            table.add_row(f"[bold]{section}[/bold]")
        table.add_row(*_cells(figure))
    console.print(table)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", overflow="fold", max_width=36)
    grid.add_column(overflow="fold")
    for name, value in _lines(report):
        grid.add_row(name, value)
    console.print(grid, highlight=False)
    doubts = [f"{f.section}, {f.name}: {doubt}" for f in report.figures for doubt in f.doubts]
    for note in [*report.notes, *doubts]:
        console.print(f"- {note}", highlight=False, markup=False)
    console.print(_verdict(report.figures), highlight=False)


def _cells(figure: Figure) -> list[str]:
    if figure.value is None:
        why = (figure.problem or "not run")[:PROBLEM_SHOWN_MAX]
        return [figure.name, f"not measured: {why}", "-", "", "", *_bounds(figure)]
    return [
        figure.name,
        figure.does,
        f"{number(figure.value)} {figure.unit}",
        _spread(figure),
        "" if figure.cpu_us is None else f"{figure.cpu_us:.1f}",
        *_bounds(figure),
    ]


def _spread(figure: Figure) -> str:
    """From the least to the most of the runs; of per cents, which may be about 0, in points."""
    spread = figure.spread_ratio()
    if spread is None:
        return "one run"
    if figure.unit == "%":
        return f"{number(max(figure.runs) - min(figure.runs))} points of {len(figure.runs)}"
    return f"{spread:.0%} of {len(figure.runs)}"


def _bounds(figure: Figure) -> list[str]:
    words = {True: "holds", False: "[bold]MISSED[/bold]", None: "unknown"}
    goals = {True: "reached", False: "not yet", None: "unknown"}
    doubt = " ?" if figure.is_sure is False else ""
    return [
        "" if figure.must is None else f"{number(figure.must)} {words[figure.is_met]}{doubt}",
        "" if figure.goal is None else f"{number(figure.goal)} {goals[figure.is_goal]}",
    ]


def _lines(report: Report) -> Iterable[tuple[str, str]]:
    for figure in report.figures:
        if figure.facts:
            facts = ", ".join(f"{name} {number(value)}" for name, value in figure.facts.items())
            yield f"{figure.section}: {figure.name}", facts
    yield from ((name, value) for name, value in report.machine.items() if value)
    if report.log is not None:
        yield "log", _log_line(report.log)


def _log_line(log: LogFacts) -> str:
    return (
        f"{log.events:,} events of {log.customers:,} customers ({log.keys:,} keys), "
        f"{log.bytes_mean:,.0f} bytes each, {log.from_time} to {log.to_time}, "
        f"{log.partitions} partitions, {log.mix}"
    )


def _verdict(figures: list[Figure]) -> str:
    judged = [figure for figure in figures if figure.must is not None]
    met = [figure for figure in judged if figure.is_met]
    if not judged:
        return "none of these figures has a bound that it must keep"
    missed = [f"{f.section}: {f.name}" for f in judged if not f.is_met]
    words = f"{len(met)} of {len(judged)} figures that must reach something do"
    words += f"; not: {'; '.join(missed)}" if missed else ""
    if any(figure.is_sure is False for figure in judged):
        words += " (? where not all runs say the same)"
    return words


def number(value: float) -> str:
    """A figure in as many digits as it deserves.

    >>> number(21_289.4), number(187.4), number(4.321), number(0.33321), number(0)
    ('21,289', '187', '4.32', '0.333', '0')
    """
    return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"
