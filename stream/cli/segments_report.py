"""Who is served well: each segment against the rest; with --demand, what was wanted in vain."""

from __future__ import annotations

import argparse
import json
from typing import Any

import msgspec
from rich.table import Table

from stream.cli.event_files import checked_definitions
from stream.cli.observed import add_input, observe, wide_console
from stream.outcomes.demand import Alternative, Demand, MissedDemand
from stream.outcomes.served import Figure, Served, ServiceReport
from stream.outcomes.visits import MEASURES
from stream.segments.pack import load_pack

ROWS = 20


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments report`."""
    parser = subparsers.add_parser(
        "report",
        help=__doc__,
        description="Replays events and compares what members of each segment did, as of the time "
        "at which they did it, with what all others did. Bounds are of the difference, from "
        "customers, and hold at every look (95%). --demand prints products and sizes that were "
        "wanted and not bought: lost revenue = price x buyers lost while out of stock x conversion "
        "rate of the same product in stock.",
        epilog="example: shoal segments report events.jsonl.gz --demand",
    )
    add_input(parser)
    parser.add_argument("--demand", action="store_true", help="missed demand by product and size")
    parser.add_argument(
        "--rows", type=int, default=ROWS, metavar="N", help="of demand (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """0 done."""
    content = checked_definitions(args.segments)
    if args.demand:
        demand = Demand()
        summary = observe(args, content, demand)
        missed, instead = demand.missed(), demand.alternatives()
        if args.json:
            summary |= {"left_out": demand.left_out}
            tables = {"demand": missed[: args.rows], "alternatives": instead[: args.rows]}
            print(json.dumps({**summary, **msgspec.to_builtins(tables)}, indent=1))
        else:
            _print_demand(missed[: args.rows], instead[: args.rows])
        return 0
    report = ServiceReport(has_condition=load_pack(content).document.customer is not None)
    summary = observe(args, content, report)
    served = report.report()
    if args.json:
        summary |= {"currency": report.currency, "left_out": report.left_out}
        print(json.dumps({**summary, "segments": msgspec.to_builtins(served)}, indent=1))
    else:
        _print_served(served)
    return 0


def _print_served(served: list[Served]) -> None:
    console = wide_console()
    if not served:
        console.print("Nobody was seen as a member of a segment.")
    for segment in served:
        table = Table(
            "measure", "members", "the rest", "difference", "",
            title=f"{segment.segment}: {segment.customers:,} customers, {segment.visits:,} visits",
        )  # fmt: skip
        for figure, measure in zip(segment.figures, MEASURES, strict=True):
            table.add_row(
                f"{measure.name} ({measure.about})",
                _number(figure.segment),
                _number(figure.rest),
                _bounds(figure),
                figure.word,
            )
        console.print(table)


def _bounds(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"{figure.low:+,.4g} to {figure.high:+,.4g}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.4g}"


def _print_demand(missed: list[MissedDemand], instead: list[Alternative]) -> None:
    console = wide_console()
    table = Table(
        "product", "size", "stock", "wanted", "bought", "other size", "missed", "lost buyers",
        "price", "converts", "lost revenue",
        title="Wanted and not bought",
    )  # fmt: skip
    for row in missed:
        table.add_row(
            row.product,
            row.size or "not said",
            row.stock,
            f"{row.wanted:,}",
            f"{row.bought:,}",
            f"{row.switched:,}",
            f"{row.missed:,}",
            _number(row.lost_buyers),
            _number(row.price),
            "unknown" if row.conversion_rate is None else f"{row.conversion_rate:.1%}",
            "unknown" if row.lost_revenue is None else f"{row.lost_revenue:,.2f}",
        )
    console.print(table)
    if missed and all(row.stock == "unknown" for row in missed):
        console.print(
            "The stream never says what is in stock: send `availability` with product events, or "
            "the variants' stock as reference data."
        )
    pairs = Table("bought", "had wanted", "buyers", "share", title="Bought instead")
    for pair in instead:
        pairs.add_row(pair.bought, pair.wanted, f"{pair.buyers:,}", f"{pair.share:.1%}")
    console.print(pairs)
