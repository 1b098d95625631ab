"""What the definitions would have done over a history: sizes, flows, stays, overlaps, coverage."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from stream.backtest.coverage import Coverage
from stream.backtest.stays import SegmentFigures
from stream.cli.backtest_history import (
    History,
    add_history_arguments,
    chosen_segments,
    days_of,
    figures_of,
    notes_on,
)
from stream.cli.backtest_tables import (
    coverage_lines,
    output,
    overlap_table,
    period,
    print_remarks,
    size_table,
    stay_table,
)
from stream.cli.event_files import checked_definitions
from stream.cli.failure import CommandFailedError
from stream.segments.lint import lint
from stream.segments.reading import Reading
from stream.shell.collector import calm_collector
from stream.simulation.relived import Relived

CHARTS = (".png", ".svg")
MEASURED_RULES = ("overlap", "size")
"""What lint says of members, which only a history has."""

_DESCRIPTION = """\
Replays a history under the definitions, and shows per segment: members at the end and per day,
entries and exits, time spent, how many come back within 24 h and 7 days of leaving (flapping),
which share of its members is in each other segment, and which customers and revenue no segment
does anything for. Days are UTC. Mean and median stay are of stays that ended in the period.
"""

_EPILOG = """\
examples:
  shoal segments backtest history.jsonl.gz --segments my-segments.yaml --chart sizes.svg
  shoal topics dump | shoal segments backtest --log - --segment abandoned_cart --json

exit codes: 0 done; 2 called wrongly, a file is wrong, or there is no event in it
"""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments backtest`."""
    parser = subparsers.add_parser(
        "backtest",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_history_arguments(parser)
    parser.add_argument(
        "--segments",
        metavar="F",
        help="definitions (default: the built-in pack; with --log those that the log announced)",
    )
    parser.add_argument("--segment", metavar="NAME", nargs="+", help="show these only")
    parser.add_argument(
        "--chart", type=Path, metavar="OUT", help="draw sizes and flows per day: .png or .svg"
    )


def run(args: argparse.Namespace) -> int:
    """0 when the history was lived through."""
    calm_collector()
    if args.chart is not None and args.chart.suffix not in CHARTS:
        raise CommandFailedError(
            f"cannot draw a {args.chart.suffix or 'file without a kind'}", "use .png or .svg", 2
        )
    if args.chart is not None:
        from stream.cli.backtest_chart import require_matplotlib

        require_matplotlib()
    is_as_logged = args.log and args.segments is None
    definitions = None if is_as_logged else checked_definitions(args.segments)
    history = History(args)
    lived = history.relive(definitions, "backtest")
    names = chosen_segments(lived, args.segment)
    figures = figures_of(lived, names)
    overlaps = lived.observer.overlaps(names)
    covered = lived.coverage()
    if args.chart is not None:
        from stream.cli.backtest_chart import draw

        draw(args.chart, figures, lived.begin_ms)
    if args.json:
        _print_json(history, lived, figures, overlaps, covered)
    else:
        _print(history, lived, figures, overlaps, covered)
    return 0


def warnings_on(lived: Relived, shown: Sequence[str]) -> list[tuple[str, str]]:
    """Those that have another one's members, hardly anybody at any time, or nearly everybody."""
    defined = [name for name in lived.pack.definitions if name not in lived.hidden]
    members = {name: lived.observer.members(name).keys() for name in defined}
    ever = {name: lived.observer.present(name) for name in defined}
    reading = Reading(lived.definitions, "definitions")
    found = lint(reading, members=members, customers=lived.customers, ever=ever)
    told = [w for w in found if w.rule in MEASURED_RULES and w.segment in shown]
    return [(str(w.segment), w.message) for w in told]


def warning_lines(warnings: Sequence[tuple[str, str]]) -> list[str]:
    """The warnings for people: what holds of several segments is said once.

    >>> warning_lines([("a", "is small"), ("b", "is large"), ("c", "is small")])
    ['each of these is small: a, c', 'b is large']
    """
    of: dict[str, list[str]] = {}
    for segment, message in warnings:
        of.setdefault(message, []).append(segment)
    lines = []
    for message, (first, *more) in of.items():
        lines.append(
            f"each of these {message}: {', '.join((first, *more))}"
            if more
            else f"{first} {message}"
        )
    return lines


def _print_json(
    history: History,
    lived: Relived,
    figures: list[SegmentFigures],
    overlaps: dict[str, dict[str, float]],
    covered: Coverage,
) -> None:
    versions = lived.pack.versions
    names = [f.segment for f in figures]
    found = {
        **history.described(lived),
        "segments": [
            {"version": versions.get(f.segment), **msgspec.to_builtins(f)} for f in figures
        ],
        "overlap": overlaps,
        "coverage": msgspec.to_builtins(covered),
        "warnings": [" ".join(warning) for warning in warnings_on(lived, names)],
    }
    print(json.dumps(found, indent=1, ensure_ascii=False))


def _print(
    history: History,
    lived: Relived,
    figures: list[SegmentFigures],
    overlaps: dict[str, dict[str, float]],
    covered: Coverage,
) -> None:
    console = output()
    title = (
        f"Backtest: {period(lived.begin_ms, lived.end_ms)}, {len(days_of(lived))} days, "
        f"{len(lived.customers):,} customers"
    )
    tables = [size_table(title, figures, console.width), stay_table(figures)]
    if lived.pack.document.customer is not None:
        tables[0].caption = "members are customers and visitors; coverage is of customers"
    if overlaps:
        tables.append(overlap_table(figures, overlaps, console.width))
    for table in tables:
        console.print(table)
        console.print()
    for line in coverage_lines(covered):
        console.print(line, markup=False, soft_wrap=True)
    for warning in warning_lines(warnings_on(lived, [f.segment for f in figures])):
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)
    print_remarks(history, notes_on(lived))
