"""A replay that observers look at: what the commands on outcomes share."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from stream.cli.event_files import (
    EventFiles,
    fail_if_all_were_rejected,
    given_instant,
    progress_bar,
    read_reference,
)
from stream.cli.failure import CommandFailedError
from stream.clock import rfc3339
from stream.engine.settings import EngineSettings
from stream.events.changes import SegmentChanged
from stream.events.decoded import Decoded
from stream.events.envelope import RejectedEventError
from stream.outcomes.feed import Feed, Observer
from stream.segments.rules import CUSTOMER
from stream.shell.collector import calm_collector
from stream.simulation.offline import Offline

PROGRESS_EVERY = 4_096
TABLE_WIDTH = 200


def add_input(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say what is replayed."""
    parser.add_argument("file", nargs="+", help="events, JSONL, .gz or - for standard input")
    parser.add_argument("--segments", metavar="F", help="definitions (default: the built-in pack)")
    parser.add_argument("--reference", metavar="F", help="products and variants, JSONL")
    parser.add_argument(
        "--until", metavar="T", help="advance every customer's time to T (RFC 3339)"
    )


def wide_console() -> Console:
    """A console for tables; what is not a terminal has room for all columns."""
    console = Console()
    return console if console.is_terminal else Console(width=TABLE_WIDTH)


def observe(args: argparse.Namespace, definitions: bytes, observer: Observer) -> dict[str, Any]:
    """Replay the files and tell the observer everything in order; what was read, in numbers.

    Raises
    ------
    CommandFailedError
        For a file that cannot be read, or where there is no event in it.
    """
    calm_collector()
    until_ms = given_instant("--until", args.until) or 0
    source = EventFiles(read_reference(args.reference))
    events = source.ordered(args.file)
    fail_if_all_were_rejected(sum(source.rejected.values()), source.lines)
    if not events:
        raise CommandFailedError("there is no event in it", "name a history", 2)
    offline = Offline(EngineSettings(), definitions)
    offline.keep_shadow_changes = True
    feed = Feed(observer)
    clock_ms = -1
    with progress_bar() as progress:
        task = progress.add_task("replay", total=len(events))
        for number, decoded in enumerate(events):
            try:
                _apply(offline, decoded, feed)
            except RejectedEventError as error:
                source.reject(error, decoded.key)
            now_ms = offline.coordinator.state.clock_ms
            if now_ms != clock_ms:
                # Timers of a wave may lag behind the tick that they are due at, not behind the
                # next one.
                feed.release(clock_ms)
                clock_ms = now_ms
            if not number % PROGRESS_EVERY:
                progress.update(task, completed=number)
        _tell(offline, offline.finish(until_ms), feed)
        end_ms = max(until_ms, events[-1].time_ms)
        feed.finish(end_ms)
    return {
        "lines": source.lines,
        "rejected": dict(sorted(source.rejected.items())),
        "from": rfc3339(events[0].time_ms),
        "until": rfc3339(end_ms),
    }


def _apply(offline: Offline, decoded: Decoded, feed: Feed) -> None:
    """One event: first as the engine takes it, then to the feed under the id that it counts for."""
    own = [lesser for lesser, _ in decoded.links if offline.customer_of(lesser) == lesser]
    changes = offline.apply(decoded)
    for source, target in _joined(offline, own):
        feed.merged(source, target, decoded.time_ms)
    if decoded.record is not None:
        feed.event(offline.customer_of(decoded.key), decoded.record)
    _tell(offline, changes, feed)


def _tell(offline: Offline, changes: list[SegmentChanged], feed: Feed) -> None:
    """Pass on what changed, and of what nobody is told, who counts as a customer."""
    for change in changes:
        feed.change(change)
    for change in offline.shadow_changes:
        if change.segment == CUSTOMER:
            feed.change(change)
    offline.shadow_changes.clear()


def _joined(offline: Offline, own: list[str]) -> Iterator[tuple[str, str]]:
    for lesser in own:
        target = offline.customer_of(lesser)
        if target != lesser:
            yield lesser, target
