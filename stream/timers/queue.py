"""A lazy timer queue: far deadlines in minute buckets, the minute that has come in a heap.

Source: the hashed timing wheels of Varghese and Lauck (1987), with the overflow list sorted into
coarse buckets. An entry is stale when the row's timer no longer equals it, and is dropped when it
comes up; a deadline that only moves later costs nothing until the old one is due.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from struct import Struct
from typing import Final

from stream.clock import MINUTE_MS, NEVER_MS

BUCKET_MS: Final = MINUTE_MS
"""Width of a far bucket: 43,200 for a month ahead, whatever the number of customers."""

COMPACT_BYTES: Final = 256
"""A bucket that has doubled since it was last compacted, and is larger than this, is compacted: a
deadline that a row comes back to after every visit takes the room of two at most."""

_ENTRY: Final = Struct(">HH")
"""Milliseconds into the bucket, of which there are less than 2**16, and the length of the key that
follows, which is a Kafka key of an accepted event and so well under 2**16."""


class TimerQueue:
    """Deadlines by key, due in the order of (instant, key).

    `schedule` is O(1) for a far deadline and O(log near) for a near one; `due` is O(log near)
    a timer, and once for a bucket O(its entries). A far deadline takes 4 bytes and its key's: a
    million of them, with keys of 24 bytes, take 30 MB, where objects would take 180. The same one
    scheduled again is kept until its bucket is compacted: no more copies than there are deadlines.
    """

    __slots__ = ("_buckets", "_compact_at", "_far", "_horizon_ms", "_near", "pending")

    def __init__(self) -> None:
        self._near: list[tuple[int, bytes]] = []
        self._far: dict[int, bytearray] = {}
        self._buckets: list[int] = []
        self._compact_at: dict[int, int] = {}
        self._horizon_ms = 0
        self.pending = 0

    def schedule(self, key: bytes, due_ms: int) -> None:
        """Wake `key` at `due_ms`; earlier entries of the key go stale by the row's own timer."""
        if due_ms >= NEVER_MS:
            return
        self.pending += 1
        if due_ms < self._horizon_ms:
            heappush(self._near, (due_ms, key))
            return
        bucket = due_ms // BUCKET_MS
        entry = _ENTRY.pack(due_ms % BUCKET_MS, len(key)) + key
        entries = self._far.get(bucket)
        if entries is None:
            self._far[bucket] = bytearray(entry)
            heappush(self._buckets, bucket)
        else:
            entries += entry
            size = len(entries)
            if size > COMPACT_BYTES and size > self._compact_at.get(bucket, 0):
                self._compact(bucket, bytes(entries))

    def due(self, until_ms: int) -> tuple[int, bytes] | None:
        """Take the earliest entry at or before `until_ms`, stale or not; None when there is none.

        Equal entries of a key come up together as one.
        """
        near = self._near
        while not near:
            buckets = self._buckets
            if not buckets or buckets[0] * BUCKET_MS > until_ms:
                return None
            self._open(heappop(buckets))
        entry = near[0]
        if entry[0] > until_ms:
            return None
        heappop(near)
        self.pending -= 1
        while near and near[0] == entry:
            heappop(near)
            self.pending -= 1
        return entry

    def _compact(self, bucket: int, packed: bytes) -> None:
        """Keep each of the bucket's deadlines once."""
        entries: dict[bytes, None] = {}
        at, end, count = 0, len(packed), 0
        while at < end:
            _, size = _ENTRY.unpack_from(packed, at)
            after = at + _ENTRY.size + size
            entries[packed[at:after]] = None
            at = after
            count += 1
        kept = bytearray(b"".join(entries))
        self._far[bucket] = kept
        self._compact_at[bucket] = 2 * len(kept)
        self.pending -= count - len(entries)

    def _open(self, bucket: int) -> None:
        """Take the earliest bucket into the heap, which is empty: all of it came before."""
        start_ms = bucket * BUCKET_MS
        self._horizon_ms = start_ms + BUCKET_MS
        packed = bytes(self._far.pop(bucket))
        self._compact_at.pop(bucket, None)
        near = self._near
        at, end = 0, len(packed)
        while at < end:
            offset_ms, size = _ENTRY.unpack_from(packed, at)
            at += _ENTRY.size + size
            near.append((start_ms + offset_ms, packed[at - size : at]))
        heapify(near)

    def clear(self) -> None:
        """Forget all entries; the index is about to be rebuilt from the rows."""
        self.__init__()  # type: ignore[misc]
