"""The history that backtest, preview and diff look at: their common options, and runs over it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from stream.backtest.stays import SegmentFigures
from stream.cli.event_files import (
    EventFiles,
    given_instant,
    log_batches,
    progress_bar,
    read_reference,
)
from stream.cli.failure import CommandFailedError
from stream.cli.segments_file import check_names
from stream.clock import DAY_MS, day_of, rfc3339
from stream.events.decoded import Decoded
from stream.simulation.relived import Relived, relive_events, sampled
from stream.simulation.relived_log import LogEdit, LogRun


def add_history_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which history, and which part of it."""
    parser.add_argument("file", nargs="+", help="events: JSONL, .gz or - for standard input")
    parser.add_argument(
        "--log",
        action="store_true",
        help="the files are dumps of the customer log (shoal topics dump): the topics' retention",
    )
    parser.add_argument("--reference", metavar="R", help="products and variants, JSONL")
    parser.add_argument(
        "--from",
        dest="since",
        metavar="T",
        help="figures from T on (RFC 3339); what is before only makes the customers' past",
    )
    parser.add_argument("--until", metavar="T", help="up to T; default: the last event")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


class History:
    """What the arguments name; events are read once, and held, however often they are lived."""

    def __init__(self, args: argparse.Namespace, share: float = 1.0, runs: int = 1) -> None:
        self.from_ms = given_instant("--from", args.since)
        self.until_ms = given_instant("--until", args.until)
        if self.from_ms is not None and self.until_ms is not None and self.from_ms > self.until_ms:
            raise CommandFailedError("--from is after --until", "exchange them", 2)
        self.share = share
        self._paths: list[str] = args.file
        self._events: list[Decoded] | None = None
        self.source = EventFiles(read_reference(args.reference))
        if not args.log:
            events = self.source.found(args.file)
            self._events = events if share >= 1 else sampled(events, share)
        elif runs > 1 and "-" in args.file:
            raise CommandFailedError("standard input is read once only", "name a file", 2)

    def relive(
        self,
        definitions: bytes | None,
        title: str,
        explained: frozenset[str] | None = frozenset(),
    ) -> Relived:
        """One run; None stands for the definitions that the log itself announced."""
        if self._events is None:
            return self._relive_log(definitions, title, explained)
        assert definitions is not None
        with progress_bar() as progress:
            task = progress.add_task(title, total=len(self._events))
            lived = relive_events(
                self._events,
                definitions,
                (self.from_ms, self.until_ms),
                explained,
                lambda taken: progress.update(task, completed=taken),
            )
        for error, customer in lived.rejected:
            self.source.reject(error, customer)
        return lived

    def _relive_log(
        self, definitions: bytes | None, title: str, explained: frozenset[str] | None
    ) -> Relived:
        run = LogRun(LogEdit(definitions, self.until_ms, self.share), self.from_ms, explained)
        self.source.lines = 0
        with progress_bar() as progress:
            task = progress.add_task(title, total=None)
            for partition, batch in log_batches(self._paths):
                self.source.lines += len(batch)
                run.take(partition, batch)
                progress.update(task, completed=self.source.lines)
        lived = run.end()
        if lived is None:
            raise CommandFailedError(
                "the log does not say which definitions were in force",
                "name them with --segments",
            )
        return lived

    def described(self, lived: Relived) -> dict[str, Any]:
        """What was looked at, for JSON."""
        return {
            "from": rfc3339(lived.begin_ms),
            "until": rfc3339(lived.end_ms),
            "days": days_of(lived),
            "lines": self.source.lines,
            "rejected": dict(sorted(self.source.rejected.items())),
            "rejected_examples": self.source.examples,
            "customers": len(lived.customers),
            "definitions": lived.pack.name,
            "notes": notes_on(lived),
        }


def days_of(lived: Relived) -> list[str]:
    """The UTC days of the series, as dates."""
    days = range(day_of(lived.begin_ms), day_of(lived.end_ms) + 1)
    return [f"{datetime.fromtimestamp(day * DAY_MS / 1000, UTC):%Y-%m-%d}" for day in days]


def notes_on(lived: Relived) -> list[str]:
    """What the history cannot tell."""
    notes = [
        f"percentile {name} is in no version of the log: conditions on it stay unknown"
        for name in lived.unknown
    ]
    notes += [
        f"{name} was in shadow: to see what it would tell, name the definitions with --segments"
        for name in lived.hidden
    ]
    first, last = rfc3339(lived.begin_ms), rfc3339(lived.end_ms)
    for name, definition in lived.pack.definitions.items():
        begins, ends = definition.valid_from, definition.valid_until
        # Dates and instants alike begin with the day.
        if begins is not None and begins[:10] > last[:10]:
            notes.append(f"{name} is valid from {begins}, after this history: nobody can be in it")
        if ends is not None and ends[:10] < first[:10]:
            notes.append(f"{name} was valid until {ends}, before this history")
    return notes


def figures_of(lived: Relived, names: list[str]) -> list[SegmentFigures]:
    """Figures of these segments in the run's period."""
    return lived.observer.figures(names, lived.begin_ms, lived.end_ms)


def chosen_segments(lived: Relived, asked: list[str] | None) -> list[str]:
    """The segments asked for, else all: as defined, then the learned ones."""
    defined = [name for name in lived.pack.definitions if name not in lived.hidden]
    known = list(dict.fromkeys((*defined, *sorted(lived.observer.stays))))
    if not asked:
        return known
    check_names(asked, known)
    return [name for name in known if name in asked]
