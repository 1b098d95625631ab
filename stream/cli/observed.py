"""A replay that observers look at: what the commands on outcomes share."""

from __future__ import annotations

import argparse
from typing import Any

from stream.cli.event_files import (
    EventFiles,
    given_instant,
    read_reference,
)
from stream.clock import rfc3339
from stream.engine.settings import EngineSettings
from stream.events.changes import SegmentChanged
from stream.events.decoded import Decoded
from stream.outcomes.feed import Feed, Observer
from stream.segments.rules import CUSTOMER
from stream.shell.collector import calm_collector
from stream.simulation.offline import Offline


def add_input(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say what is replayed."""
    parser.add_argument("file", nargs="+", help="events, JSONL, .gz or - for standard input")
    parser.add_argument("--segments", metavar="F", help="definitions (default: the built-in pack)")
    parser.add_argument("--reference", metavar="F", help="products and variants, JSONL")
    parser.add_argument(
        "--until", metavar="T", help="advance every customer's time to T (RFC 3339)"
    )


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
    events = source.found(args.file)
    run = _Run(Offline(EngineSettings(), definitions), Feed(observer))
    source.live(events, run.take)
    end_ms = max(until_ms, events[-1].time_ms)
    run.end(end_ms, until_ms)
    source.tell_rejected()
    return {
        "lines": source.lines,
        "rejected": dict(sorted(source.rejected.items())),
        "from": rfc3339(events[0].time_ms),
        "until": rfc3339(end_ms),
    }


class _Run:
    """The core over events, and the feed of the observer."""

    def __init__(self, offline: Offline, feed: Feed) -> None:
        offline.keep_shadow_changes = True
        self._offline = offline
        self._feed = feed
        self._clock_ms = -1

    def take(self, decoded: Decoded) -> None:
        """One event: first as the engine takes it, then to the feed, by the id it counts for."""
        offline, feed = self._offline, self._feed
        own = [lesser for lesser, _ in decoded.links if offline.customer_of(lesser) == lesser]
        changes = offline.apply(decoded)
        for lesser in own:
            target = offline.customer_of(lesser)
            if target != lesser:
                feed.merged(lesser, target, decoded.time_ms)
        if decoded.record is not None:
            feed.event(offline.customer_of(decoded.key), decoded.record)
        self._tell(changes)
        now_ms = offline.clock_ms
        if now_ms != self._clock_ms:
            # Timers of a wave may lag behind the tick that they are due at, not behind the next.
            feed.release(self._clock_ms)
            self._clock_ms = now_ms

    def end(self, end_ms: int, until_ms: int) -> None:
        """Let the rest happen, and time pass to the end."""
        self._tell(self._offline.finish(until_ms))
        self._feed.finish(end_ms)

    def _tell(self, changes: list[SegmentChanged]) -> None:
        """Pass on what changed, and of what nobody is told, who counts as a customer."""
        for change in changes:
            self._feed.change(change)
        for change in self._offline.shadow_changes:
            if change.segment == CUSTOMER:
                self._feed.change(change)
        self._offline.shadow_changes.clear()
