"""Figures for people: sparklines, durations, shares, evidence, and the tables made of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stream.backtest.coverage import Coverage, Uncovered
from stream.backtest.stays import SegmentFigures
from stream.cli.backtest_history import History
from stream.clock import rfc3339
from stream.events.changes import Leaf

SPARK_WIDTH, SPARK_MIN = 24, 8
NAME_WIDTH, CELL_WIDTH = 34, 5
"""Characters that a numbered segment and a share take in the table of overlaps."""

PLAIN_WIDTH = 120
_BARS = "▁▂▃▄▅▆▇█"
_TIMES = ("since(", "until(")
"""Leaves whose value is a time in seconds begin so."""

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def output() -> Console:
    """Standard output; wide enough for the tables where it is no terminal."""
    console = Console(highlight=False)
    return console if sys.stdout.isatty() else Console(highlight=False, width=PLAIN_WIDTH)


def sparkline(values: Sequence[int], width: int = SPARK_WIDTH) -> str:
    """The series as bars from 0 (or its least, where that is below) to its greatest.

    A longer series than `width` shows the last value of each stretch.

    >>> sparkline([0, 1, 2, 4, 7]), sparkline([-3, 0, 4]), sparkline([0, 0])
    ('▁▂▃▅█', '▁▄█', '▁▁')
    """
    if len(values) > width:
        values = [values[(n + 1) * len(values) // width - 1] for n in range(width)]
    low, high = min(0, *values, 0), max(0, *values, 0)
    span = high - low or 1
    return "".join(_BARS[round((value - low) * (len(_BARS) - 1) / span)] for value in values)


def duration(seconds: int | None) -> str:
    """A time span with the unit that fits it.

    >>> duration(None), duration(45), duration(5400), duration(3 * 86_400)
    ('', '45 s', '1.5 h', '3.0 d')
    """
    if seconds is None:
        return ""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds} s"


def percent(share: float) -> str:
    """A share of 0 to 1.

    >>> percent(0.004), percent(0.25), percent(1.0)
    ('0.4%', '25%', '100%')
    """
    return f"{share:.1%}" if 0 < share < 0.095 else f"{share:.0%}"


def evidence_text(evidence: Sequence[Leaf]) -> str:
    """The comparisons as they now are, each with the value that it looked at."""
    parts = []
    for leaf in evidence:
        sign = {True: "", False: "not ", None: "unknown: "}[leaf.after]
        value = _value_text(leaf)
        parts.append(f"{sign}{leaf.leaf}" + ("" if value is None else f" [{value}]"))
    return ", ".join(parts)


def _value_text(leaf: Leaf) -> str | None:
    value = leaf.value
    if isinstance(value, bool | str | None):
        return None if value is None else str(value)
    if leaf.leaf.startswith(_TIMES):
        return duration(round(value))
    return f"{value:g}"


def plain_table(title: str, min_width: int | None = None, first: str = "segment") -> Table:
    """A table of segments, or of what `first` says, without frame and narrow; names stay whole."""
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, padding=0, min_width=min_width)
    table.add_column(first, overflow="fold")
    return table


def spark_width(width: int, taken: int) -> int:
    """Characters for a series in a table of which other columns take so many."""
    return max(SPARK_MIN, min(SPARK_WIDTH, width - taken))


def size_table(title: str, figures: Sequence[SegmentFigures], width: int) -> Table:
    """Size and flow, a row a segment."""
    table = plain_table(title)
    bars = spark_width(width, 68)
    for heading in ("members", "entries", "exits", "in/day", "out/day"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("per day", no_wrap=True)
    for f in figures:
        table.add_row(
            f.segment,
            f"{f.members:,}",
            f"{f.entries:,}",
            f"{f.exits:,}",
            f"{f.entries_per_day:,.1f}",
            f"{f.exits_per_day:,.1f}",
            sparkline(f.size, bars),
        )
    return table


def stay_table(figures: Sequence[SegmentFigures]) -> Table:
    """Time spent and flapping, of those that anybody entered."""
    table = plain_table("Stays")
    for heading in ("ended", "mean", "median", "now for", "back 24 h", "7 d"):
        table.add_column(heading, justify="right", no_wrap=True)
    for f in figures:
        if f.entries or f.members_start:
            table.add_row(
                f.segment,
                f"{f.stays:,}",
                duration(f.stay_mean_s),
                duration(f.stay_median_s),
                duration(f.member_median_s),
                f"{f.flaps_24h_per_100:.1f}%",
                f"{f.flaps_7d_per_100:.1f}%",
            )
    table.caption = (
        "mean and median of stays that ended; now for: median of those who are in it; back: "
        "of the entries, those so soon after the own exit"
    )
    return table


def overlap_table(
    figures: Sequence[SegmentFigures], overlaps: Mapping[str, Mapping[str, float]], width: int
) -> Table:
    """Which share of the row's members is in the column's segment, as many as fit `width`."""
    columns_max = max(2, (width - NAME_WIDTH) // CELL_WIDTH)
    largest = sorted(figures, key=lambda f: -f.members)[:columns_max]
    names = [f.segment for f in figures if f in largest and f.members]
    left_out = sum(f.members > 0 for f in figures) - len(names)
    title = "Overlap at the end: of the row's members, in the column's segment"
    table = plain_table(title, len(title))
    for number, _ in enumerate(names, 1):
        table.add_column(str(number), justify="right", no_wrap=True)
    for number, name in enumerate(names, 1):
        shares = [overlaps[name].get(other, 0.0) for other in names]
        cells = [percent(share) if share else "" for share in shares]
        cells[number - 1] = "-"
        table.add_row(f"{number} {name}", *cells)
    if left_out:
        table.caption = f"the {len(names)} largest; --segment chooses others, --json has all"
    return table


def coverage_lines(found: Coverage) -> list[str]:
    """Coverage in words."""

    def words(part: Uncovered) -> str:
        return (
            f"{part.customers:,} customers ({percent(part.customers_share)}) and revenue of "
            f"{part.revenue:,.2f} ({percent(part.revenue_share)})"
        )

    return [
        f"Coverage: of {found.customers:,} customers and revenue of {found.revenue:,.2f},",
        f"  in no actionable segment at the end: {words(found.at_end)}",
        f"  at no time in the period: {words(found.ever)}",
        f"  actionable: {', '.join(found.actionable) or 'none'}",
        f"  (rule: {found.rule})",
    ]


def period(begin_ms: int, end_ms: int) -> str:
    return f"{rfc3339(begin_ms)[:16]} to {rfc3339(end_ms)[:16]} UTC"


def print_remarks(history: History, notes: list[str]) -> None:
    """What was rejected, and what the history cannot tell, on stderr."""
    history.source.tell_rejected()
    console = Console(stderr=True, highlight=False)
    for line in notes:
        console.print(f"note: {line}", markup=False, soft_wrap=True)
