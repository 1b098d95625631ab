"""Who is served well: each segment against the rest; with --demand, what was wanted in vain."""

from __future__ import annotations

import argparse
import json
from typing import Any

import msgspec

from stream.cli.backtest_tables import output, plain_table
from stream.cli.event_files import checked_definitions
from stream.cli.observed import add_input, observe
from stream.outcomes.demand import Alternative, Demand, MissedDemand
from stream.outcomes.served import Figure, Served, ServiceReport
from stream.outcomes.visits import MEASURES
from stream.segments.pack import load_pack

ROWS = 20

DEMAND_WORDS = """\
other: bought in another size; lost: missed while it was out of stock;
rate: of those who wanted the product when it was there, who bought it;
revenue = price x lost x rate; ?: the stream does not say\
"""


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
    console = output()
    if not served:
        console.print("Nobody was seen as a member of a segment.")
    for segment in served:
        members, visits = f"{segment.customers:,} customers", f"{segment.visits:,} visits"
        table = plain_table(f"{segment.segment}: {members}, {visits}", first="measure")
        for heading in ("members", "the rest", "difference"):
            table.add_column(heading, no_wrap=True)
        table.add_column("", overflow="fold")
        for figure, measure in zip(segment.figures, MEASURES, strict=True):
            table.add_row(
                measure.name,
                _number(figure.segment),
                _number(figure.rest),
                _bounds(figure),
                figure.word,
            )
        console.print(table)


def _bounds(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"{_number(figure.low, '+')} to {_number(figure.high, '+')}"


def _number(value: float | None, sign: str = "") -> str:
    """Four digits, and all of those before the point."""
    if value is None:
        return "unknown"
    return f"{value:{sign},.0f}" if abs(value) >= 1_000 else f"{value:{sign}.4g}"


def _print_demand(missed: list[MissedDemand], instead: list[Alternative]) -> None:
    console = output()
    table = plain_table("Wanted and not bought", first="product")
    table.collapse_padding = True
    for heading in ("wanted", "bought", "other", "missed", "lost", "price", "rate", "revenue"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in missed:
        table.add_row(
            f"{row.product}, {row.size}" if row.size else row.product,
            f"{row.wanted:,}",
            f"{row.bought:,}",
            f"{row.switched:,}",
            f"{row.missed:,}",
            "?" if row.lost_buyers is None else f"{row.lost_buyers:,}",
            "?" if row.price is None else f"{row.price:,.2f}",
            "?" if row.conversion_rate is None else f"{row.conversion_rate:.1%}",
            "?" if row.lost_revenue is None else f"{row.lost_revenue:,.2f}",
        )
    console.print(table)
    if missed and all(row.stock == "unknown" for row in missed):
        console.print(
            "The stream never says what is in stock: send `availability` with product events, or "
            "the variants' stock as reference data."
        )
    console.print(DEMAND_WORDS)
    pairs = plain_table("Bought instead", first="bought")
    pairs.add_column("had wanted", overflow="fold")
    for heading in ("buyers", "share"):
        pairs.add_column(heading, justify="right")
    for pair in instead:
        pairs.add_row(pair.bought, pair.wanted, f"{pair.buyers:,}", f"{pair.share:.1%}")
    console.print(pairs)
