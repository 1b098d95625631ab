"""What a local store says of itself, and why one is not used.

A store may only be used where bringing it up from the changelog gives what restoring the whole
changelog gives. It is set aside, and never mended, where that is not sure: the changelog has it
all.
"""

from __future__ import annotations

import msgspec

from stream.clock import rfc3339
from stream.state.row import ROW_FORMAT

STORE_FORMAT = 1


class StoreHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Written with every batch, so that it is of the rows that are there.

    store_format  of this header and the keys
    row_format    the newest that a row may have; older ones are read
    topic_id      the broker's own for the changelog; empty: the broker has none
    next_offset   of the changelog: all that comes before it is there
    written_ms    the broker's time when all that comes after it could be read
    """

    store_format: int = STORE_FORMAT
    row_format: int = ROW_FORMAT
    topic: str = ""
    topic_id: str = ""
    partition: int = 0
    partitions: int = 0
    incarnation: str = ""
    next_offset: int = 0
    written_ms: int = 0


class ChangelogPlace(msgspec.Struct, frozen=True, kw_only=True):
    """The changelog's partition on the broker now: its first offset, and the one after its last.

    `tombstones_ms` is how long the broker keeps the record that a row was erased: a store that was
    not written for longer may hold rows of which nothing says any more that they are gone.
    """

    begin: int
    end: int
    now_ms: int
    tombstones_ms: int


class Refusal(msgspec.Struct, frozen=True):
    """Why a store is set aside: a word for the folder's name and the metric, and the sentence."""

    word: str
    sentence: str


def refusal(found: StoreHeader, wanted: StoreHeader, place: ChangelogPlace) -> Refusal | None:
    """Why a store that says `found` cannot be the one that is `wanted`; None: it can.

    >>> header = StoreHeader(topic="rows", next_offset=7)
    >>> place = ChangelogPlace(begin=0, end=5, now_ms=0, tombstones_ms=1)
    >>> refusal(header, StoreHeader(topic="rows"), place).word
    'ahead'
    """
    return _format(found) or _identity(found, wanted) or _reach(found, place)


def _format(found: StoreHeader) -> Refusal | None:
    if found.store_format != STORE_FORMAT:
        return Refusal(
            "format", f"it has format {found.store_format}, this build reads {STORE_FORMAT}"
        )
    if found.row_format > ROW_FORMAT:
        return Refusal(
            "row-format",
            f"its rows have format {found.row_format}, this build reads up to {ROW_FORMAT}; where "
            "the changelog has such rows too, run the build that wrote them",
        )
    return None


def _identity(found: StoreHeader, wanted: StoreHeader) -> Refusal | None:
    if found.partitions != wanted.partitions:
        return Refusal(
            "partitions",
            f"it is of an installation with {found.partitions} partitions, the settings say "
            f"{wanted.partitions}",
        )
    if (found.topic, found.partition) != (wanted.topic, wanted.partition):
        return Refusal(
            "place",
            f"it is of {found.topic}-{found.partition} and lies where {wanted.topic}-"
            f"{wanted.partition} belongs; was the folder copied?",
        )
    if found.incarnation != wanted.incarnation:
        return Refusal(
            "incarnation",
            f"it is of incarnation {found.incarnation!r}, this worker is set to "
            f"{wanted.incarnation!r}",
        )
    if found.topic_id != wanted.topic_id:
        return Refusal("recreated", f"topic {wanted.topic} was made anew since it was written")
    return None


def _reach(found: StoreHeader, place: ChangelogPlace) -> Refusal | None:
    if found.next_offset > place.end:
        return Refusal(
            "ahead",
            f"it reaches to offset {found.next_offset}, and the changelog ends at {place.end}: "
            "the broker has lost records, or is another one",
        )
    if found.next_offset < place.begin:
        return Refusal(
            "gap",
            f"it reaches to offset {found.next_offset}, and the changelog begins at {place.begin}:"
            " what lies between was deleted",
        )
    if found.next_offset < place.end and place.now_ms - found.written_ms > place.tombstones_ms:
        return Refusal(
            "old",
            f"it was last written at {rfc3339(found.written_ms)}: rows that were erased since may "
            "have left no trace in the changelog",
        )
    return None
