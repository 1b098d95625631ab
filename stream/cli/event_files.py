"""What offline commands read: event files, dumps of the log, reference data, definitions."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

import msgspec
from rich.console import Console
from rich.progress import Progress

from stream.cli.failure import CommandFailedError
from stream.clock import InvalidTimeError, instant_ms
from stream.engine.effects import StoredRecord
from stream.events.decoded import Decoded
from stream.events.envelope import RejectedEventError, decode
from stream.events.erasures import ErasureAskedError
from stream.events.reference import InvalidReferenceError, ReferenceBook
from stream.segments.source import DefinitionError
from stream.shell.definition_file import read_definitions
from stream.simulation.dumped import DumpedRecord
from stream.simulation.offline import LogReplay, ReplayError

REJECTED_SHOWN_MAX = 5
LOG_BATCH_MAX = 2_000
PROGRESS_EVERY = 4_096


def numbered_lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that hold something, of a file, a .gz, or - for standard input."""
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


def read_reference(path: str | None) -> ReferenceBook | None:
    """The products and variants of a file of JSON lines; none without a file."""
    if path is None:
        return None
    book = ReferenceBook()
    for number, line in numbered_lines(path):
        try:
            book.update(line)
        except InvalidReferenceError as error:
            raise CommandFailedError(f"{path}:{number}: {error}", "mend the record", 2) from None
    return book


def checked_definitions(path: str | None) -> bytes:
    """The checked text of a definitions file; the built-in pack where none is named."""
    try:
        return read_definitions(None if path is None else Path(path))
    except OSError as error:
        raise CommandFailedError(
            f"cannot read {path}: {error.strerror}", "name a file", 2
        ) from None
    except DefinitionError as error:
        raise CommandFailedError(str(error), "then run it again", 2) from None


class EventFiles:
    """Events of files, decoded; what was rejected is counted by reason.

    lines     that were read and hold something
    rejected  reason -> how many
    examples  the first few, with file and line
    erasures  what asks to erase somebody, where it is to be carried out; else it is rejected too
    """

    def __init__(self, reference: ReferenceBook | None, *, takes_erasures: bool = False) -> None:
        self.reference = reference
        self._takes_erasures = takes_erasures
        self.erasures: list[ErasureAskedError] = []
        self.lines = 0
        self.rejected: Counter[str] = Counter()
        self.examples: list[str] = []

    def read(self, path: str) -> Iterator[Decoded]:
        """The events of one file, in its order."""
        for number, line in numbered_lines(path):
            decoded = self.take(line, 0, f"{path}:{number}")
            if decoded is not None:
                yield decoded

    def take(self, line: bytes | None, broker_ms: int, where: str) -> Decoded | None:
        """One event; None where it is none, which is counted. `broker_ms` is 0 without a broker."""
        self.lines += 1
        try:
            decoded = decode(line, broker_ms, self.reference)
        except RejectedEventError as error:
            if self._takes_erasures and isinstance(error, ErasureAskedError):
                self.erasures.append(error)
            else:
                self.reject(error, where)
            return None
        return None if decoded.history_ends else decoded

    def reject(self, error: RejectedEventError, where: str) -> None:
        """Count an event that cannot be applied."""
        self.rejected[error.reason] += 1
        if len(self.examples) < REJECTED_SHOWN_MAX:
            self.examples.append(f"{where}: {error}")

    def ordered(self, paths: Iterable[str]) -> list[Decoded]:
        """The events of all files by time, then file, then line."""
        events = [decoded for path in paths for decoded in self.read(path)]
        events.sort(key=lambda decoded: decoded.time_ms)
        return events

    def found(self, paths: Iterable[str]) -> list[Decoded]:
        """As `ordered`, where there is something.

        Raises
        ------
        CommandFailedError
            Exit code 2: there is no event in these files.
        """
        events = self.ordered(paths)
        fail_if_all_were_rejected(self.rejected.total(), self.lines)
        if not events:
            raise CommandFailedError("there is no event in it", "name a history", 2)
        return events

    def live(
        self,
        events: Sequence[Decoded],
        take: Callable[[Decoded], None],
        until_ms: int | None = None,
        erase: Callable[[ErasureAskedError], None] | None = None,
    ) -> None:
        """Give one event after the other to a run over them, up to an instant, with a bar.

        `erase` is given the erasures in their places.

        What the run takes for no event of a customer is counted as rejected.
        """
        asked = sorted(self.erasures, key=lambda one: one.time_ms, reverse=True)
        with progress_bar() as progress:
            task = progress.add_task("replay", total=len(events))
            for number, decoded in enumerate(events):
                if until_ms is not None and decoded.time_ms > until_ms:
                    break
                while erase is not None and asked and asked[-1].time_ms < decoded.time_ms:
                    erase(asked.pop())
                try:
                    take(decoded)
                except RejectedEventError as error:
                    self.reject(error, decoded.key)
                if not number % PROGRESS_EVERY:
                    progress.update(task, completed=number)
        while erase is not None and asked and (until_ms is None or asked[-1].time_ms <= until_ms):
            erase(asked.pop())

    def tell_rejected(self) -> None:
        """Say on standard error what was left out, with the first few."""
        console = Console(stderr=True, highlight=False)
        for reason, count in sorted(self.rejected.items()):
            console.print(f"rejected: {reason}: {count:,} lines", markup=False)
        for line in self.examples:
            console.print(f"note: {line}", markup=False, soft_wrap=True)


def fail_if_all_were_rejected(rejected: int, lines: int) -> None:
    """Fail with code 2 where lines were read and none of them is an event."""
    if rejected and rejected == lines:
        then = "for an order history there is shoal import"
        raise CommandFailedError("no line could be read as an event", then, 2)


def log_batches(
    paths: Iterable[str], replay: LogReplay | None = None
) -> Iterator[tuple[int, list[StoredRecord]]]:
    """Records of dumps of the customer log in log order, as (partition, batch).

    Batches of a partition follow each other in the order of its offsets. A snapshot in a dump goes
    to `replay`; who has none looks at what happened, of which a snapshot says nothing.
    """
    batches: dict[int, list[StoredRecord]] = {}
    for path in paths:
        for number, line in numbered_lines(path):
            try:
                found = msgspec.json.decode(line, type=DumpedRecord)
            except msgspec.DecodeError as error:
                raise CommandFailedError(
                    f"{path}:{number}: {error}", "dump the log with shoal topics dump", 2
                ) from None
            if found.state:
                if found.partition in batches:
                    yield found.partition, batches.pop(found.partition)
                _take_state(replay, found, f"{path}:{number}")
                continue
            batch = batches.setdefault(found.partition, [])
            batch.append(StoredRecord(found.offset, found.timestamp, found.key, found.value))
            if len(batch) >= LOG_BATCH_MAX:
                yield found.partition, batches.pop(found.partition)
    for partition in sorted(batches):
        yield partition, batches[partition]


def _take_state(replay: LogReplay | None, found: DumpedRecord, place: str) -> None:
    if replay is None and found.key is None:
        return
    if replay is None:
        raise CommandFailedError(
            f"{place}: the dump begins with a snapshot, and what was before it is gone",
            "give it to shoal replay --log, which goes on from one",
            2,
        )
    try:
        if found.key is None:
            replay.begins(found.partition, found.offset)
        else:
            replay.restore(found.partition, found.key, found.value)
    except ReplayError as error:
        raise CommandFailedError(f"{place}: {error}", "see shoal topics dump --help", 2) from None


def given_instant(option: str, text: str | None) -> int | None:
    """The instant that an option names, in milliseconds; None where it is not given."""
    try:
        return None if text is None else instant_ms(text)
    except InvalidTimeError as error:
        raise CommandFailedError(
            f"{option}: {error}", "write one like 2026-11-21T10:15:00Z", 2
        ) from None


def progress_bar() -> Progress:
    """On stderr, where that is a terminal."""
    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal, transient=True)
