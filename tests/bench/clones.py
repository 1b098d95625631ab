"""Many customers out of some: rows and events of simulated ones under further ids.

A clone has the row of a simulated customer, byte for byte but for the ids in it, so a million rows
are as large, as full and as different as those of the simulated shop, without simulating for an
hour. Ids of clones end in a suffix of fixed length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from stream.state.codec import pack, unpack

CLONES_MAX = 99_999
_ID = re.compile(rb'("(?:userId|anonymousId|previousId)":"[^"]*)"')
_PLACE = "~00000"


def suffix(number: int) -> bytes:
    """What the ids of a clone end in.

    >>> suffix(42)
    b'~00042'
    """
    assert 0 <= number <= CLONES_MAX
    return b"~%05d" % number


def with_suffix(event: bytes, end: bytes) -> bytes:
    """An event of the clone: all ids that it carries are the clone's.

    >>> with_suffix(b'{"userId":"c1","anonymousId":"a","name":"c1"}', suffix(7))
    b'{"userId":"c1~00007","anonymousId":"a~00007","name":"c1"}'
    """
    return _ID.sub(rb"\1" + end + b'"', event)


def templates(rows: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """Keys, and packed rows in which every id ends in a place for the suffix."""
    found = []
    for key, packed in rows.items():
        row = unpack(packed)
        if row.forward_to is not None or row.targets or row.aliases:
            row.forward_to = row.forward_to and row.forward_to + _PLACE
            row.targets = [(target + _PLACE, at_ms) for target, at_ms in row.targets]
            row.aliases = [alias + _PLACE for alias in row.aliases]
            packed = pack(row)  # noqa: PLW2901 ids in it are to be the clone's
        found.append((key, packed))
    return found


def cloned(rows: Iterable[tuple[bytes, bytes]], number: int) -> Iterator[tuple[bytes, bytes]]:
    """The rows of one clone of everybody."""
    end, place = suffix(number), _PLACE.encode()
    for key, packed in rows:
        # A copy also where nothing is replaced: clones must not share memory.
        yield key + end, packed.replace(place, end) if place in packed else bytes(bytearray(packed))
