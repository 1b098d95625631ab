"""The row's bytes: a MessagePack array that begins with its format.

What restores read of every row comes next: when it wants to be woken, and its memberships. Fields
are only appended, each with a default, so a row of an older build of the same format reads as it
is. A change of meaning takes a new format and a reader for the old one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stream.state.dedupe import MessageIds, new_ids
from stream.state.row import ROW_FORMAT, Head, Row

FORMAT_1 = b"\x01"
"""The first byte of a row of format 1: that byte, and then an array without a format."""

_FIELDS_1 = (
    *("first_ms", "last_ms", "time_ms", "timer_ms", "sequence", "activation", "bits", "segments"),
    *("cluster", "buckets", "events", "ids", "older_ids", "ids_since_ms", "sessions", "cart"),
    *("checkout", "browse", "orders", "messages", "traits", "channels", "forward_to", "shared"),
    *("targets", "aliases", "traits_ms", "learned_ms", "changed_ms"),
)


class RowFormatError(ValueError):
    """The bytes are no row that this build can read."""


class NewerRowError(RowFormatError):
    """The row is whole, and was written by a newer build: that one can read it."""


def _ids_out(ids: MessageIds) -> tuple[bytes, bytes]:
    return ids.packed()


def _ids_in(_: type, generations: list[bytes]) -> MessageIds:
    older, young = generations
    return MessageIds(older, young)


_encode = msgspec.msgpack.Encoder(enc_hook=_ids_out).encode


def pack(row: Row) -> bytes:
    """The row's bytes; equal rows have equal ones. `flips` is not among them."""
    flips = row.flips
    if flips is None:
        return _encode(row)
    row.flips = None
    packed = _encode(row)
    row.flips = flips
    return packed


_decode = msgspec.msgpack.Decoder(Row, dec_hook=_ids_in).decode
_decode_head = msgspec.msgpack.Decoder(Head).decode


def unpack(packed: bytes) -> Row:
    """The row of `pack`.

    Raises
    ------
    RowFormatError
        For a newer format, and for bytes that are no row.
    """
    try:
        return _decode(packed)
    except msgspec.DecodeError as error:
        return _unpack_other(packed, error)


def unpack_head(packed: bytes) -> Head:
    """The beginning of the row, at a quarter of the cost of the whole.

    Raises
    ------
    RowFormatError
        As `unpack`; bytes that begin like a row and end otherwise may pass.
    """
    try:
        return _decode_head(packed)
    except msgspec.DecodeError as error:
        row = _unpack_other(packed, error)
        return Head(row.timer_ms, row.segments)


def _unpack_other(packed: bytes, error: Exception) -> Row:
    """A row of format 1, or what is wrong."""
    try:
        if packed[:1] == FORMAT_1:
            return _from_format_1(msgspec.msgpack.decode(packed[1:], type=list[Any]))
        found = msgspec.msgpack.decode(packed, type=list[Any])[0]
    except (msgspec.DecodeError, TypeError, LookupError):
        found = None
    if isinstance(found, int) and found > ROW_FORMAT:
        raise NewerRowError(
            f"row format {found} is not {ROW_FORMAT}: it was written by a newer build; "
            "run that build, or restore from a changelog that this one wrote"
        ) from None
    raise RowFormatError(f"a row does not decode: {error}; restore the partition") from None


def _from_format_1(values: list[Any]) -> Row:
    """Message ids were two lists of numbers, and fields stood in another order."""
    fields = dict(zip(_FIELDS_1, values, strict=False))
    older, young = fields.pop("older_ids", ()), fields.pop("ids", ())
    if older or young:
        fields["ids"] = new_ids(sorted(older), sorted(young)).packed()
    empty = Row()
    ordered = [fields.get(name, getattr(empty, name)) for name in Row.__struct_fields__]
    return msgspec.convert([ROW_FORMAT, *ordered], Row, dec_hook=_ids_in)
