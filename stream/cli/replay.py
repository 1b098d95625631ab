"""Offline run over event files: the changes and final members that a live run would give."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from stream.cli.event_files import (
    EventFiles,
    checked_definitions,
    fail_if_all_were_rejected,
    given_instant,
    log_batches,
    progress_bar,
    read_reference,
)
from stream.cli.failure import CommandFailedError
from stream.clock import rfc3339
from stream.engine.effects import Counts, EngineStateError
from stream.engine.settings import EngineSettings
from stream.events.actions import ActionTurned
from stream.events.changes import Membership, SegmentChanged
from stream.events.cloudevent import encode_action, encode_change, encode_membership
from stream.events.decoded import Decoded
from stream.events.erasures import ErasureAskedError
from stream.shell.collector import calm_collector
from stream.simulation.offline import LogReplay, Offline


def add_parser(subparsers: Any) -> None:
    """Declare `shoal replay`."""
    parser = subparsers.add_parser(
        "replay",
        help=__doc__,
        description="Replays events in the order of their time, then file, then line, through the "
        "same core as the live worker. With --log it replays a dump of the customer log in log "
        "order instead (shoal topics dump), which is the exact oracle of a live run; a dump that "
        "begins with a snapshot goes on from there.",
        epilog="example: shoal replay events.jsonl.gz --changes changes.jsonl --members m.jsonl",
    )
    parser.add_argument("file", nargs="+", help="JSONL, .gz or - for standard input")
    parser.add_argument("--segments", metavar="F", help="definitions (default: the built-in pack)")
    parser.add_argument("--reference", metavar="F", help="products and variants, JSONL")
    parser.add_argument(
        "--until", metavar="T", help="advance every customer's time to T (RFC 3339)"
    )
    parser.add_argument("--changes", metavar="OUT", help="write the changes, one CloudEvent a line")
    parser.add_argument(
        "--actions", metavar="OUT", help="write actions and their withdrawals, a CloudEvent a line"
    )
    parser.add_argument("--members", metavar="OUT", help="write the final members, JSONL")
    parser.add_argument(
        "--log", action="store_true", help="the files are dumps of the customer log"
    )
    parser.add_argument("--shop", default="shop", help="the shop's name in the changes")
    parser.add_argument("--incarnation", default="1", help="as the worker's SHOAL_INCARNATION")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """0 when every line was applied or is accounted for; 2 when none could be read."""
    began = time.monotonic()
    calm_collector()
    settings = EngineSettings(shop=args.shop, incarnation=args.incarnation)
    with ExitStack() as stack:
        out = _Output(stack, args)
        try:
            summary = _replay_log(args, settings, out) if args.log else _replay(args, settings, out)
        except EngineStateError as error:
            raise CommandFailedError(str(error), "see shoal replay --help", 2) from error
    summary["seconds"] = round(time.monotonic() - began, 3)
    summary["changes"] = sum(out.kinds.values())
    summary["actions"] = out.action_count
    summary["changes_by_segment"] = dict(sorted(out.kinds.items()))
    _print(summary, args.json)
    fail_if_all_were_rejected(sum(summary.get("rejected", {}).values()), summary["lines"])
    return 0


class _Output:
    """The files that a run writes, and what it counts of them."""

    def __init__(self, stack: ExitStack, args: argparse.Namespace) -> None:
        self._turns: Counter[tuple[str, bool]] = Counter()
        self.shop: str = args.shop
        self.action_count = 0
        self._changes = _open_out(stack, args.changes)
        self._members = _open_out(stack, args.members)
        self._actions = _open_out(stack, args.actions)

    @property
    def kinds(self) -> dict[str, int]:
        """Changes by segment and direction, such as "loyal entered"."""
        turns = self._turns.items()
        return {f"{name} {'entered' if into else 'exited'}": n for (name, into), n in turns}

    def changes(self, changes: Iterable[SegmentChanged]) -> None:
        for change in changes:
            self._turns[change.segment, change.entered] += 1
            if self._changes is not None:
                self._changes.write(encode_change(change, self.shop) + b"\n")

    def actions(self, turned: list[ActionTurned]) -> None:
        """Take actions, which leaves the list empty."""
        self.action_count += len(turned)
        if self._actions is not None:
            for each in turned:
                self._actions.write(encode_action(each, self.shop) + b"\n")
        turned.clear()

    def members(self, memberships: Iterable[Membership]) -> Counter[str]:
        sizes: Counter[str] = Counter()
        for membership in memberships:
            sizes.update(membership.since_ms.keys())
            if self._members is not None:
                self._members.write(encode_membership(membership) + b"\n")
        return sizes


def _open_out(stack: ExitStack, path: str | None) -> IO[bytes] | None:
    if path is None:
        return None
    if path == "-":
        return sys.stdout.buffer
    try:
        return stack.enter_context(Path(path).open("wb"))
    except OSError as error:
        raise CommandFailedError(
            f"cannot write {path}: {error.strerror}", "name another file", 2
        ) from None


def _replay(args: argparse.Namespace, settings: EngineSettings, out: _Output) -> dict[str, Any]:
    offline = Offline(settings, checked_definitions(args.segments))
    offline.keep_actions = True
    until_ms = given_instant("--until", args.until)
    source = EventFiles(read_reference(args.reference), takes_erasures=True)
    events = source.ordered(args.file)

    def take(decoded: Decoded) -> None:
        out.changes(offline.apply(decoded))
        out.actions(offline.actions)

    def erase(asked: ErasureAskedError) -> None:
        out.changes(offline.erase(asked))
        out.actions(offline.actions)

    source.live(events, take, erase=erase)
    out.changes(offline.finish(until_ms))
    out.actions(offline.actions)
    return {
        "lines": source.lines,
        "rejected": dict(sorted(source.rejected.items())),
        "rejected_examples": source.examples,
        "erasures": len(source.erasures),
        **_counts(offline.counts),
        "clock": rfc3339(offline.coordinator.state.clock_ms) if events else None,
        "members": dict(sorted(out.members(offline.members()).items())),
    }


def _replay_log(args: argparse.Namespace, settings: EngineSettings, out: _Output) -> dict[str, Any]:
    replay = LogReplay(settings)
    replay.keep_actions = True
    lines = 0
    with progress_bar() as progress:
        task = progress.add_task("replay log", total=None)
        for partition, batch in log_batches(args.file, replay):
            lines += len(batch)
            out.changes(replay.apply(partition, batch))
            out.actions(replay.actions)
            progress.update(task, completed=lines)
    return {
        "lines": lines,
        **_counts(replay.counts),
        "members": dict(sorted(out.members(replay.members()).items())),
    }


def _counts(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in Counts.__struct_fields__}


def _print(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary, indent=1))
        return
    console = Console(stderr=True)
    table = Table(title="Replay", show_header=False)
    rate = summary["consumed"] / summary["seconds"] if summary["seconds"] else 0
    counted = ("applied", "duplicate", "forwarded", "erased", "dead", "late", "changes", "actions")
    for name in ("lines", *counted):
        table.add_row(name, f"{summary[name]:,}")
    for reason, count in summary.get("rejected", {}).items():
        table.add_row(f"rejected: {reason}", f"{count:,}")
    table.add_row("records/s", f"{rate:,.0f}")
    console.print(table)
    for example in summary.get("rejected_examples", []):
        console.print(f"rejected {example}", highlight=False, markup=False)
    sizes = Table("segment", "members", "entered", "exited")
    kinds = summary["changes_by_segment"]
    names = sorted({kind.rsplit(" ", 1)[0] for kind in kinds})
    for name in names:
        entered, exited = kinds.get(f"{name} entered", 0), kinds.get(f"{name} exited", 0)
        members = summary["members"].get(name, 0)
        sizes.add_row(name, f"{members:,}", f"{entered:,}", f"{exited:,}")
    console.print(sizes)
