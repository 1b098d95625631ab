"""All that is kept of a customer, as JSON for them: the row, segments with reasons, and where."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec

from stream.cli.customer_view import as_json
from stream.cli.failure import CommandFailedError
from stream.cli.lived import live_settings
from stream.cli.readable import readable
from stream.cli.retained import retained
from stream.clock import rfc3339
from stream.events.records import decode_record
from stream.events.topics import CHANGELOG, CHANGES, CUSTOMER_EVENTS
from stream.explain.explanation import explain
from stream.shell.collector import calm_collector
from stream.shell.customer_rows import changes_of, find_customer, log_of
from stream.shell.settings import Settings
from stream.state.codec import stored

_DESCRIPTION = """\
Writes what the GDPR's article 15 asks for, by any id of the customer: the row, every segment with
what decides it (what `shoal customer` shows), consent, the ids that are known to be of the same
person, what was told of them so far, the events that the customers' log still holds, and which
topics keep how much of it how long. Instants are UTC; amounts are in units of the currency.

It reads as `shoal customer` does and writes to no topic. Events that could not be applied
(dead-letters) and the shop's own topic are not searched: they are named, with their retention.
"""

_EPILOG = """\
examples:
  shoal export c-17 > c-17.json
  shoal export c-17 --out c-17.json --without-events

exit codes: 0 written; 1 there is no such customer; 2 called wrongly
"""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal export`."""
    parser = subparsers.add_parser(
        "export",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("id", metavar="ID", help="of the customer; an anonymous one is followed")
    parser.add_argument("--out", metavar="F", default="-", help="default: standard output")
    parser.add_argument(
        "--without-events", action="store_true", help="leave the log out, which is read as a whole"
    )


def run(args: argparse.Namespace) -> int:
    """Write it; 1 where there is no such customer."""
    calm_collector()
    with live_settings(CHANGELOG, CHANGES, CUSTOMER_EVENTS) as settings:
        found = asyncio.run(_exported(settings, args.id, with_events=not args.without_events))
    text = json.dumps(found, indent=1, ensure_ascii=False)
    if args.out == "-":
        print(text)
        return 0
    try:
        path = Path(args.out)
        path.touch(mode=0o600)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandFailedError(
            f"cannot write {args.out}: {error.strerror}", "name another file", 2
        ) from None
    return 0


async def _exported(settings: Settings, identity: str, *, with_events: bool) -> dict[str, Any]:
    place = await find_customer(settings, identity)
    if place is None:
        raise CommandFailedError(
            "there is no customer of this id in the changelog",
            "check the id, and that its events have been read",
        )
    engine, key = place
    row = engine.store.peek(key)
    assert row is not None
    now_ms = max(engine.clock_ms, row.time_ms)
    explained = explain(engine.settings, engine.timeline, key, row, now_ms, None)
    ids = {explained.customer, identity, *explained.aliases}
    said: dict[str, Any] = {
        "customer": explained.customer,
        "as_of": rfc3339(now_ms),
        "ids": sorted(ids),
        "data": readable(stored(row)),
        "decisions": as_json(explained),
        "told": [msgspec.to_builtins(change) for change in await changes_of(settings, ids)],
    }
    if with_events:
        said["events"] = [
            {"id": record.key.decode(), **_event(record.value)}
            async for record in log_of(settings, ids)
        ]
    said["kept_in"] = msgspec.to_builtins(retained(settings))
    return said


def _event(value: bytes | None) -> dict[str, Any]:
    try:
        decoded = decode_record(value or b"")
    except msgspec.DecodeError:
        return {"unreadable": f"{len(value or b'')} bytes"}
    return {"type": type(decoded).__name__, **readable(decoded)}
