"""Put definitions in force on a running installation, without a restart."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from stream.cli.backtest_tables import output
from stream.cli.failure import CommandFailedError
from stream.cli.lived import live_settings
from stream.cli.publish_difference import Difference, difference, in_json, print_difference
from stream.cli.segments_file import read_definitions_file
from stream.events.topics import CHANGELOG, CLOCK, CUSTOMER_EVENTS, DEFINITIONS, RECORD_BYTES_MAX
from stream.segments.pack import load_pack
from stream.segments.reading import Reading
from stream.shell.announcing import publish_by_command
from stream.shell.definition_file import read_definitions
from stream.shell.definitions import Published, newest_definitions
from stream.shell.settings import Settings

BUILT_IN = "built-in"
TIMEOUT_S = 60.0

_DESCRIPTION = """\
Checks the file, shows what would change against what is in force, and after your word writes it to
the topic of definitions. Then it waits until the time-keeper has announced it in the log of all
partitions: from there on it decides. Who no longer belongs leaves, who now belongs enters, both
with the cause `definition` and as `initial`, so that nothing acts on them by default.

What is published so outranks whatever workers are started with (SHOAL_SEGMENTS, or the built-in
pack). To go back, publish the former file. Settings come from SHOAL_*, as for `shoal worker`.
"""

_EPILOG = """\
examples:
  shoal segments publish my-segments.yaml
  shoal segments publish my-segments.yaml --yes --backfill
  shoal segments publish built-in --yes --json

exit codes: 0 announced; 1 not announced in time, or you said no; 2 called wrongly, or the file is
wrong, and nothing was changed
"""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments publish`."""
    parser = subparsers.add_parser(
        "publish",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help=f"definitions, or {BUILT_IN}")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT_S, metavar="S", help="how long to wait (60)"
    )
    parser.add_argument(
        "--backfill", action="store_true", help="then add the past of new measures from the log"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """See the exit codes in the help."""
    file = None if args.file == BUILT_IN else args.file
    reading = read_definitions_file(file)
    content = read_definitions(None if file is None else Path(file))
    if len(content) > RECORD_BYTES_MAX:
        raise CommandFailedError(
            f"{args.file} has {len(content):,} bytes, a record holds {RECORD_BYTES_MAX:,}",
            "take comments or segments out",
            2,
        )
    # The topics of the log are needed for what only comes after it has been published.
    needed = (CHANGELOG, CUSTOMER_EVENTS) if args.backfill else ()
    with live_settings(DEFINITIONS, CLOCK, *needed) as settings:
        return _publish(args, settings, content, reading)


def tell(word: str) -> None:
    """Say how far it is, beside the result."""
    print(word, file=sys.stderr, flush=True)


def _publish(args: argparse.Namespace, settings: Settings, content: bytes, new: Reading) -> int:
    newest = asyncio.run(newest_definitions(settings))
    found = difference(None if newest is None else load_pack(newest.content), new)
    if not args.json:
        print_difference(found, output())
    if not (args.yes or _is_same(newest, content) or _is_wanted()):
        print("nothing was changed", file=sys.stderr)
        return 1
    done = asyncio.run(publish_by_command(settings, content, newest, args.timeout, tell))
    _say(args, found, is_announced=done)
    if not done:
        raise CommandFailedError(
            f"published, but not announced within {args.timeout:g} s",
            "see that a worker runs and what it logs; the definitions come into force with it",
        )
    if args.backfill:
        from stream.cli.segments_backfill import fill_past

        return fill_past(settings, args.timeout, as_json=args.json)
    return 0


def _is_same(newest: Published | None, content: bytes) -> bool:
    return newest is not None and newest.content == content


def _is_wanted() -> bool:
    if not sys.stdin.isatty():
        raise CommandFailedError("nobody is there to ask, nothing was changed", "say --yes", 2)
    return input("publish? [y/N] ").strip().lower() in ("y", "yes")


def _say(args: argparse.Namespace, found: Difference, *, is_announced: bool) -> None:
    if args.json:
        print(json.dumps({**in_json(found), "announced": is_announced}, ensure_ascii=False))
    elif is_announced:
        print(f"definitions {found.new_name} are announced in all partitions, and decide now")
