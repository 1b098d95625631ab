"""What a load needs of workers, brokers and disks, and what gives first: on paper and simulated."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from stream.cli.failure import CommandFailedError

_DESCRIPTION = """Computes partitions, workers, brokers, network, disks, memory and times for a load
from measured costs, simulates unequal customers, a worker's death at the peak and a rolling
restart, and says what gives first when the load grows, with the remedy. Costs come from the newest
benchmark reports where they have them (`make bench`); every figure is an option, and --figures
lists them with their sources."""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal capacity`."""
    from stream.cli.capacity_figures import FIELDS

    parser = subparsers.add_parser(
        "capacity",
        help=__doc__,
        description=_DESCRIPTION,
        epilog="example: shoal capacity --events 1000000 --customers 100000000 --keyed-ratio 1",
    )
    parser.add_argument(
        "--reports", type=Path, default=Path("build/bench"), help="folder of benchmark reports"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the simulation")
    parser.add_argument("--figures", action="store_true", help="list all figures and end")
    parser.add_argument("--json", action="store_true", help="print JSON")
    figures = parser.add_argument_group("figures")
    for field in FIELDS:
        figures.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=_number,
            metavar="X",
            help=f"{field.metadata['meaning']} ({field.default:g}: {field.metadata['source']})",
        )


def run(args: argparse.Namespace) -> int:
    """Compute, simulate, print; 2 for a figure that cannot be."""
    from stream.cli.capacity_output import show, show_figures, summary
    from stream.cli.capacity_report import report_on

    figures, sources = figures_from(args)
    if args.figures:
        show_figures(figures, sources)
        return 0
    report = report_on(figures, args.seed)
    if args.json:
        print(json.dumps(summary(report, sources), indent=1))
    else:
        show(report, sources)
    return 0


def figures_from(args: argparse.Namespace) -> tuple[Any, dict[str, str]]:
    """The figures to compute with, and where each is from that is not the default."""
    from stream.cli.capacity_figures import FIELDS, Figures, measured_in

    found = measured_in(args.reports.glob("bench-*.json"))
    values = {name: value for name, (value, _) in found.items()}
    sources = {name: f"measured: {report}" for name, (_, report) in found.items()}
    for field in FIELDS:
        given = getattr(args, field.name, None)
        if given is not None:
            values[field.name], sources[field.name] = given, "given"
    figures = Figures(**values)
    _check(figures)
    return figures, sources


_MAY_BE_ZERO = {"partitions", "keyed_ratio", "changes", "activity_exponent"}


def _check(figures: Any) -> None:
    for field in dataclasses.fields(figures):
        value = getattr(figures, field.name)
        option = f"--{field.name.replace('_', '-')}"
        if value == 0 and field.name not in _MAY_BE_ZERO:
            raise CommandFailedError(f"{option} 0: there must be some", "give it more", 2)
        if field.name.endswith(("_ratio", "_use")) and value > 1:
            raise CommandFailedError(f"{option} {value:g}: it is of 1", "give it 1 or less", 2)
    if figures.dirty_ratio == 1:
        raise CommandFailedError("--dirty-ratio 1: no log is only dirty", "give it less", 2)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number from 0")
    return value
