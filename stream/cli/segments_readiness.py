"""Which definitions work on a shop's own events, which do in part or not, and what to send.

The events are those of files, or of a live shop's raw topic.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from stream.cli.event_files import EventFiles, fail_if_all_were_rejected, read_reference
from stream.cli.failure import CommandFailedError
from stream.cli.raw_topic import add_topic_arguments, read_topic
from stream.cli.segments_file import add_file_option, read_definitions_file
from stream.clock import rfc3339
from stream.events.decoded import Decoded
from stream.features.inventory import Inventory, Seen
from stream.features.properties import PROPERTIES_OF
from stream.segments.readiness import BLIND, WORKS, Readiness, readiness
from stream.segments.reading import Reading
from stream.shell.raw_events import Extent


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments readiness`."""
    parser = subparsers.add_parser(
        "readiness",
        help=(__doc__ or "").partition("\n")[0],
        description="Reads event files, or without one the raw topic at SHOAL_BROKER, counts "
        "which events come and which properties they carry, and says of each definition whether it "
        "works, is degraded, or is blind: nobody could ever enter it. Exit codes: 0 told; 1 "
        "--strict is given and a definition whose action is on is blind, or the topic has no "
        "events; 2 called wrongly, a file is wrong, or there is no event in it.",
        epilog="examples: shoal segments readiness events.jsonl.gz --segments my-segments.yaml; "
        "SHOAL_BROKER=kafka:9092 shoal segments readiness --from 2026-11-21T00:00:00Z",
    )
    parser.add_argument(
        "file", nargs="*", help="events: JSONL, .gz or - for standard input; none: the live topic"
    )
    add_topic_arguments(parser)
    add_file_option(parser)
    parser.add_argument(
        "--reference",
        metavar="F",
        help="products and variants, JSONL (default for the live topic: the reference topic)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="1 where a definition with its action on is blind"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Read the events, judge, print; see the exit codes in the help."""
    reading = read_definitions_file(args.segments)
    files = EventFiles(read_reference(args.reference))
    inventory = Inventory()

    def take(decoded: Decoded) -> None:
        if decoded.record is not None:
            inventory.observe(decoded.record)

    extent = None
    if not args.file:
        extent = read_topic(args, files, take)
    elif args.newest is not None or args.since is not None:
        raise CommandFailedError("--newest and --from are of the topic", "leave the files out", 2)
    for path in args.file:
        for decoded in files.read(path):
            take(decoded)
    rejected = sum(files.rejected.values())
    if args.file:
        fail_if_all_were_rejected(rejected, files.lines)
    if not inventory.total.count:
        then = "name a file that has some" if args.file else "send some, or look further back"
        raise CommandFailedError("there is no event of a customer", then, 2 if args.file else 1)
    found = readiness(reading, inventory)
    if args.json:
        built = built_report(reading, inventory, found) | {"lines": files.lines}
        built["rejected"] = dict(sorted(files.rejected.items()))
        if extent is not None:
            built["topic"] = {"name": extent.topic, "retained": extent.retained}
        print(json.dumps(built, indent=1, ensure_ascii=False))
    else:
        _print(reading, inventory, found, rejected)
        _print_extent(inventory, files, extent)
    blind = [r.name for r in found if r.verdict == BLIND]
    on = [name for name in blind if reading.definitions[name].action.enabled]
    return 1 if args.strict and on else 0


def built_report(
    reading: Reading, inventory: Inventory, found: tuple[Readiness, ...]
) -> dict[str, Any]:
    """The report, ready for JSON."""
    return {
        "events": inventory.total.count,
        "from": _time(inventory.total),
        "to": rfc3339(inventory.total.last_ms),
        "definitions": [
            {
                "name": each.name,
                "verdict": each.verdict,
                "action": "on" if reading.definitions[each.name].action.enabled else "off",
                "since": None if each.since_ms is None else rfc3339(each.since_ms),
                "lacks": [
                    {"verdict": lack.verdict, "why": lack.why, "send": lack.send}
                    for lack in each.lacks
                ],
                "rests_on": [
                    {
                        "events": list(source.events),
                        "property": source.property,
                        "count": source.count,
                        "share": source.share,
                        "since": None if source.since_ms is None else rfc3339(source.since_ms),
                    }
                    for source in each.sources
                ],
            }
            for each in found
        ],
        "carried": [
            {
                "event": name,
                "count": seen.count,
                "share": round(seen.count / inventory.total.count, 4),
                "since": _time(seen),
                "properties": {
                    known.name: round(inventory.share((name,), known.name), 4)
                    for known in PROPERTIES_OF.get(name, ())
                },
            }
            for name, seen in _most_first(inventory)
        ],
    }


def _most_first(inventory: Inventory) -> list[tuple[str, Seen]]:
    return sorted(inventory.events.items(), key=lambda each: (-each[1].count, each[0]))


def _time(seen: Seen) -> str:
    return rfc3339(seen.first_ms)


_STYLES = {"works": "green", "degraded": "yellow", "blind": "red"}


def _print(
    reading: Reading, inventory: Inventory, found: tuple[Readiness, ...], rejected: int
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(box=None, pad_edge=False)
    table.add_column("definition", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("since", no_wrap=True)
    table.add_column("why")
    for each in found:
        mark = "*" if reading.definitions[each.name].action.enabled else ""
        since = "" if each.since_ms is None else rfc3339(each.since_ms)[:10]
        why = "; ".join(lack.why for lack in each.lacks)
        style = _STYLES[each.verdict]
        table.add_row(f"{each.name}{mark}", Text(each.verdict, style), since, Text(why))
    console.print(table)
    console.print("* its action is on", highlight=False)
    sends = dict.fromkeys(
        lack.send for each in found if each.verdict != WORKS for lack in each.lacks
    )
    asked = [send for send in sends if send]
    if asked:
        console.print("\nTo send:", style="bold")
        for send in asked:
            console.print(f"  {send}", highlight=False, markup=False)
    _print_carried(inventory, rejected)


def _print_carried(inventory: Inventory, rejected: int) -> None:
    """What came: events, and the share of them that carries a property."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("event")
    table.add_column("came", justify="right")
    table.add_column("since", no_wrap=True)
    table.add_column("carries")
    for name, seen in _most_first(inventory):
        shares = [
            f"{known.name} {share:.0%}"
            for known in PROPERTIES_OF.get(name, ())
            if (share := inventory.share((name,), known.name))
        ]
        table.add_row(Text(name), f"{seen.count:,}", _time(seen)[:10], Text(", ".join(shares)))
    console = Console()
    console.print()
    console.print(table)
    if rejected:
        console.print(f"{rejected:,} lines could not be read as events (shoal replay names some)")


def _print_extent(inventory: Inventory, files: EventFiles, extent: Extent | None) -> None:
    """How much was looked at: `since` cannot be before it."""
    times = f"{_time(inventory.total)} to {rfc3339(inventory.total.last_ms)}"
    if extent is None:
        print(f"\n{inventory.total.count:,} events, {times}")
    else:
        of = f"{files.lines:,} of {extent.retained:,} records that {extent.topic} retains"
        print(f"\n{of}; {inventory.total.count:,} events, {times}")
