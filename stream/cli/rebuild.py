"""Begin a new run over the events beside the one that serves, and switch to it."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

import msgspec

from stream.cli.failure import CommandFailedError
from stream.cli.lived import live_settings
from stream.engine.effects import EngineStateError
from stream.shell.delivery_choice import has_transactions
from stream.shell.run_start import begin
from stream.shell.run_switch import switch
from stream.shell.runs import RunsError, former_run, progress_of
from stream.shell.settings import Settings

TIMEOUT_S = 120.0

_DESCRIPTION = """\
A run is an incarnation: its own log, rows and clock, made from the raw events. A new one is the way
to more partitions, out of a lost topic or changelog, to a history that is imported late, and to a
release whose rules mean something else. Give the same settings as to the new run's workers:
SHOAL_INCARNATION one higher, SHOAL_PARTITIONS as many as it is to have, and SHOAL_EVENTS_PARTITIONS
as many as the raw topic has, where those are fewer.

  start   makes its topics; its workers, started then, read all raw events and tell nothing, while
          the former ones serve
  status  says how far it is
  switch  ends the former run, waits until the new one is as far, tells once what the two know
          differently (cause `definition`, `historic`, nobody acts on it), and lets it serve; what
          is being said to customers goes on, or is withdrawn, and caps go on

Consumers see one sequence of changes on the same topics, nothing lost and nothing twice. Workers of
the former run end by themselves at the switch; its topics may then be deleted.
"""

_EPILOG = """\
example, 4 partitions grown to 8:
  export SHOAL_INCARNATION=2 SHOAL_PARTITIONS=8 SHOAL_EVENTS_PARTITIONS=4
  shoal rebuild start && shoal worker &
  shoal rebuild status && shoal rebuild switch

exit codes: 0 done; 1 it cannot be done now, and why; 2 called wrongly
"""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal rebuild`."""
    parser = subparsers.add_parser(
        "rebuild",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["start", "status", "switch"])
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_S,
        metavar="S",
        help="how long a switch waits for the new run to be as far (120)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """See the exit codes in the help."""
    with live_settings() as settings:
        try:
            found = asyncio.run(_done(settings, args))
        except (RunsError, EngineStateError) as error:
            what, _, then = str(error).rpartition("; ")
            raise CommandFailedError(what, then) from error
    print(json.dumps(found) if args.json else found["said"])
    return 0


async def _done(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    if not await has_transactions(settings):
        raise RunsError("this broker has no transactions, and keeps nothing; use another one")
    if args.action == "start":
        made = await begin(settings)
        said = f"incarnation {settings.incarnation} may begin ({len(made)} topics made or grown)"
        said += "; start its workers with the same settings"
        return {"topics": made, "said": said}
    former = await former_run(settings)
    if args.action == "status":
        return await _status(settings, former)
    done = await switch(settings, former, args.timeout, lambda _: None)
    said = (
        f"incarnation {settings.incarnation} serves: {done.members} customers in segments, "
        f"{done.changes} changes told of what it knows differently"
    )
    return {**msgspec.to_builtins(done), "said": said}


async def _status(settings: Settings, former: Settings | None) -> dict[str, Any]:
    now = await progress_of(settings)
    said = f"incarnation {settings.incarnation}: "
    said += "catching up" if now.marks else "serves"
    found = {"incarnation": settings.incarnation, "serves": not now.marks, "clock_ms": now.clock_ms}
    if former is not None and now.marks:
        was = await progress_of(former)
        lacks, behind_s = now.lacks(was), max(0, was.clock_ms - now.clock_ms) // 1000
        found |= {"former": former.incarnation, "lacks": lacks, "behind_s": behind_s}
        said += f", {lacks} raw records and {behind_s} s of event time behind {former.incarnation}"
    return {**found, "said": said}
