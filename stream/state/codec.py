"""The row's bytes: a MessagePack array of its format, what restores read of it, ids, and the rest.

What restores read is when the row wants to be woken, and its memberships, told and silent ones. Ids
are random and stay as they are. The rest is an array of its own, compressed by zstd with a
dictionary (row_dictionary.py): a row of the simulated shop takes 529 bytes instead of 770, for 3.0
us, and 1.1 us where it is read. Fields are only appended, each with a default, so a row of an older
build of the same format reads as it is. A change of meaning, or of the dictionary, takes a new
format and a reader for the old one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stream.clock import NEVER_MS
from stream.state.dedupe import MessageIds, new_ids
from stream.state.kept import Kept
from stream.state.row import ROW_FORMAT, Row
from stream.state.row_dictionary import ZstdError, new_compressor, new_decompressor
from stream.state.row_parts import Browse, Cart, Checkout, Messages, Orders, Pace, Sessions, Voice

FORMAT_1 = b"\x01"
"""The first byte of a row of format 1: that byte, and then an array without a format."""

_FIELDS_1 = (
    *("first_ms", "last_ms", "time_ms", "timer_ms", "sequence", "activation", "bits", "segments"),
    *("cluster", "buckets", "events", "ids", "older_ids", "ids_since_ms", "sessions", "cart"),
    *("checkout", "browse", "orders", "messages", "traits", "channels", "forward_to", "shared"),
    *("targets", "aliases", "traits_ms", "learned_ms", "changed_ms"),
)

_FIELDS_2 = (
    *("timer_ms", "segments", "first_ms", "last_ms", "time_ms", "sequence", "activation", "bits"),
    *("cluster", "buckets", "events", "ids", "ids_since_ms", "sessions", "cart", "checkout"),
    *("browse", "orders", "messages", "traits", "channels", "forward_to", "shared", "targets"),
    *("aliases", "traits_ms", "learned_ms", "changed_ms", "windows", "shadows", "past", "filled"),
    *("consent", "voice", "flip_ms", "looks", "wishes", "flips", "ways", "pace"),
)


class Head(msgspec.Struct, array_like=True, gc=False, tag=ROW_FORMAT):
    """The beginning of a packed row, which is all that a restore reads of it."""

    timer_ms: int = NEVER_MS
    segments: dict[str, int] = {}
    shadows: dict[str, int] = {}


class _Whole(Head, array_like=True, gc=False, tag=ROW_FORMAT, kw_only=True):
    """A packed row; `rest` are the other fields, compressed."""

    ids: MessageIds | None
    rest: bytes


class PackedRow(msgspec.Struct, array_like=True, gc=False):
    """The fields of `Row` that are packed, in their order: those that stay plain come first."""

    timer_ms: int = NEVER_MS
    segments: dict[str, int] = {}
    shadows: dict[str, int] = {}
    ids: MessageIds | None = None
    first_ms: int = 0
    last_ms: int = 0
    time_ms: int = 0
    sequence: int = 0
    activation: int = 0
    bits: list[int] = []
    cluster: str | None = None
    buckets: dict[str, int] = {}
    events: int = 0
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
    past: dict[str, tuple[int, int]] = {}
    filled: dict[str, list[int]] = {}
    consent: dict[str, tuple[int, bool]] = {}
    voice: Voice | None = None
    flip_ms: int = 0
    looks: dict[str, int] = {}
    wishes: dict[str, int] = {}
    ways: tuple[tuple[str, int], ...] = ()
    pace: Pace | None = None


_PLAIN_FIELDS = len(Head.__struct_fields__) + 1


def _rest() -> Any:
    """A struct of the fields that are compressed."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(PackedRow)[_PLAIN_FIELDS:]:
        default = msgspec.field(default=field.default)
        if field.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=field.default_factory)
        fields.append((field.name, field.type, default))
    return msgspec.defstruct("Rest", fields, array_like=True, gc=False)


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
_compress = new_compressor().compress


def pack(row: Row) -> bytes:
    """The row's bytes; equal rows have equal ones. `flips` is not among them."""
    values = row.values()
    rest = _compress(_encode(values[_PLAIN_FIELDS:]))
    return _encode((ROW_FORMAT, *values[:_PLAIN_FIELDS], rest))


def rest_of(row: Row) -> bytes:
    """What of a row is compressed, before it is: a dictionary is trained on that."""
    return _encode(row.values()[_PLAIN_FIELDS:])


_decode = msgspec.msgpack.Decoder(_Whole, dec_hook=_ids_in).decode
_decode_head = msgspec.msgpack.Decoder(Head).decode
_decode_rest = msgspec.msgpack.Decoder(_rest()).decode
_decompress = new_decompressor().decompress
_values = msgspec.structs.astuple


def unpack(packed: bytes) -> Row:
    """The row of `pack`.

    Raises
    ------
    RowFormatError
        For a newer format, and for bytes that are no row.
    """
    try:
        found = _decode(packed)
        rest = _decode_rest(_decompress(found.rest))
    except (msgspec.DecodeError, ZstdError) as error:
        return _unpack_other(packed, error)
    row = Row()
    row.fill((found.timer_ms, found.segments, found.shadows, found.ids, *_values(rest)))
    return row


def uncompressed(packed: bytes) -> bytes:
    """Bytes in which every text of a packed row stands as it is, to be searched: 2 us.

    Raises
    ------
    RowFormatError
        For bytes that are no row.
    """
    try:
        return packed + _decompress(_decode(packed).rest)
    except (msgspec.DecodeError, ZstdError) as error:
        _unpack_other(packed, error)
        return packed


def stored(row: Row) -> PackedRow:
    """The row's fields by name and type, for who shows or compares them."""
    return PackedRow(*row.values())  # type: ignore[arg-type]


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
        return Head(row.timer_ms, row.segments, row.shadows)


def _unpack_other(packed: bytes, error: Exception) -> Row:
    """A row of an older format, or what is wrong."""
    found: Any = None
    try:
        if packed[:1] == FORMAT_1:
            return _from_format_1(msgspec.msgpack.decode(packed[1:], type=list[Any]))
        values = msgspec.msgpack.decode(packed, type=list[Any])
        found = values[0]
        if found == 2:
            return _from_fields(dict(zip(_FIELDS_2, values[1:], strict=False)))
    except (msgspec.DecodeError, msgspec.ValidationError, TypeError, LookupError) as other:
        error = other if found == 2 else error
    if isinstance(found, int) and found > ROW_FORMAT:
        raise NewerRowError(
            f"row format {found} is not {ROW_FORMAT}: it was written by a newer build; "
            "run that build, or restore from a changelog that this one wrote"
        ) from None
    raise RowFormatError(f"a row does not decode: {error}; restore the partition") from None


def _from_format_1(values: list[Any]) -> Row:
    """Message ids were two lists of numbers."""
    fields = dict(zip(_FIELDS_1, values, strict=False))
    older, young = fields.pop("older_ids", ()), fields.pop("ids", ())
    if older or young:
        fields["ids"] = new_ids(sorted(older), sorted(young)).packed()
    return _from_fields(fields)


def _from_fields(fields: dict[str, Any]) -> Row:
    """Fields stood in another order, none of them compressed."""
    empty = PackedRow()
    ordered = [fields.get(name, getattr(empty, name)) for name in PackedRow.__struct_fields__]
    row = Row()
    row.fill(_values(msgspec.convert(ordered, PackedRow, dec_hook=_ids_in)))
    return row
