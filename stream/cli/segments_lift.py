"""What the segments' actions bring: conversions, revenue and lift against control groups."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

import msgspec

from stream.cli.backtest_tables import output, plain_table
from stream.cli.event_files import checked_definitions
from stream.cli.failure import CommandFailedError
from stream.cli.observed import add_input, observe
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
    console = output()
    table = plain_table("Lift: treated : control, with bounds that hold at every look")
    table.add_column("", no_wrap=True)
    for heading in ("treated : control", "difference"):
        table.add_column(heading, overflow="fold")
    shown = [
        row for row in rows if row.treated.customers or (row.control and row.control.customers)
    ]
    money = f"{summary['currency'] or 'revenue'} each"
    for row in shown:
        for line in _lines(row, money):
            table.add_row(*line)
        table.add_row()
    if shown:
        console.print(table)
    for remark in _remarks(rows, len(rows) - len(shown), summary):
        console.print(remark, markup=False, soft_wrap=True)


def _lines(row: LiftRow, money: str) -> Iterator[tuple[str, str, str, str]]:
    """Three lines of a row: of conversion, money and opt-outs, in points and in money."""
    treated, control = row.treated, row.control
    name = "all segments" if row.segment == PROGRAMME else row.segment
    yield (
        name, "conversion",
        _against(_rate(treated), None if control is None else _rate(control)),
        _effect(row.conversion, 100),
    )  # fmt: skip
    days = f"  {row.horizon_days:g} day{'s' * (row.horizon_days != 1)}"
    variant = "" if row.variant is None else f", {row.variant}"
    yield (
        f"{days}{' (own)' * row.is_own_horizon}{variant}", money if _money(treated) else "",
        _against(_money(treated), None if control is None else _money(control)),
        _effect(row.revenue, 1),
    )  # fmt: skip
    waiting = treated.open + (control.open if control else 0)
    yield (
        f"  {_customers(row)}{f', {waiting:,} open' * (waiting > 0)}", "opt-outs",
        _against(_left(treated), None if control is None else _left(control)),
        _effect(row.guardrail, 100),
    )  # fmt: skip


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


def _left(group: GroupResult) -> str:
    return f"{group.opted_out / group.customers if group.customers else 0:.1%}"


def _effect(effect: Effect | None, scale: float) -> str:
    """The difference with its bounds, and in a word what they show."""
    if effect is None:
        return ""
    if effect.low is None or effect.high is None:
        return effect.verdict
    low, high = effect.low * scale, effect.high * scale
    shown = f"{effect.verdict}: " if effect.verdict in ("higher", "lower") else ""
    return f"{shown}{effect.difference * scale:+.2f} ({low:+.2f} to {high:+.2f})"
