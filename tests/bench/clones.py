"""Many customers out of some: rows and events of simulated ones under further ids.

A clone has the row of a simulated customer, byte for byte but for the ids in it, so a million rows
are as large, as full and as different as those of the simulated shop, without simulating for an
hour. Ids of clones end in a suffix of fixed length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from stream.state.codec import pack, unpack
from stream.state.row import Row

CLONES_MAX = 99_999
_ID = re.compile(rb'("(?:userId|anonymousId|previousId)":"[^"]*)"')


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


def templates(rows: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes | Row]]:
    """Keys and packed rows; of those with ids in them the rows, which are packed for each clone."""
    found: list[tuple[bytes, bytes | Row]] = []
    for key, packed in rows.items():
        row = unpack(packed)
        is_linked = row.forward_to is not None or row.targets or row.ways or row.aliases
        found.append((key, row if is_linked else packed))
    return found


def cloned(rows: Iterable[tuple[bytes, bytes | Row]], number: int) -> Iterator[tuple[bytes, bytes]]:
    """The rows of one clone of everybody."""
    end = suffix(number)
    for key, row in rows:
        # A copy also where nothing is replaced: clones must not share memory.
        packed = _of_clone(row, end.decode()) if isinstance(row, Row) else bytes(bytearray(row))
        yield key + end, packed


def _of_clone(row: Row, end: str) -> bytes:
    forward_to, targets, ways, aliases = row.forward_to, row.targets, row.ways, row.aliases
    row.forward_to = forward_to and forward_to + end
    row.targets = [(target + end, at_ms) for target, at_ms in targets]
    row.ways = tuple((way and way + end, at_ms) for way, at_ms in ways)
    row.aliases = [alias + end for alias in aliases]
    packed = pack(row)
    row.forward_to, row.targets, row.ways, row.aliases = forward_to, targets, ways, aliases
    return packed
