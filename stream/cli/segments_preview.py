"""What a definition would do before it is activated: size, flow, example customers, overlaps."""

from __future__ import annotations

import argparse
import json
from typing import Any

import msgspec
from rich.console import Console

from stream.backtest.comparison import SAME, edits
from stream.backtest.observer import Observer, Turn, shared
from stream.backtest.sampling import chosen, estimate
from stream.backtest.stays import SegmentFigures
from stream.cli.backtest_history import (
    History,
    add_history_arguments,
    figures_of,
    notes_on,
)
from stream.cli.backtest_tables import (
    duration,
    evidence_text,
    output,
    percent,
    period,
    print_remarks,
    sparkline,
)
from stream.cli.event_files import checked_definitions
from stream.cli.failure import CommandFailedError
from stream.cli.segments_file import check_names
from stream.clock import rfc3339
from stream.segments.pack import Pack, load_pack
from stream.shell.collector import calm_collector
from stream.simulation.relived import Relived

OVERLAPS_SHOWN_MAX = 8

_DESCRIPTION = """\
Replays a history as if the definitions had been in force all along, and shows for each one asked
for: how many are in it now, how many come and go per day, some of its customers with the evidence
of their entry, and who of them is in which other segment. With --sample it looks at a share of
the customers, always the same ones, and says what that makes for all; percentiles are then
those of the sample.
"""

_EPILOG = """\
examples:
  shoal segments preview history.jsonl.gz --segments my-segments.yaml --segment due_for_refill
  shoal segments preview history.jsonl.gz --segments new.yaml --live my-segments.yaml --sample 0.1

exit codes: 0 done; 2 called wrongly, a file is wrong, or there is no event in it
"""


class Overlap(msgspec.Struct, frozen=True):
    """Members of both, as a share of the previewed segment's and of the other one's.

    Beside definitions in force, one of the same name is the one in force.
    """

    segment: str
    members: int
    of_this: float
    of_other: float


class Shown(msgspec.Struct, frozen=True):
    """What is shown of one definition; `examples` are (customer, entry)."""

    figures: SegmentFigures
    estimate: tuple[int, int]
    examples: list[tuple[str, Turn]]
    overlaps: list[Overlap]


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments preview`."""
    parser = subparsers.add_parser(
        "preview",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_history_arguments(parser)
    parser.add_argument("--segments", metavar="F", help="definitions (default: the built-in pack)")
    parser.add_argument("--segment", metavar="NAME", nargs="+", help="preview these only")
    parser.add_argument(
        "--live",
        metavar="L",
        help="the definitions now in force: overlaps are with theirs, and what they have just so "
        "is not previewed",
    )
    parser.add_argument(
        "--sample", type=float, default=1.0, metavar="S", help="share of the customers, to 1"
    )
    parser.add_argument(
        "--examples", type=int, default=10, metavar="N", help="customers to show (default 10)"
    )


def run(args: argparse.Namespace) -> int:
    """0 when the history was lived through."""
    calm_collector()
    if not 0 < args.sample <= 1:
        raise CommandFailedError("--sample is no share", "give one above 0 and up to 1", 2)
    content = checked_definitions(args.segments)
    live = None if args.live is None else checked_definitions(args.live)
    names = _asked(load_pack(content), None if live is None else load_pack(live), args.segment)
    history = History(args, args.sample, runs=1 if live is None else 2)
    lived = history.relive(content, "preview", frozenset(names))
    beside = lived.observer
    if live is not None:
        beside = history.relive(live, "in force now").observer
    shown = [_shown(found, lived.observer, beside, args) for found in figures_of(lived, names)]
    if args.json:
        _print_json(history, lived, shown, args.sample)
    else:
        _print(history, lived, shown, args.sample)
    return 0


def _asked(pack: Pack, live: Pack | None, asked: list[str] | None) -> list[str]:
    """The definitions to preview: those asked for, else what is not in force just so, else all."""
    known = list(pack.definitions)
    if asked:
        check_names(asked, known)
        return [name for name in known if name in asked]
    if live is None:
        return known
    edited = edits((live.definitions, live.versions), (pack.definitions, pack.versions))
    names = [e.segment for e in edited if e.kind != SAME and e.segment in pack.definitions]
    if not names:
        raise CommandFailedError("all of it is in force just so", "name one with --segment", 2)
    return names


def _shown(
    figures: SegmentFigures, observer: Observer, beside: Observer, args: argparse.Namespace
) -> Shown:
    name = figures.segment
    members = observer.members(name)
    turns = observer.turns.get(name, {})
    overlaps = []
    for other in sorted(beside.stays):
        common = shared(members, beside.members(other))
        if common and (other != name or beside is not observer):
            of_other = common / len(beside.members(other))
            found = Overlap(other, common, round(common / len(members), 4), round(of_other, 4))
            overlaps.append(found)
    return Shown(
        figures=figures,
        estimate=estimate(figures.members, args.sample),
        examples=[(customer, turns[customer]) for customer in chosen(members, args.examples)],
        overlaps=sorted(overlaps, key=lambda found: (-found.members, found.segment)),
    )


def _print_json(history: History, lived: Relived, shown: list[Shown], share: float) -> None:
    pack = lived.pack
    segments = []
    for one in shown:
        name = one.figures.segment
        definition = pack.definitions[name]
        members, either_way = one.estimate
        segments.append(
            {
                "version": pack.versions[name],
                "enter": definition.enter,
                "exit": definition.exit,
                **msgspec.to_builtins(one.figures),
                "estimate": {
                    "members": members,
                    "plus_minus": either_way,
                    "entries_per_day": round(one.figures.entries_per_day / share, 3),
                    "exits_per_day": round(one.figures.exits_per_day / share, 3),
                },
                "examples": [
                    {
                        "customer": customer,
                        "since": rfc3339(turn.time_ms),
                        "cause": turn.cause,
                        "evidence": msgspec.to_builtins(turn.evidence),
                    }
                    for customer, turn in one.examples
                ],
                "overlaps": msgspec.to_builtins(one.overlaps),
            }
        )
    found = {**history.described(lived), "sample": share, "segments": segments}
    print(json.dumps(found, indent=1, ensure_ascii=False))


def _print(history: History, lived: Relived, shown: list[Shown], share: float) -> None:
    console = output()
    of = "" if share == 1 else f", a sample of {percent(share)}"
    console.print(
        f"Preview: {period(lived.begin_ms, lived.end_ms)}, {len(lived.customers):,} customers{of}\n"
    )
    for one in shown:
        _print_one(console, lived, one, share)
    print_remarks(history, notes_on(lived))


def _print_one(console: Console, lived: Relived, one: Shown, share: float) -> None:
    figures = one.figures
    definition = lived.pack.definitions[figures.segment]

    def line(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    line(f"{figures.segment} ({definition.title or 'without title'})")
    line(f"  enter       {definition.enter}")
    if definition.exit is not None:
        line(f"  exit        {definition.exit}")
    members, either_way = one.estimate
    customers = lived.customers
    counting = len(lived.observer.members(figures.segment).keys() & customers)
    of_all = f"{percent(counting / len(customers) if customers else 0)} of the customers"
    if counting != figures.members:
        of_all = f"{counting:,} of them customers, {of_all}"
    about = "" if share == 1 else f"about {members:,} (±{either_way:,}) of all; in the sample "
    line(f"  members     {about}{figures.members:,}, {of_all}")
    line(f"  size a day  {sparkline(figures.size)}")
    line(
        f"  flow a day  {figures.entries_per_day / share:,.1f} come, "
        f"{figures.exits_per_day / share:,.1f} go"
    )
    stays = (
        f"{duration(figures.stay_mean_s)} on average, half under {duration(figures.stay_median_s)}"
    )
    line(f"  stay        {stays if figures.stays else 'nobody has left yet'}")
    line(
        f"  come back   {figures.flaps_24h_per_100} of 100 entries within 24 h of leaving, "
        f"{figures.flaps_7d_per_100} within 7 days"
    )
    others = [
        f"{o.segment} {percent(o.of_this)} (of which they are {percent(o.of_other)})"
        for o in one.overlaps[:OVERLAPS_SHOWN_MAX]
    ]
    line(f"  also in     {', '.join(others) or 'no other segment'}")
    for customer, turn in one.examples:
        line(f"  {customer}  since {rfc3339(turn.time_ms)[:19]}Z by {turn.cause}")
        line(f"      {evidence_text(turn.evidence)}")
    console.print()
