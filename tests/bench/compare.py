"""The newest run against the baseline, row by row: `make bench-compare`.

A machine's speed varies from hour to hour, so rates and CPU times are taken in units of the
calibrating loop that ran beside them. A difference counts when it exceeds what the runs of both
reports vary by themselves; one run alone cannot tell.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.report import CPU_TIMES, RATES, REPORT_FORMAT, Figure, Report, number

RESULTS = Path(__file__).parents[2] / "build" / "bench"
BASELINE = "baseline.json"
TABLE_WIDTH = 140

BETTER, WORSE, WITHIN, UNKNOWN = "better", "worse", "within the spread", "one run: unknown"
ONLY_THERE, ONLY_HERE = "not in this run", "not in the baseline"

CHANCE_RATIO = 0.02
"""Runs may agree with each other by chance: a smaller difference never counts."""

CHANCE_POINTS = 0.1
"""The same of figures in per cent, which may be 0 or below: their difference counts."""


class NoReportError(RuntimeError):
    """There is nothing to compare, or it is of another format."""


class Comparison(msgspec.Struct, frozen=True):
    """One figure of both reports.

    ratio      now / baseline
    corrected  the same in units of the calibrating loop, where that makes sense
    spread     how far both vary by themselves, as a share
    """

    section: str
    name: str
    baseline: Figure | None
    now: Figure | None
    ratio: float | None = None
    corrected: float | None = None
    spread: float | None = None
    verdict: str = UNKNOWN


def compare(baseline: Report, now: Report) -> Iterator[Comparison]:
    """All figures of the newer report, then those that only the baseline has."""
    there = {(figure.section, figure.name): figure for figure in baseline.figures}
    for figure in now.figures:
        yield compared(there.pop((figure.section, figure.name), None), figure)
    for (section, name), figure in there.items():
        yield Comparison(section, name, figure, None, verdict=ONLY_THERE)


def compared(baseline: Figure | None, now: Figure) -> Comparison:
    """One figure against its baseline."""
    section, name = now.section, now.name
    if baseline is None:
        return Comparison(section, name, None, now, verdict=ONLY_HERE)
    if baseline.value is not None and now.value is not None and now.unit == "%":
        return Comparison(section, name, baseline, now, verdict=_by_points(baseline, now))
    if not baseline.value or not now.value:
        return Comparison(section, name, baseline, now, verdict="not measured")
    ratio = now.value / baseline.value
    corrected = ratio * slowness(baseline, now)
    spreads = [baseline.spread_ratio(), now.spread_ratio()]
    known = [spread for spread in spreads if spread is not None]
    spread = max(CHANCE_RATIO, sum(known)) if len(known) == len(spreads) else None
    if spread is None:
        verdict = UNKNOWN
    elif abs(corrected - 1) <= spread:
        verdict = WITHIN
    else:
        verdict = BETTER if (corrected > 1) == now.more_is_better else WORSE
    return Comparison(section, name, baseline, now, ratio, corrected, spread, verdict)


def _by_points(baseline: Figure, now: Figure) -> str:
    """Whether a figure in per cent is another one: less is better."""
    assert baseline.value is not None
    assert now.value is not None
    if len(baseline.runs) < 2 or len(now.runs) < 2:
        return UNKNOWN
    vary = sum(max(figure.runs) - min(figure.runs) for figure in (baseline, now))
    points = now.value - baseline.value
    if abs(points) <= max(CHANCE_POINTS, vary):
        return WITHIN
    return BETTER if points < 0 else WORSE


def slowness(baseline: Figure, now: Figure) -> float:
    """What makes the newer figure as if its machine had been as fast as the baseline's.

    >>> slow = Figure(section="s", name="n", unit="events/s", loop_us=12.0)
    >>> slowness(Figure(section="s", name="n", unit="events/s", loop_us=10.0), slow)
    1.2
    """
    if baseline.loop_us is None or now.loop_us is None:
        return 1.0
    if now.unit in RATES:
        return now.loop_us / baseline.loop_us
    if now.unit in CPU_TIMES:
        return baseline.loop_us / now.loop_us
    return 1.0


def save_baseline(report: Report, folder: Path) -> Path:
    """Keep the report as the baseline; sections that it does not have stay as they were."""
    path = folder / BASELINE
    kept = report
    if path.exists():
        try:
            former = read(path)
        except NoReportError:
            former = None
        if former is not None:
            measured = {figure.section for figure in report.figures}
            others = [figure for figure in former.figures if figure.section not in measured]
            kept = msgspec.structs.replace(report, figures=[*report.figures, *others])
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1))
    return path


def read(path: Path) -> Report:
    """A report as it was written.

    Raises
    ------
    NoReportError
        There is none, or this build cannot read it.
    """
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except FileNotFoundError:
        raise NoReportError(f"there is no {path}; `make bench-baseline` makes a baseline") from None
    except msgspec.DecodeError as error:
        raise NoReportError(f"{path} is of another format ({error}); measure again") from None
    if report.format != REPORT_FORMAT:
        raise NoReportError(f"{path} has format {report.format}, not {REPORT_FORMAT}")
    return report


def newest(folder: Path) -> Path:
    """The newest report in a folder.

    Raises
    ------
    NoReportError
        There is none.
    """
    found = sorted(folder.glob("bench-*.json"))
    if not found:
        raise NoReportError(f"there is no report in {folder}; run `make bench`")
    return found[-1]


def main() -> int:
    """Print the comparison; 1: there is nothing to compare, 2: called wrongly."""
    parser = argparse.ArgumentParser(
        prog="make bench-compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--baseline", type=Path, default=RESULTS / BASELINE)
    parser.add_argument("--run", type=Path, help="default: the newest in build/bench")
    arguments = parser.parse_args()
    try:
        baseline = read(arguments.baseline)
        now = read(arguments.run or newest(RESULTS))
    except NoReportError as error:
        print(f"make bench-compare: {error}", file=sys.stderr)
        return 1
    terminal = Console()
    _show(baseline, now, terminal if terminal.is_terminal else Console(width=TABLE_WIDTH))
    return 0


def _show(baseline: Report, now: Report, out: Console) -> None:
    table = Table(title=f"{now.taken} against {baseline.taken}", title_style="bold")
    table.add_column("figure", overflow="fold", min_width=24)
    for head in ("baseline", "now", "ratio", "corrected", "spread of both"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict")
    section = ""
    for one in compare(baseline, now):
        if one.section != section:
            section = one.section
            table.add_section()
            table.add_row(f"[bold]{section}[/bold]", _origin(one.baseline), _origin(one.now))
        table.add_row(
            one.name,
            _value(one.baseline),
            _value(one.now),
            "" if one.ratio is None else f"{one.ratio:.2f}",
            "" if one.corrected is None else f"{one.corrected:.2f}",
            "" if one.spread is None else f"{one.spread:.0%}",
            one.verdict,
        )
    out.print(table)
    differing = [
        f"{name}: {baseline.machine.get(name, 'unknown')} then, {value} now"
        for name, value in now.machine.items()
        if name in {"cpu", "cores", "python", "java", "kafka", "packages", "pinning"}
        and value != baseline.machine.get(name)
    ]
    if baseline.options != now.options:
        differing.append(f"options: {baseline.options} then, {now.options} now")
    for line in differing:
        out.print(f"- not the same: {line}", highlight=False, markup=False)
    out.print(
        "corrected: rates and CPU times in units of the calibrating loop of the same minutes; "
        "waiting times and sizes are taken as they are",
        highlight=False,
    )


def _origin(figure: Figure | None) -> str:
    """Commit and form: the sections of a baseline may be of several. Where it stood is too long."""
    if figure is None:
        return ""
    return f"[dim]{figure.shoal.replace('pure ', '').partition(', from ')[0]}[/dim]"


def _value(figure: Figure | None) -> str:
    return "" if figure is None or figure.value is None else f"{number(figure.value)} {figure.unit}"


if __name__ == "__main__":
    sys.exit(main())
