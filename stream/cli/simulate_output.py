"""Simulated traffic into files, and what is said about it in the end."""

from __future__ import annotations

import gzip
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

import orjson
from rich.console import Console
from rich.table import Table

from stream.cli.failure import CommandFailedError
from stream.clock import rfc3339
from stream.simulation.catalogue import Catalogue
from stream.simulation.traffic import SimulatedEvent, TrafficConfig, truths

Chunks = AsyncIterator[list[SimulatedEvent]]


async def write_file(chunks: Chunks, out: str | None) -> None:
    """Write the values as lines; `out` None or - is the standard output, .gz is compressed.

    Raises
    ------
    CommandFailedError
        The file cannot be written.
    """
    with ExitStack() as stack:
        sink = _open(stack, out)
        async for chunk in chunks:
            sink.write(b"".join(event.value + b"\n" for event in chunk))
            if out is None:
                sink.flush()


def _open(stack: ExitStack, out: str | None) -> IO[bytes]:
    if out is None or out == "-":
        return sys.stdout.buffer
    path = Path(out)
    try:
        file = stack.enter_context(path.open("wb"))
    except OSError as error:
        raise _cannot_write(path, error) from None
    if path.suffix != ".gz":
        return file
    # No name and no time in the header: the same traffic gives the same bytes.
    packed = gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=3, mtime=0)
    return cast("IO[bytes]", stack.enter_context(packed))


def write_truth(config: TrafficConfig, path: Path) -> None:
    """One line a customer."""
    _write_lines(truths(config), path)


def write_reference(config: TrafficConfig, path: Path) -> None:
    """One line a record of the topic `reference`."""
    catalogue = Catalogue(config.seed, config.start_ms, config.end_ms)
    _write_lines(catalogue.reference(), path)


def _write_lines(records: Iterable[dict[str, Any]], path: Path) -> None:
    try:
        with path.open("wb") as file:
            for record in records:
                file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path: Path, error: OSError) -> CommandFailedError:
    return CommandFailedError(f"cannot write {path}: {error.strerror}", "name another file", 2)


class Tally:
    """Counts what goes by."""

    def __init__(self, config: TrafficConfig) -> None:
        self.config = config
        self.kinds: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.bytes_count = 0
        self._customers: set[int] = set()
        self._from_ms = config.start_ms
        self._started_s = time.monotonic()

    def received(self, events: Iterator[SimulatedEvent], from_ms: int) -> Iterator[SimulatedEvent]:
        """The events received from an instant on, which the summary then begins with."""
        self._from_ms = from_ms
        return (event for event in events if event.received_ms >= from_ms)

    async def counted(self, chunks: Chunks) -> Chunks:
        """The same, counted once they are where they go: what a signal ended before is not."""
        async for chunk in chunks:
            yield chunk
            for event in chunk:
                self._count(event)

    def _count(self, event: SimulatedEvent) -> None:
        self.bytes_count += len(event.value)
        self._customers.add(event.customer)
        if event.fault is None or event.fault == "late":
            self.kinds[event.kind] += 1
        if event.fault is not None:
            self.faults[event.fault] += 1

    @property
    def event_count(self) -> int:
        """How many have passed, duplicates and malformed ones among them."""
        extra = sum(n for fault, n in self.faults.items() if fault != "late")
        return self.kinds.total() + extra

    def summary(self) -> dict[str, Any]:
        """Counts, times and rates; `kinds` leave out duplicates and malformed events."""
        seconds = max(time.monotonic() - self._started_s, 1e-9)
        events = self.event_count
        return {
            "events": events,
            "customers": len(self._customers),
            "of_customers": self.config.customers,
            "seed": self.config.seed,
            "from": rfc3339(self._from_ms),
            "until": rfc3339(self.config.end_ms),
            "bytes_mean": round(self.bytes_count / max(events, 1)),
            "seconds": round(seconds, 3),
            "events_per_second": round(events / seconds),
            "kinds": dict(self.kinds.most_common()),
            "faults": dict(sorted(self.faults.items())),
        }

    def show(self, console: Console) -> None:
        """The summary for people."""
        summary = self.summary()
        table = Table("event", "count", "share", title="Simulated traffic")
        for kind, count in summary["kinds"].items():
            table.add_row(kind, f"{count:,}", f"{count / max(summary['events'], 1):.2%}")
        for fault, count in summary["faults"].items():
            table.add_row(f"({fault})", f"{count:,}", f"{count / max(summary['events'], 1):.2%}")
        console.print(table)
        console.print(
            f"{summary['events']:,} events of {summary['customers']:,} customers, "
            f"{summary['bytes_mean']:,} bytes on average; {summary['from']} to "
            f"{summary['until']}; {summary['events_per_second']:,} events/s",
            highlight=False,
        )
