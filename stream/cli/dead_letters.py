"""Dead letters: what could not be applied and why; send it again once its cause is mended."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from stream.cli.event_files import given_instant
from stream.cli.failure import CommandFailedError
from stream.cli.lived import live_settings
from stream.clock import rfc3339
from stream.events.topics import DEAD_LETTERS
from stream.shell.dead_letters import Letter
from stream.shell.delivery import DeliveryAbortedError, DeliveryRefusedError, OwnershipLostError
from stream.shell.retrying import (
    RETRIES_MAX,
    Done,
    Wanted,
    letters_once,
    retried_letters,
    send_again,
)
from stream.shell.settings import Settings

_EPILOG = """\
examples:
  shoal dead-letters list --from 2026-11-21T00:00:00Z
  shoal dead-letters list --reason amount_overflow --each
  shoal dead-letters retry --reason amount_overflow --dry-run
  shoal dead-letters retry --all

exit codes: 0 done, or there is none; 1 the broker does not answer or refuses; 2 called wrongly
"""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal dead-letters`."""
    parser = subparsers.add_parser(
        "dead-letters",
        help=__doc__,
        description="Settings come from SHOAL_*, as for `shoal worker`.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    listed = actions.add_parser("list", help="how many there are, by topic and reason")
    listed.add_argument("--each", action="store_true", help="one line for each as well")
    retry = actions.add_parser(
        "retry",
        help="send them again to where they came from, with their bytes, keys and headers; none "
        "that was sent before",
    )
    retry.add_argument("--all", action="store_true", help="all, without another choice")
    retry.add_argument(
        "--retries-max",
        type=int,
        default=RETRIES_MAX,
        metavar="N",
        help="leave those that came back so often (default: %(default)s)",
    )
    retry.add_argument("--dry-run", action="store_true", help="say which; send nothing")
    for each in (listed, retry):
        each.add_argument("--reason", action="append", default=[], metavar="R", help="exactly R")
        each.add_argument("--topic", action="append", default=[], help="where they came from")
        each.add_argument("--stage", action="append", default=[], choices=("decode", "fold"))
        each.add_argument(
            "--from", dest="since", metavar="T", help="that died from T on (RFC 3339)"
        )
        each.add_argument("--until", metavar="T", help="that died before T")
        each.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """See the exit codes in the help."""
    since_ms = given_instant("--from", args.since)
    until_ms = given_instant("--until", args.until)
    if args.action == "retry":
        chosen = (args.reason, args.topic, args.stage, args.since, args.until, args.all)
        if not any(chosen):
            what = "which letters?"
            then = "choose by --reason, --topic, --stage, --from or --until, or take --all"
            raise CommandFailedError(what, then, 2)
        if args.retries_max < 1:
            raise CommandFailedError("--retries-max is below 1", "give a number from 1 on", 2)
    with live_settings(DEAD_LETTERS) as settings:
        wanted = Wanted(
            reasons=frozenset(args.reason),
            topics=frozenset({settings.topic(name) for name in args.topic} | set(args.topic)),
            stages=frozenset(args.stage),
            since_ms=since_ms,
            until_ms=until_ms,
        )
        if args.action == "list":
            return _list(settings, wanted, args)
        try:
            return _retry(settings, wanted, args)
        except OwnershipLostError as error:
            what, then = "another retry is running", "wait for its end"
            raise CommandFailedError(what, then) from error
        except (DeliveryAbortedError, DeliveryRefusedError) as error:
            raise CommandFailedError(str(error), "run it again: none is sent twice") from error


def _list(settings: Settings, wanted: Wanted, args: argparse.Namespace) -> int:
    found = asyncio.run(_found(settings, wanted))
    groups: dict[tuple[str, str, str], Counter[str]] = {}
    ends: dict[tuple[str, str, str], tuple[int, int]] = {}
    for letter, is_retried in found:
        kind = (letter.stage, letter.topic, letter.reason)
        count = groups.setdefault(kind, Counter())
        count.update(("letters", "retried" if is_retried else "waiting"))
        count["came back"] += letter.retries > 0
        first_ms, last_ms = ends.get(kind, (letter.time_ms, letter.time_ms))
        ends[kind] = min(first_ms, letter.time_ms), max(last_ms, letter.time_ms)
    names = ("letters", "waiting", "retried", "came back")
    rows = [
        {
            **dict(zip(("stage", "topic", "reason"), kind, strict=True)),
            **{name.replace(" ", "_"): groups[kind][name] for name in names},
            "first": rfc3339(ends[kind][0]),
            "last": rfc3339(ends[kind][1]),
        }
        for kind in sorted(groups)
    ]
    if args.json:
        total = {n.replace(" ", "_"): sum(count[n] for count in groups.values()) for n in names}
        each = {"each": [msgspec.to_builtins(letter) for letter, _ in found]} if args.each else {}
        print(json.dumps({**total, "by_reason": rows, **each}))
        return 0
    console = Console()
    if not rows:
        console.print("no dead letters")
        return 0
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*map(str, row.values()))
    console.print(table)
    for letter, _ in found if args.each else ():
        console.print(_line(letter), highlight=False, markup=False, soft_wrap=True)
    return 0


async def _found(settings: Settings, wanted: Wanted) -> list[tuple[Letter, bool]]:
    """Letters, one of each record, and whether it was sent again."""
    retried = await retried_letters(settings)
    return [
        (letter, retried.have(letter, source))
        async for letter, _, source in letters_once(settings, wanted)
    ]


def _line(letter: Letter) -> str:
    again = f", sent again {letter.retries} times" if letter.retries else ""
    return (
        f"{letter.place}:{letter.offset}  {rfc3339(letter.time_ms)}  "
        f"{letter.topic}-{letter.partition}:{letter.source_offset}  {letter.reason} at "
        f"{letter.field}: {letter.message}{again}"
    )


def _retry(settings: Settings, wanted: Wanted, args: argparse.Namespace) -> int:
    told: Counter[tuple[str, str]] = Counter()
    done = asyncio.run(
        send_again(
            settings,
            wanted,
            args.retries_max,
            lambda letter: told.update([(letter.topic, letter.reason)]),
            is_dry=args.dry_run,
        )
    )
    if args.json:
        by_reason = [
            {"topic": topic, "reason": reason, "sent": count}
            for (topic, reason), count in sorted(told.items())
        ]
        print(json.dumps({**msgspec.to_builtins(done), "dry_run": args.dry_run, "by": by_reason}))
        return 0
    for (topic, reason), count in sorted(told.items()):
        print(f"{topic}: {reason}: {count:,}")
    print(_said(done, args))
    return 0


def _said(done: Done, args: argparse.Namespace) -> str:
    verb = "would be sent again" if args.dry_run else "sent again"
    parts = [f"{done.sent:,} {verb}"]
    if done.before:
        parts.append(f"{done.before:,} were sent before")
    if done.too_often:
        parts.append(f"{done.too_often:,} came back {args.retries_max} times and stay")
    if done.left_out:
        parts.append(f"{done.left_out:,} were too large to be kept, and are where they came from")
    if done.nowhere:
        parts.append(f"{done.nowhere:,} came from a topic or partition that is not there")
    return "; ".join(parts)
