"""The chart of a backtest: a row a segment, its size per day and who came and went.

The bytes of a chart depend on the figures and on the version of matplotlib alone.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stream.backtest.stays import SegmentFigures
from stream.cli.failure import CommandFailedError
from stream.clock import day_of

ROW_INCHES = 1.5
WIDTH_INCHES = 12.0
DOTS_PER_INCH = 100
SIZE_COLOUR, ENTERED_COLOUR, EXITED_COLOUR = "#1f77b4", "#2ca02c", "#d62728"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def require_matplotlib() -> None:
    """Say how to get it before an hour of replay is spent."""
    if importlib.util.find_spec("matplotlib") is None:
        raise CommandFailedError(
            "a chart needs matplotlib, which is not installed", "pip install 'shoal[charts]'", 2
        )


def draw(out: Path, figures: Sequence[SegmentFigures], begin_ms: int) -> None:
    """Write the chart; `begin_ms` lies in the first day of the series."""
    matplotlib = _part("matplotlib")
    agg, figures_of = _part("matplotlib.backends.backend_agg"), _part("matplotlib.figure")
    first = _EPOCH + timedelta(days=day_of(begin_ms))
    with matplotlib.rc_context(
        {"svg.hashsalt": "shoal", "font.family": "DejaVu Sans", "font.size": 8}
    ):
        count = max(len(figures), 1)
        figure = figures_of.Figure(
            figsize=(WIDTH_INCHES, ROW_INCHES * count + 0.9), layout="constrained"
        )
        agg.FigureCanvasAgg(figure)
        rows = figure.subplots(count, 2, squeeze=False, sharex=True)
        for (left, right), found in zip(rows, figures, strict=False):
            _row(left, right, found, first)
        rows[0][0].set_title("members at the end of each day (UTC)")
        rows[0][1].set_title("entries and exits per day")
        kind = out.suffix.removeprefix(".")
        metadata = {"Date": None, "Creator": "shoal"} if kind == "svg" else {"Software": None}
        try:
            with out.open("wb") as file:
                figure.savefig(file, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
        except OSError as error:
            raise CommandFailedError(
                f"cannot write {out}: {error.strerror}", "name another file", 2
            ) from None


def _row(left: Any, right: Any, found: SegmentFigures, first: datetime) -> None:
    dates, ticker = _part("matplotlib.dates"), _part("matplotlib.ticker")
    days = [first + timedelta(days=day) for day in range(len(found.size))]
    left.fill_between(days, found.size, step="mid", alpha=0.25, color=SIZE_COLOUR, linewidth=0)
    left.step(days, found.size, where="mid", color=SIZE_COLOUR, linewidth=1.2)
    left.set_ylabel(found.segment, rotation=0, ha="right", va="center")
    right.bar(days, found.entered, width=0.9, color=ENTERED_COLOUR)
    right.bar(days, [-n for n in found.exited], width=0.9, color=EXITED_COLOUR)
    right.axhline(0, color="black", linewidth=0.5)
    for axes in (left, right):
        locator = dates.AutoDateLocator(maxticks=10)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        axes.yaxis.set_major_locator(ticker.MaxNLocator(4, integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    left.set_ylim(0, 1.05 * max(1, *found.size))
    if not found.entries and not found.exits:
        right.set_ylim(-1, 1)


def _part(name: str) -> Any:
    """A module of the extra `charts`, which need not be there."""
    return importlib.import_module(name)
