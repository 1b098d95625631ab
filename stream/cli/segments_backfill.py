"""Add the past of measures that were defined later, from the retained log of customers."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

import msgspec

from stream.cli.failure import CommandFailedError
from stream.cli.lived import live_settings
from stream.cli.segments_publish import TIMEOUT_S, tell
from stream.clock import rfc3339
from stream.engine.effects import EngineStateError
from stream.events.topics import CHANGELOG, CLOCK, CUSTOMER_EVENTS, DEFINITIONS
from stream.shell.backfilling import BackfillError, Filled, backfill
from stream.shell.settings import Settings

_DESCRIPTION = """\
What a new definition counts or adds up begins to be kept when it comes into force. This reads the
log of customers from its beginning, works out what would have been kept before, and writes it into
the rows of the running workers; then the log says that the measures are whole, and everybody is
decided again, with the cause `definition` and as `initial`. Where retention has deleted the log's
beginning, windows are whole that do not reach back further than that, and it says since when.
Running it again, after a crash as well, adds nothing twice. Settings come from SHOAL_*.
"""

_EPILOG = """\
example:
  shoal segments publish my-segments.yaml --yes && shoal segments backfill

exit codes: 0 done, or nothing to do; 1 the workers did not take it in; 2 called wrongly
"""


TOPICS = (CHANGELOG, CUSTOMER_EVENTS, DEFINITIONS, CLOCK)
"""What is read and written."""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments backfill`."""
    parser = subparsers.add_parser(
        "backfill",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT_S, metavar="S", help="how long to wait (60)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """See the exit codes in the help."""
    with live_settings(*TOPICS) as settings:
        return fill_past(settings, args.timeout, as_json=args.json)


def fill_past(settings: Settings, timeout_s: float, *, as_json: bool) -> int:
    """Backfill, and say what was done."""
    try:
        found = asyncio.run(backfill(settings, timeout_s, tell))
    except (BackfillError, EngineStateError) as error:
        what, _, then = str(error).partition("; ")
        raise CommandFailedError(what, then) from error
    print(json.dumps(msgspec.to_builtins(found)) if as_json else said(found))
    return 0


def said(found: Filled) -> str:
    """The result in a sentence or two."""
    if not found.measures:
        words = "no measure lacks its past"
        if found.beyond:
            words = "the retained log does not reach back behind the measures"
        return words + "; nothing was written"
    since = f" since {rfc3339(found.since_ms)}" if found.since_ms else ""
    words = f"{found.measures} measures are whole{since} ({found.backfills} pasts were added)"
    if found.since_ms:
        words += "; windows that reach back further will be as time goes by, all time never"
    return words + (f"; {found.beyond} began before the retained log" if found.beyond else "")
