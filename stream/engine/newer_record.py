"""A record of a kind that only a newer build knows, told from bytes that are no record.

Who buries it goes on as if it had never been said, an erasure for one, and decides something else
than the build that wrote it. So this build ends, like at a version or a row that it cannot read.
"""

from __future__ import annotations

from typing import Final, get_args

import msgspec

from stream.engine.effects import LogRecord, UnreadableVersionError
from stream.events.records import Record, decode_record

TAG_MAX: Final = 127
"""Of a record's kind, now and later: one byte of MessagePack."""

_KNOWN: Final = frozenset(kind.__struct_config__.tag for kind in get_args(Record))
_decode = msgspec.msgpack.Decoder().decode


def unknown_kind(value: bytes) -> int | None:
    """The tag of a record of no known kind; None for one of a known kind, and for garbage.

    It is whole, an array of a tag and of at least one field.

    >>> unknown_kind(msgspec.msgpack.encode([126, 0])), unknown_kind(b""), unknown_kind(b"{}")
    (126, None, None)
    """
    try:
        found = _decode(value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if not isinstance(found, list) or len(found) < 2:
        return None
    tag = found[0]
    is_kind = type(tag) is int and 0 < tag <= TAG_MAX
    return tag if is_kind and tag not in _KNOWN else None


def refuse_newer(record: LogRecord) -> None:
    """Refuse a record that does not decode where it is a newer build's.

    Raises
    ------
    UnreadableVersionError
        It is.
    """
    tag = unknown_kind(record.value or b"")
    if tag is not None:
        raise UnreadableVersionError(
            f"the record at offset {record.offset} is of kind {tag}, which this build does not "
            "know: a newer build wrote it; nothing is lost, run that build"
        )


def known_record(record: LogRecord) -> Record | None:
    """The record's meaning; None for bytes that are no record, which the engine buries.

    Raises
    ------
    UnreadableVersionError
        It is a newer build's.
    """
    try:
        return decode_record(record.value or b"")
    except msgspec.DecodeError:
        refuse_newer(record)
        return None
