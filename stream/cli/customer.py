"""Why a customer is in or out of each segment, what would change it, and what changed so far."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterable
from typing import Any

import msgspec

from stream.cli.customer_view import as_json, print_explanation
from stream.cli.event_files import given_instant
from stream.cli.failure import CommandFailedError
from stream.cli.lived import add_source_arguments, found_among, live_settings, lived
from stream.cli.segments_file import check_names
from stream.clock import instant_ms, rfc3339
from stream.engine.partition import PartitionEngine
from stream.events.changes import SegmentChanged
from stream.events.topics import CHANGELOG, CHANGES
from stream.explain.explanation import Explanation, explain
from stream.shell.collector import calm_collector
from stream.shell.customer_rows import changes_of, find_customer
from stream.shell.settings import Settings

_DESCRIPTION = """\
Explains every definition for one customer: in or out and since when, each comparison with its
value, what time alone will do, and what events would turn it, each of them tried on a copy. The
verdict is the engine's own; what is to come takes the population's thresholds as they are now.
Before the definitions stands the action that is current, what is suppressed, and what waits, with
the reason.

Without --events and --log it reads the row from the changelog of SHOAL_BROKER, as the workers
committed it, with the definitions and thresholds in force, and the changes that the topic still
holds. It writes nothing, and ids appear in no log.
"""

_EPILOG = """\
examples:
  shoal customer c-17
  shoal customer c-17 --segment at_risk --json
  shoal customer c-17 --events history.jsonl.gz --at 2026-11-21T10:15:00Z

exit codes: 0 explained; 1 there is no such customer; 2 called wrongly, or a file is wrong
"""


class Told(msgspec.Struct, frozen=True):
    """One change of the timeline."""

    time_ms: int
    segment: str
    entered: bool
    cause: str


def add_parser(subparsers: Any) -> None:
    """Declare `shoal customer`."""
    parser = subparsers.add_parser(
        "customer",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("id", metavar="ID", help="of the customer; an anonymous one is followed")
    add_source_arguments(parser)
    parser.add_argument(
        "--at", metavar="T", help="as of T (RFC 3339); default: as far as the events go"
    )
    parser.add_argument("--segment", metavar="NAME", help="explain this one only")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Explain; 1 where there is no such customer."""
    calm_collector()
    at_ms = given_instant("--at", args.at)
    if args.events or args.log:
        found, timeline = _of_files(args, at_ms)
    else:
        if args.segments or args.reference:
            what = "the changelog has its own definitions"
            raise CommandFailedError(what, "leave --segments and --reference out", 2)
        with live_settings(CHANGELOG, CHANGES) as settings:
            found, timeline = asyncio.run(_live(settings, args, at_ms))
    if args.segment is not None:
        timeline = [told for told in timeline if told.segment == args.segment]
    if args.json:
        turns = [{**_turn(told), "cause": told.cause} for told in timeline]
        print(json.dumps({**as_json(found), "timeline": turns}, indent=1, ensure_ascii=False))
    else:
        shown = [(told.time_ms, told.entered, told.segment, told.cause) for told in timeline]
        print_explanation(found, shown, in_full=args.segment is not None)
    return 0


def _turn(told: Told) -> dict[str, str]:
    turn = "entered" if told.entered else "exited"
    return {"time": rfc3339(told.time_ms), "segment": told.segment, "change": turn}


def _of_files(args: argparse.Namespace, at_ms: int | None) -> tuple[Explanation, list[Told]]:
    changes: dict[str, list[Told]] = {}

    def hear(news: Iterable[SegmentChanged]) -> None:
        for change in news:
            told = Told(change.time_ms, change.segment, change.entered, change.cause)
            changes.setdefault(change.customer, []).append(told)

    engines = lived(args, at_ms, hear)
    place = found_among(engines, args.id)
    if place is None:
        raise _nobody("in these files")
    clock_ms = max(engine.clock_ms for engine in engines)
    found = _explained(place, clock_ms if at_ms is None else at_ms, args.segment)
    ids = (found.customer, *found.aliases)
    told = [each for identity in ids for each in changes.get(identity, ())]
    return found, sorted(told, key=lambda each: each.time_ms)


async def _live(
    settings: Settings, args: argparse.Namespace, at_ms: int | None
) -> tuple[Explanation, list[Told]]:
    place = await find_customer(settings, args.id)
    if place is None:
        raise _nobody("in the changelog")
    found = _explained(place, at_ms, args.segment)
    told: list[Told] = []
    for change in await changes_of(settings, {found.customer, *found.aliases}):
        data = change.data
        told.append(Told(instant_ms(change.time), data.segment, change.entered, data.cause))
    return found, told


def _nobody(where: str) -> CommandFailedError:
    # The id stays where it was typed: what fails is often pasted into tickets.
    return CommandFailedError(
        f"there is no customer of this id {where}",
        "check the id, and that its events have been read",
    )


def _explained(
    place: tuple[PartitionEngine, bytes], at_ms: int | None, segment: str | None
) -> Explanation:
    engine, key = place
    row = engine.store.peek(key)
    assert row is not None
    if at_ms is not None and at_ms < row.time_ms:
        raise CommandFailedError(
            f"--at is before the customer's latest state, of {rfc3339(row.time_ms)}",
            "replay the past with --events or --log",
            2,
        )
    pack = engine.timeline.latest.pack
    known = {} if pack is None else pack.definitions
    if segment is not None:
        check_names([segment], known)
    now_ms = max(engine.clock_ms, row.time_ms) if at_ms is None else at_ms
    return explain(engine.settings, engine.timeline, key, row, now_ms, segment)
