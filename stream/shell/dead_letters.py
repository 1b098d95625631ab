"""Records that could not be applied, on their way to where someone looks at them, and back.

Key, value and headers are the original ones; all about them is in further headers, whose suffixes
are those of Kafka Connect and Kafka Streams. The message says what is wrong, never what the
payload was.
"""

from __future__ import annotations

import time
from hashlib import blake2b

import msgspec

from stream import __version__
from stream.clock import rfc3339
from stream.engine.effects import DeadRecord
from stream.events.topics import RECORD_BYTES_MAX
from stream.shell.outbox import Headers

PREFIX = "__shoal.errors."
RETRIES = "__shoal.retries"
"""How often a record was sent again; it stays on it when it dies once more."""

RETRIED = "__shoal.retried"
"""On a record that is no letter: its value names letters of its partition that were sent again."""

MESSAGE_CHARACTERS_MAX = 500
ORIGINAL_HEADERS_BYTES_MAX = 16 << 10
"""Of a sender's own headers; with more, none is kept. A topic takes 64 KiB beside a value."""


class Letter(msgspec.Struct, frozen=True):
    """A dead letter, as its headers say it; `place` and `offset` are its own.

    retries  how often it had been sent again before it died this time
    is_whole  its bytes are here; else they were too large, and are where it came from
    run  the incarnation that wrote it; nothing where an older build did
    """

    place: int
    offset: int
    time_ms: int
    topic: str
    partition: int
    source_offset: int
    stage: str
    reason: str
    field: str
    message: str
    retries: int
    is_whole: bool
    run: str = ""


class Retried(msgspec.Struct, frozen=True):
    """Offsets of letters, in the partition of this record, that were sent again.

    `sources` are what they were letters of, see `source_of`: a run that catches up later writes a
    letter of the same record, perhaps when the first one is gone. Older notes have none.
    """

    offsets: list[int]
    sources: list[str] = []


pack_retried = msgspec.json.Encoder().encode
unpack_retried = msgspec.json.Decoder(Retried).decode


def dead_letter_headers(
    dead: DeadRecord, topic: str, partition: int, stage: str, run: str
) -> Headers:
    """Headers of a dead letter, after the record's own; `stage` is decode or fold."""
    values = {
        "topic": topic,
        "partition": str(partition),
        "offset": str(dead.record.offset),
        "reason": dead.reason,
        "field": dead.field,
        "stage": stage,
        "message": dead.message[:MESSAGE_CHARACTERS_MAX],
        "run": run,
        "version": __version__,
        "failed-at": rfc3339(int(time.time() * 1000)),
    }
    own = [(PREFIX + name, value.encode()) for name, value in values.items()]
    return [*_original_headers(dead.record), *own]


def dead_letter_content(dead: DeadRecord) -> tuple[bytes | None, bytes | None, Headers]:
    """Key and value of a dead letter, and what there is to say of those.

    A shop's own topic may take larger records than Shoal's do. Of such a one the letter has the
    size and a hash: it must not stop the worker.
    """
    key, value = dead.record.key, dead.record.value
    size = len(key or b"") + len(value or b"")
    if size <= RECORD_BYTES_MAX:
        return key, value, []
    digest = blake2b(value or b"", digest_size=16).hexdigest()
    return None, None, [(f"{PREFIX}left-out", f"{size} bytes, blake2b {digest}".encode())]


def _original_headers(record: object) -> Headers:
    found = [(name, value or b"") for name, value in getattr(record, "headers", ())]
    kept = [(name, value) for name, value in found if not name.startswith(PREFIX)]
    size = sum(len(name) + len(value) for name, value in kept)
    return kept if size <= ORIGINAL_HEADERS_BYTES_MAX else []


def read_letter(place: int, record: object) -> Letter | None:
    """The letter of a record of the topic; None where it is none."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}  # type: ignore[attr-defined]
    told = {n.removeprefix(PREFIX): v for n, v in headers.items() if n.startswith(PREFIX)}
    numbers = (told.get("partition", ""), told.get("offset", ""), headers.get(RETRIES, "0"))
    if "topic" not in told or not all(n.isascii() and n.isdigit() for n in numbers):
        return None
    partition, source_offset, retries = map(int, numbers)
    return Letter(
        place=place,
        offset=record.offset,  # type: ignore[attr-defined]
        time_ms=record.timestamp,  # type: ignore[attr-defined]
        topic=told["topic"],
        partition=partition,
        source_offset=source_offset,
        stage=told.get("stage", ""),
        reason=told.get("reason", ""),
        field=told.get("field", ""),
        message=told.get("message", ""),
        retries=retries,
        is_whole="left-out" not in told,
        run=told.get("run", ""),
    )


def source_of(letter: Letter, record: object) -> str:
    """What a letter is of, the same for the letters that several runs write of one record.

    Where it came from, and its bytes: a topic that is deleted and made anew has other records at
    the same places.
    """
    key, value = record.key or b"", record.value or b""  # type: ignore[attr-defined]
    place = f"{letter.topic}\0{letter.partition}\0{letter.source_offset}\0{len(key)}\0".encode()
    return blake2b(b"".join((place, key, value)), digest_size=16).hexdigest()


def read_retried(record: object) -> Retried | None:
    """What a record says was sent again; None where it is a letter."""
    if all(name != RETRIED for name, _ in record.headers):  # type: ignore[attr-defined]
        return None
    try:
        return unpack_retried(record.value or b"")  # type: ignore[attr-defined]
    except msgspec.DecodeError:
        return Retried([])


def headers_again(record: object, retries: int) -> Headers:
    """A record's own headers as it is sent again, for the `retries`-th time."""
    own = [(n, v) for n, v in _original_headers(record) if n != RETRIES]
    return [*own, (RETRIES, str(retries).encode())]
