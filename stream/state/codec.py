"""The row's bytes: a MessagePack array that begins with its format.

What restores read of every row comes next: when it wants to be woken, and its memberships. Fields
are only appended, each with a default, so a row of an older build of the same format reads as it
is. A change of meaning takes a new format and a reader for the old one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stream.clock import NEVER_MS
from stream.state.dedupe import MessageIds, new_ids
from stream.state.kept import Kept
from stream.state.row import ROW_FORMAT, Row
from stream.state.row_parts import Browse, Cart, Checkout, Messages, Orders, Pace, Sessions, Voice

FORMAT_1 = b"\x01"
"""The first byte of a row of format 1: that byte, and then an array without a format."""

_FIELDS_1 = (
    *("first_ms", "last_ms", "time_ms", "timer_ms", "sequence", "activation", "bits", "segments"),
    *("cluster", "buckets", "events", "ids", "older_ids", "ids_since_ms", "sessions", "cart"),
    *("checkout", "browse", "orders", "messages", "traits", "channels", "forward_to", "shared"),
    *("targets", "aliases", "traits_ms", "learned_ms", "changed_ms"),
)


class PackedRow(msgspec.Struct, array_like=True, gc=False, tag=ROW_FORMAT):
    """A row's bytes: the fields of `Row`, in this order; `flips` is of live rows alone."""

    timer_ms: int = NEVER_MS
    segments: dict[str, int] = {}
    first_ms: int = 0
    last_ms: int = 0
    time_ms: int = 0
    sequence: int = 0
    activation: int = 0
    bits: list[int] = []
    cluster: str | None = None
    buckets: dict[str, int] = {}
    events: int = 0
    ids: MessageIds | None = None
    ids_since_ms: int = 0
    sessions: Sessions | None = None
    cart: Cart | None = None
    checkout: Checkout | None = None
    browse: Browse | None = None
    orders: Orders | None = None
    messages: Messages | None = None
    traits: dict[str, str | int | float | bool] = {}
    channels: dict[str, int] = {}
    forward_to: str | None = None
    shared: bool = False
    targets: list[tuple[str, int]] = []
    aliases: list[str] = []
    traits_ms: int = 0
    learned_ms: int = 0
    changed_ms: int = 0
    windows: dict[str, Kept] = {}
    shadows: dict[str, int] = {}
    past: dict[str, tuple[int, int]] = {}
    filled: dict[str, list[int]] = {}
    consent: dict[str, tuple[int, bool]] = {}
    voice: Voice | None = None
    flip_ms: int = 0
    looks: dict[str, int] = {}
    wishes: dict[str, int] = {}
    flips: None = None
    ways: tuple[tuple[str, int], ...] = ()
    pace: Pace | None = None


class Head(msgspec.Struct, array_like=True, gc=False, tag=ROW_FORMAT):
    """The beginning of a packed row, which is all that a restore reads of it."""

    timer_ms: int = NEVER_MS
    segments: dict[str, int] = {}


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
    return _encode(row.values())


_decode = msgspec.msgpack.Decoder(PackedRow, dec_hook=_ids_in).decode
_decode_head = msgspec.msgpack.Decoder(Head).decode


def unpack(packed: bytes) -> Row:
    """The row of `pack`.

    Raises
    ------
    RowFormatError
        For a newer format, and for bytes that are no row.
    """
    try:
        found = _decode(packed)
    except msgspec.DecodeError as error:
        return _unpack_other(packed, error)
    return _row_of(found)


def stored(row: Row) -> PackedRow:
    """The row's fields by name and type, for who shows or compares them."""
    return PackedRow(*row.values()[1:])  # type: ignore[arg-type]


def _row_of(found: PackedRow) -> Row:
    row = Row()
    row.fill(msgspec.structs.astuple(found))
    return row


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
    empty = PackedRow()
    ordered = [fields.get(name, getattr(empty, name)) for name in PackedRow.__struct_fields__]
    return _row_of(msgspec.convert([ROW_FORMAT, *ordered], PackedRow, dec_hook=_ids_in))
