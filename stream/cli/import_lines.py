"""An imported history as a file of JSON lines."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from stream.cli.failure import CommandFailedError
from stream.events.history_events import HistoryEvent


def write_lines(events: Iterable[HistoryEvent], target: str) -> int:
    """Write the events as JSON lines; a file appears when it is complete, or not at all."""
    count = 0
    with _lines_out(target) as out:
        for event in events:
            out.write(event.value + b"\n")
            count += 1
    return count


@contextmanager
def _lines_out(target: str) -> Iterator[IO[bytes]]:
    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    special = path.exists() and not path.is_file()  # a pipe or device is written, never replaced
    part = path if special else path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield file
        if not special:
            part.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise CommandFailedError(f"{target}: {reason}", "nothing was imported", 2) from None
    finally:
        if not special:
            part.unlink(missing_ok=True)
