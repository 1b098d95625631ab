"""Whose past a row has taken in, measure by measure: so that a repeated backfill adds nothing.

It travels along when rows merge. Once the past of a measure is whole, no backfill of it is taken
any more, and the list goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from xxhash import xxh3_64_intdigest

from stream.state.kept import Kept
from stream.state.shed import shed

FILLED_MAX = 64
"""Pasts remembered of a measure, as many as a row names ids that are the customer; beyond, only
a backfill that is repeated after a crash could add one twice."""

pack_kept = msgspec.msgpack.Encoder().encode
unpack_kept: Callable[[bytes], dict[str, Kept]] = msgspec.msgpack.Decoder(dict[str, Kept]).decode
"""What several measures keep, in bytes."""


def mark_of(measure: str, since_ms: int, source: str, sent_ms: int) -> int:
    """What tells one id's past of a measure from any other; 63 bits."""
    return xxh3_64_intdigest(f"{measure}\0{since_ms}\0{source}\0{sent_ms}".encode()) >> 1


def note(filled: dict[str, list[int]], measure: str, mark: int) -> bool:
    """Note a past as taken in; False where it was before."""
    marks = filled.setdefault(measure, [])
    if mark in marks:
        return False
    marks.append(mark)
    if len(marks) > FILLED_MAX:
        shed("pasts_filled")
        del marks[0]
    return True


def merge_filled(filled: dict[str, list[int]], others: Mapping[str, list[int]]) -> None:
    """Take over what another row of the same person has taken in."""
    for measure, marks in others.items():
        for mark in marks:
            note(filled, measure, mark)
