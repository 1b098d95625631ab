"""Erase a customer from everything that is kept, by any of their ids."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import uuid
from collections import Counter
from typing import Any

import msgspec

from stream.cli.failure import CommandFailedError
from stream.cli.lived import live_settings
from stream.cli.retained import retained
from stream.events.identity import checked_id
from stream.events.records import Erase
from stream.events.rejection import RejectedEventError
from stream.events.topics import CHANGELOG, CUSTOMER_EVENTS, ERASURES
from stream.shell.erasing import Erased, erase
from stream.shell.settings import Settings

TIMEOUT_S = 120.0

_DESCRIPTION = """\
The row goes, its memberships, the current action, its share in thresholds and sizes, and all ids
that point to the customer: exits are told with the cause `erasure`, and a tombstone among the
memberships. The workers do it, in their transactions; this waits for the receipts, which are on the
topic `erasures` and name nobody, and reads the rows once more to see that no id is left.

What comes late of what happened before is refused, known by a hash of the id that is keyed with
SHOAL_ERASURE_KEY and outlives the log. Who comes again is a new customer, unless --suppress
refuses what happens later, too; --lift ends that. Topics that are no state let go by retention,
until the days that are printed.
"""

_EPILOG = """\
examples:
  shoal forget c-17
  shoal forget c-17 --suppress --yes --json
  shoal forget - --yes < ids.txt

exit codes: 0 done everywhere; 1 not confirmed in time, or you said no; 2 called wrongly
"""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal forget`."""
    parser = subparsers.add_parser(
        "forget",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("id", metavar="ID", help="of the customer; -: one a line from stdin")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--suppress", action="store_true", help="refuse what happens later, too")
    how.add_argument("--lift", action="store_true", help="no longer refuse it; erase nothing")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_S,
        metavar="S",
        help="how long to wait for one more receipt (120)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """See the exit codes in the help."""
    identities = _identities(args.id)
    if not args.yes and not _is_wanted(len(identities), is_lift=args.lift):
        print("nothing was erased", file=sys.stderr)
        return 1
    template = Erase(
        time_ms=0,  # up to when the broker takes it
        received_ms=0,
        request=uuid.uuid4().hex,
        refuses=args.suppress,
        lifts=args.lift,
    )
    with live_settings(CUSTOMER_EVENTS, CHANGELOG, ERASURES) as settings:
        if not settings.privacy.erasure_secrets:
            _say("note: SHOAL_ERASURE_KEY is not set, so who has a list of ids can tell the erased")
        done = asyncio.run(erase(settings, identities, template, args.timeout, _say))
        _tell(done, settings, as_json=args.json)
    if done.missing:
        raise CommandFailedError(
            f"not confirmed: {done.missing} receipts are missing, none came for {args.timeout:g} s",
            "see that workers run; they will do it when they do",
        )
    return 0


def _say(word: str) -> None:
    print(word, file=sys.stderr, flush=True)


def _identities(given: str) -> list[str]:
    """The ids, each once, as events spell them."""
    lines = sys.stdin.read().splitlines() if given == "-" else [given]
    found: dict[str, None] = {}
    for line in lines:
        try:
            identity = checked_id(line, "ID")
        except RejectedEventError as error:
            # The id stays where it was typed: what fails is often pasted into tickets.
            raise CommandFailedError(str(error), "name an id as events have it", 2) from None
        if identity is not None:
            found[identity] = None
    if not found:
        raise CommandFailedError("no id was named", "name one as events have it", 2)
    return list(found)


def _is_wanted(count: int, *, is_lift: bool) -> bool:
    if not sys.stdin.isatty():
        raise CommandFailedError("nobody is there to ask, nothing was erased", "say --yes", 2)
    whom = "this customer" if count == 1 else f"{count} customers"
    question = f"let {whom} come again?" if is_lift else f"erase {whom}? It cannot be undone."
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _tell(done: Erased, settings: Settings, *, as_json: bool) -> None:
    outcomes = Counter(receipt.outcome for receipt in done.receipts)
    removed: Counter[str] = Counter()
    for receipt in done.receipts:
        removed.update(receipt.removed)
    kept = retained(settings)
    if as_json:
        said = {
            "request": done.request,
            "outcomes": dict(sorted(outcomes.items())),
            "removed": dict(sorted(removed.items())),
            "missing": done.missing,
            "receipts": msgspec.to_builtins(done.receipts),
            "retained": msgspec.to_builtins(kept),
        }
        print(json.dumps(said))
        return
    for outcome, count in sorted(outcomes.items()):
        print(f"{outcome}: {count} {'id' if count == 1 else 'ids'}")
    for what, count in sorted(removed.items()):
        print(f"removed: {count} {what}")
    print(f"receipts: request {done.request} on {settings.topic(ERASURES.name)}")
    if outcomes["erased"] or outcomes["suppressed"]:
        for each in kept:
            print(f"retained in {each.topic} for at most {each.days} more days: {each.what}")
