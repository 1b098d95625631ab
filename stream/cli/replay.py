"""Offline run over event files: the changes and final members that a live run would give."""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stream.cli.failure import CommandFailedError
from stream.clock import InvalidTimeError, instant_ms, rfc3339
from stream.engine.effects import Counts, StoredRecord
from stream.engine.settings import EngineSettings
from stream.events.changes import Membership, SegmentChanged
from stream.events.cloudevent import encode_change, encode_membership
from stream.events.decoded import Decoded
from stream.events.envelope import RejectedEventError, decode
from stream.events.reference import InvalidReferenceError, ReferenceBook
from stream.segments.source import DefinitionError
from stream.shell.collector import calm_collector
from stream.shell.definition_file import read_definitions
from stream.simulation.dumped import DumpedRecord
from stream.simulation.offline import LogReplay, Offline

REJECTED_SHOWN_MAX = 5
LOG_BATCH_MAX = 2_000


def add_parser(subparsers: Any) -> None:
    """Declare `shoal replay`."""
    parser = subparsers.add_parser(
        "replay",
        help=__doc__,
        description="Replays events in the order of their time, then file, then line, through the "
        "same core as the live worker. With --log it replays a dump of the customer log in log "
        "order instead (shoal topics dump), which is the exact oracle of a live run.",
        epilog="example: shoal replay events.jsonl.gz --changes changes.jsonl --members m.jsonl",
    )
    parser.add_argument("file", nargs="+", help="JSONL, .gz or - for standard input")
    parser.add_argument("--segments", metavar="F", help="definitions (default: the built-in pack)")
    parser.add_argument("--reference", metavar="F", help="products and variants, JSONL")
    parser.add_argument(
        "--until", metavar="T", help="advance every customer's time to T (RFC 3339)"
    )
    parser.add_argument("--changes", metavar="OUT", help="write the changes, one CloudEvent a line")
    parser.add_argument("--members", metavar="OUT", help="write the final members, JSONL")
    parser.add_argument(
        "--log", action="store_true", help="the files are dumps of the customer log"
    )
    parser.add_argument("--shop", default="shop", help="the shop's name in the changes")
    parser.add_argument("--incarnation", default="1", help="as the worker's SHOAL_INCARNATION")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """0 when every line was applied or is accounted for; 1 when none could be read."""
    began = time.monotonic()
    calm_collector()
    settings = EngineSettings(shop=args.shop, incarnation=args.incarnation)
    with ExitStack() as stack:
        out = _Output(stack, args.changes, args.members, args.shop)
        summary = _replay_log(args, settings, out) if args.log else _replay(args, settings, out)
    summary["seconds"] = round(time.monotonic() - began, 3)
    summary["changes"] = sum(out.kinds.values())
    summary["changes_by_segment"] = dict(sorted(out.kinds.items()))
    _print(summary, args.json)
    rejected = sum(summary.get("rejected", {}).values())
    if rejected and rejected == summary["lines"]:
        raise CommandFailedError(
            "no line could be read as an event", "for an order history there is shoal import"
        )
    return 0


class _Output:
    """The two files that a run writes, and what it counts of them."""

    def __init__(
        self, stack: ExitStack, changes: str | None, members: str | None, shop: str
    ) -> None:
        self._turns: Counter[tuple[str, bool]] = Counter()
        self.shop = shop
        self._changes = _open_out(stack, changes)
        self._members = _open_out(stack, members)

    @property
    def kinds(self) -> dict[str, int]:
        """Changes by segment and direction, such as "loyal entered"."""
        turns = self._turns.items()
        return {f"{name} {'entered' if into else 'exited'}": n for (name, into), n in turns}

    def change(self, change: SegmentChanged) -> None:
        self._turns[change.segment, change.entered] += 1
        if self._changes is not None:
            self._changes.write(encode_change(change, self.shop) + b"\n")

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


def _definitions(path: str | None) -> bytes:
    try:
        return read_definitions(None if path is None else Path(path))
    except OSError as error:
        raise CommandFailedError(
            f"cannot read {path}: {error.strerror}", "name a file", 2
        ) from None
    except DefinitionError as error:
        raise CommandFailedError(str(error), "mend the definition and run again", 2) from None


def _until_ms(text: str | None) -> int | None:
    try:
        return None if text is None else instant_ms(text)
    except InvalidTimeError as error:
        raise CommandFailedError(
            f"--until: {error}", "write one like 2026-11-21T10:15:00Z", 2
        ) from None


def _lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that hold something."""
    try:
        with ExitStack() as stack:
            source: IO[bytes]
            if path == "-":
                source = sys.stdin.buffer
            elif path.endswith(".gz"):
                source = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(path, "rb")))
            else:
                source = stack.enter_context(Path(path).open("rb"))
            for number, line in enumerate(source, 1):
                content = line.rstrip(b"\r\n")
                if content and not content.isspace():
                    yield number, content
    except (OSError, EOFError, zlib.error) as error:
        raise CommandFailedError(f"cannot read {path}: {error}", "check the file", 2) from None


def _reference(path: str | None) -> ReferenceBook | None:
    if path is None:
        return None
    book = ReferenceBook()
    for number, line in _lines(path):
        try:
            book.update(line)
        except InvalidReferenceError as error:
            raise CommandFailedError(f"{path}:{number}: {error}", "mend the record", 2) from None
    return book


class _Input:
    """Events of all files, decoded; what was rejected is counted by reason."""

    def __init__(self, reference: ReferenceBook | None) -> None:
        self.reference = reference
        self.lines = 0
        self.rejected: Counter[str] = Counter()
        self.examples: list[str] = []

    def read(self, path: str) -> Iterator[Decoded]:
        for number, line in _lines(path):
            self.lines += 1
            try:
                decoded = decode(line, 0, self.reference)
            except RejectedEventError as error:
                self.reject(error, f"{path}:{number}")
                continue
            if not decoded.history_ends:
                yield decoded

    def reject(self, error: RejectedEventError, where: str) -> None:
        """Count an event that cannot be applied."""
        self.rejected[error.reason] += 1
        if len(self.examples) < REJECTED_SHOWN_MAX:
            self.examples.append(f"{where}: {error}")


def _replay(args: argparse.Namespace, settings: EngineSettings, out: _Output) -> dict[str, Any]:
    offline = Offline(settings, _definitions(args.segments))
    until_ms = _until_ms(args.until)
    source = _Input(_reference(args.reference))
    events = [decoded for path in args.file for decoded in source.read(path)]
    events.sort(key=lambda decoded: decoded.time_ms)
    with _progress() as progress:
        task = progress.add_task("replay", total=len(events))
        for number, decoded in enumerate(events):
            try:
                for change in offline.apply(decoded):
                    out.change(change)
            except RejectedEventError as error:
                source.reject(error, decoded.key)
            if not number & 0xFFF:
                progress.update(task, completed=number)
        for change in offline.finish(until_ms):
            out.change(change)
        progress.update(task, completed=len(events))
    return {
        "lines": source.lines,
        "rejected": dict(sorted(source.rejected.items())),
        "rejected_examples": source.examples,
        **_counts(offline.counts),
        "clock": rfc3339(offline.coordinator.state.clock_ms) if events else None,
        "members": dict(sorted(out.members(offline.members()).items())),
    }


def _replay_log(args: argparse.Namespace, settings: EngineSettings, out: _Output) -> dict[str, Any]:
    replay = LogReplay(settings)
    batches: dict[int, list[StoredRecord]] = {}
    lines = 0
    with _progress() as progress:
        task = progress.add_task("replay log", total=None)
        for path in args.file:
            for number, line in _lines(path):
                lines += 1
                try:
                    found = msgspec.json.decode(line, type=DumpedRecord)
                except msgspec.DecodeError as error:
                    raise CommandFailedError(
                        f"{path}:{number}: {error}", "dump the log with shoal topics dump", 2
                    ) from None
                batch = batches.setdefault(found.partition, [])
                batch.append(StoredRecord(found.offset, found.timestamp, found.key, found.value))
                if len(batch) >= LOG_BATCH_MAX:
                    _fold(replay, found.partition, batch, out)
                    progress.update(task, completed=lines)
        for partition in sorted(batches):
            _fold(replay, partition, batches[partition], out)
    return {
        "lines": lines,
        **_counts(replay.counts),
        "members": dict(sorted(out.members(replay.members()).items())),
    }


def _fold(replay: LogReplay, partition: int, batch: list[StoredRecord], out: _Output) -> None:
    for change in replay.apply(partition, batch):
        out.change(change)
    batch.clear()


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal, transient=True)


def _counts(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in Counts.__struct_fields__}


def _print(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary, indent=1))
        return
    console = Console(stderr=True)
    table = Table(title="Replay", show_header=False)
    rate = summary["consumed"] / summary["seconds"] if summary["seconds"] else 0
    for name in ("lines", "applied", "duplicate", "forwarded", "dead", "late", "changes"):
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
