"""What the segments' actions bring: conversions, revenue and lift against control groups."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from rich.table import Table

from stream.cli.event_files import checked_definitions
from stream.cli.failure import CommandFailedError
from stream.cli.observed import add_input, observe, wide_console
from stream.outcomes.attribution import Attribution
from stream.outcomes.lift import Effect, GroupResult, LiftRow, lift_of
from stream.outcomes.plan import PROGRAMME, SUPPRESS, Draw, plans_of


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments lift`."""
    parser = subparsers.add_parser(
        "lift",
        help=__doc__,
        description="Replays events and attributes each segment's success to its exposures, within "
        "the definition's own time and 3, 30 and 90 days. Treated customers are compared with a "
        "control group, as each change says by the definitions' shares and salt; they, or the "
        "options that override them, must be what the actions were sent by. The intervals hold at "
        "every look (95%). Only changes that act count: the action is enabled, and the change was "
        "told in time. A suppression's control group is not suppressed.",
        epilog="example: shoal segments lift events.jsonl.gz --control 0.1 --global-control 0.05\n"
        "exit codes: 0 done; 1 somewhere significantly more of the treated opted out; 2 called "
        "wrongly",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_input(parser)
    parser.add_argument(
        "--control",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="each segment's control group where its action says none, 0 to 1 (default: 0)",
    )
    parser.add_argument(
        "--global-control",
        type=_share,
        metavar="SHARE",
        help="customers without any action, the same for all segments (default: as defined)",
    )
    parser.add_argument("--salt", help="name of the draw (default: as defined)")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")


def run(args: argparse.Namespace) -> int:
    """0 done, 1 a guardrail is broken."""
    content = checked_definitions(args.segments)
    plans, draw = plans_of(content)
    if args.control or args.global_control is not None or args.salt is not None:
        share = draw.global_share if args.global_control is None else args.global_control
        draw = Draw(draw.salt if args.salt is None else args.salt, args.control, share)
    attribution = Attribution(plans, draw)
    summary = observe(args, content, attribution)
    rows = lift_of(attribution)
    summary |= {
        name: getattr(attribution, name)
        for name in ("currency", "skipped", "repeated", "left_out", "foreign")
    }
    if args.json:
        print(json.dumps({**summary, "lift": msgspec.to_builtins(rows)}, indent=1))
    else:
        _print(rows, summary)
    return int(any(row.guardrail and row.guardrail.verdict == "higher" for row in rows))


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise CommandFailedError(f"{text!r} is no share", "write one from 0 to 1, as 0.1", 2)
    return share


def _print(rows: list[LiftRow], summary: dict[str, Any]) -> None:
    console = wide_console()
    money = summary["currency"] or "revenue"
    table = Table(
        "segment", "days", "variant", "customers", "open", "converted", "lift in points",
        f"{money} each", "lift", "opt-outs in points", "verdict",
        title="Lift: treated against control, with bounds that hold at every look",
    )  # fmt: skip
    shown = [
        row for row in rows if row.treated.customers or (row.control and row.control.customers)
    ]
    for row in shown:
        control = row.control
        table.add_row(
            "all segments" if row.segment == PROGRAMME else row.segment,
            f"{row.horizon_days:g}{' (own)' if row.is_own_horizon else ''}",
            row.variant or "all",
            _customers(row),
            f"{row.treated.open + (control.open if control else 0):,}",
            _against(_rate(row.treated), None if control is None else _rate(control)),
            _effect(row.conversion, 100),
            _against(_money(row.treated), None if control is None else _money(control)),
            _effect(row.revenue, 1),
            _effect(row.guardrail, 100),
            _verdict(row),
        )
    console.print(table)
    for line in _remarks(rows, len(rows) - len(shown), summary):
        console.print(line, highlight=False, markup=False)


def _remarks(rows: list[LiftRow], hidden: int, summary: dict[str, Any]) -> Iterator[str]:
    """What the table does not say itself."""
    if not rows and summary["skipped"]:
        skipped = summary["skipped"]
        yield f"No exposure: {skipped:,} changes were historic or initial, which do not act."
    elif not rows:
        yield "No exposure: nobody entered a segment with an enabled action and a success."
    elif all(row.control is None for row in rows):
        yield "There is no control group: say --control or --global-control."
    if hidden:
        yield f"Not shown: {hidden} rows of which no window has ended yet."
    suppressing = sorted({row.segment for row in rows if row.kind == SUPPRESS})
    if suppressing:
        yield f"Suppression ({', '.join(suppressing)}): the control group is not suppressed."


def _customers(row: LiftRow) -> str:
    """How many on each side had their first window end."""
    treated = f"{row.treated.customers:,}"
    if row.control is None:
        return treated
    return f"{treated} : {row.control.customers:,}{' global' * (row.control_group == 'global')}"


def _against(treated: str, control: str | None) -> str:
    return f"{treated} : {control}" if control else treated


def _rate(group: GroupResult) -> str:
    return f"{group.conversion_rate:.1%}"


def _money(group: GroupResult) -> str:
    amount = group.revenue_per_customer
    return "" if amount is None else f"{amount:,.2f}"


def _effect(effect: Effect | None, scale: float) -> str:
    if effect is None:
        return ""
    if effect.low is None or effect.high is None:
        return "?"
    low, high = effect.low * scale, effect.high * scale
    return f"{effect.difference * scale:+.2f} ({low:+.2f} to {high:+.2f})"


def _verdict(row: LiftRow) -> str:
    """What is shown, in words: of conversions, of revenue, of opt-outs."""
    if row.conversion is None:
        return ""
    named = (("conversion", row.conversion), ("revenue", row.revenue), ("opt-outs", row.guardrail))
    found = [f"{n} {e.verdict}" for n, e in named if e and e.verdict in {"higher", "lower"}]
    return ", ".join(found) or row.conversion.verdict
