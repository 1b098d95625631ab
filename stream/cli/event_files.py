"""Files that a command reads: events line by line, reference data, definitions."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from stream.cli.failure import CommandFailedError
from stream.events.decoded import Decoded
from stream.events.envelope import RejectedEventError, decode
from stream.events.reference import InvalidReferenceError, ReferenceBook
from stream.segments.source import DefinitionError
from stream.shell.definition_file import read_definitions

REJECTED_SHOWN_MAX = 5


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


def reference_book(path: str | None) -> ReferenceBook | None:
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


def definitions_text(path: str | None) -> bytes:
    """The checked text of a definitions file; the built-in pack where none is named."""
    try:
        return read_definitions(None if path is None else Path(path))
    except OSError as error:
        raise CommandFailedError(
            f"cannot read {path}: {error.strerror}", "name a file", 2
        ) from None
    except DefinitionError as error:
        raise CommandFailedError(str(error), "mend the definition and run again", 2) from None


class EventFiles:
    """Events of files, decoded; what was rejected is counted by reason.

    lines     that were read and hold something
    rejected  reason -> how many
    examples  the first few, with file and line
    """

    def __init__(self, reference: ReferenceBook | None) -> None:
        self.reference = reference
        self.lines = 0
        self.rejected: Counter[str] = Counter()
        self.examples: list[str] = []

    def read(self, path: str) -> Iterator[Decoded]:
        """The events of one file, in its order."""
        for number, line in numbered_lines(path):
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

    def expect_some(self) -> None:
        """Fail where lines were read and none of them is an event."""
        if self.lines and sum(self.rejected.values()) == self.lines:
            raise CommandFailedError(
                "no line could be read as an event", "for an order history there is shoal import"
            )
