"""The row's bytes: one format byte, then a MessagePack array.

Fields are only appended, each with a default, so a row of an older build of the same format reads
as it is. A change of meaning takes a new format byte and a reader for the old one.
"""

from __future__ import annotations

import msgspec

from stream.state.row import Row

FORMAT = 1
_PREFIX = bytes([FORMAT])
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Row)


class RowFormatError(ValueError):
    """The bytes are no row that this build can read."""


def pack(row: Row) -> bytes:
    """The row's bytes; equal rows may differ in the order of their message ids."""
    return _PREFIX + _encoder.encode(row)


def unpack(packed: bytes) -> Row:
    """The row of `pack`.

    Raises
    ------
    RowFormatError
        For a newer format, and for bytes that are no row.
    """
    if packed[:1] != _PREFIX:
        found = packed[0] if packed else None
        raise RowFormatError(
            f"row format {found} is not {FORMAT}: it was written by a newer build; "
            "run that build, or restore from a changelog that this one wrote"
        )
    try:
        return _decoder.decode(memoryview(packed)[1:])
    except msgspec.DecodeError as error:
        raise RowFormatError(f"a row does not decode: {error}; restore the partition") from None
