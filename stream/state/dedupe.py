"""Message ids seen by a customer: at least a day of them, bounded.

Two generations: ids are added to the young one; when it is a day old it becomes the old one and
the former old one goes. An id is therefore remembered for one to two days of the row's time.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

from stream.clock import DAY_MS
from stream.state.shed import shed

if TYPE_CHECKING:
    from stream.state.row import Row

DEDUPE_WINDOW_MS: Final = DAY_MS
DEDUPE_IDS_MAX: Final = 512
"""Ids a generation; 1,024 events a day are more than a person makes, and 8 KiB of row."""

ID_BYTES: Final = 8


class MessageIds:
    """Ids in the order in which they came: at rest as bytes, `ID_BYTES` each, half of a usual row.

    They are looked for in the bytes until a batch brings a second event of the customer; from then
    on, as long as the row is live, there is a dict of both generations, which keeps the order.

    older    the old generation
    young    the young one: whole without a dict, else as of the last packing
    known    the dict
    limit    length of the dict with a full young generation
    is_new   without a dict: there is an id since the last packing
    """

    __slots__ = ("_packed_count", "is_new", "known", "limit", "older", "young")

    def __init__(self, older: bytes = b"", young: bytes = b"") -> None:
        self.older = older
        self.young = young
        self.known: dict[int, None] | None = None
        self.limit = self._packed_count = 0
        self.is_new = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MessageIds) and self.packed() == other.packed()

    def __hash__(self) -> int:
        raise TypeError("message ids change")

    def __reduce__(self) -> tuple[type[MessageIds], tuple[bytes, bytes]]:
        return MessageIds, self.packed()

    def __repr__(self) -> str:
        return f"MessageIds{self.packed()}"

    def __len__(self) -> int:
        return sum(map(len, self.packed())) // ID_BYTES

    def packed(self) -> tuple[bytes, bytes]:
        """The old and the young ids."""
        known = self.known
        if known is None:
            self.is_new = False
        elif len(known) > self._packed_count:
            self.young += packed_ids(islice(known, self._packed_count, None))
            self._packed_count = len(known)
        return self.older, self.young

    def learn(self) -> dict[int, None]:
        """Make the dict."""
        known = self.known = dict.fromkeys(ids_of(self.older + self.young))
        self._packed_count = len(known)
        self.limit = len(self.older) // ID_BYTES + DEDUPE_IDS_MAX
        return known

    def turn(self, *, keeps: bool) -> dict[int, None]:
        """Begin a new generation; `keeps` the young one as the old one."""
        young = self.packed()[1]
        self.older, self.young = young if keeps else b"", b""
        return self.learn()


def is_duplicate(row: Row, message_id: int) -> bool:
    """Whether the id was remembered; O(ids) for the first event after a rest, then O(1)."""
    ids = row.ids
    if ids is None:
        return False
    known = ids.known
    if known is not None:
        return message_id in known
    if ids.is_new:
        return message_id in ids.learn()
    wanted = message_id.to_bytes(ID_BYTES, "little")
    return _holds(ids.young, wanted) or _holds(ids.older, wanted)


def remember(row: Row, message_id: int, time_ms: int) -> bool:
    """Add the id, a new one; False where more than a generation came within a day."""
    ids = row.ids
    if ids is None:
        ids = row.ids = MessageIds()
        row.ids_since_ms = time_ms
    known = ids.known
    age_ms = time_ms - row.ids_since_ms
    if known is None:
        if age_ms < DEDUPE_WINDOW_MS and len(ids.young) < DEDUPE_IDS_MAX * ID_BYTES:
            ids.young += message_id.to_bytes(ID_BYTES, "little")
            ids.is_new = True
            return True
    elif age_ms < DEDUPE_WINDOW_MS and len(known) < ids.limit:
        known[message_id] = None
        return True
    is_early = age_ms < DEDUPE_WINDOW_MS
    if is_early and ids.older:
        shed("message_ids", len(ids.older) // ID_BYTES)
    row.ids_since_ms = time_ms
    ids.turn(keeps=age_ms < 2 * DEDUPE_WINDOW_MS)[message_id] = None
    return not is_early


def merge_ids(row: Row, other: Row) -> None:
    """Remember what `other` remembers, each id for a day at least.

    Both generations keep their place and age from the later beginning, so that none goes sooner
    than it would have in its own row. More than fit, from rows that were full, lose some.
    """
    if other.ids is None:
        return
    older, young = (MessageIds() if row.ids is None else row.ids).packed()
    their_older, their_young = other.ids.packed()
    row.ids = new_ids(ids_of(older + their_older), ids_of(young + their_young))
    most = max(len(older) + len(their_older), len(young) + len(their_young)) // ID_BYTES
    if most > 2 * DEDUPE_IDS_MAX:
        shed("message_ids", most - 2 * DEDUPE_IDS_MAX)
    row.ids_since_ms = max(row.ids_since_ms, other.ids_since_ms)


def new_ids(older: Iterable[int], young: Iterable[int]) -> MessageIds:
    """Two generations, bounded, no id twice."""
    young_ids = dict.fromkeys(young)
    older_ids = [one for one in dict.fromkeys(older) if one not in young_ids]
    bound = 2 * DEDUPE_IDS_MAX
    return MessageIds(packed_ids(older_ids[-bound:]), packed_ids([*young_ids][-bound:]))


def packed_ids(ids: Iterable[int]) -> bytes:
    """Ids as they are packed, whatever the machine."""
    words = array("Q", ids)
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


def ids_of(packed: bytes) -> Iterable[int]:
    """The ids of `packed_ids`."""
    words = array("Q", packed)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _holds(packed: bytes, wanted: bytes) -> bool:
    at = packed.find(wanted)
    while at > 0 and at % ID_BYTES:
        at = packed.find(wanted, at + 1)
    return at >= 0
