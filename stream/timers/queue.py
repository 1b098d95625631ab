"""A lazy timer queue: far deadlines in minute buckets, near ones in a heap.

Source: the hashed timing wheels of Varghese and Lauck (1987), with the overflow list sorted into
coarse buckets. An entry is stale when the row's timer no longer equals it, and is dropped when it
comes up; a deadline that only moves later costs nothing until the old one is due.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from stream.clock import MINUTE_MS, NEVER_MS

BUCKET_MS = MINUTE_MS
"""Width of a far bucket: 43,200 for a month ahead, whatever the number of customers."""


class TimerQueue:
    """Deadlines by key, due in the order of (instant, key).

    `schedule` is O(1) for a far deadline and O(log near) for a near one; `due` is O(log near)
    a timer. Memory is one set entry a far deadline; the same one scheduled again costs nothing.
    """

    __slots__ = ("_buckets", "_far", "_horizon_ms", "_near", "pending")

    def __init__(self) -> None:
        self._near: list[tuple[int, bytes]] = []
        self._far: dict[int, set[tuple[int, bytes]]] = {}
        self._buckets: list[int] = []
        self._horizon_ms = 0
        self.pending = 0

    def schedule(self, key: bytes, due_ms: int) -> None:
        """Wake `key` at `due_ms`; earlier entries of the key go stale by the row's own timer."""
        if due_ms >= NEVER_MS:
            return
        if due_ms < self._horizon_ms:
            heappush(self._near, (due_ms, key))
            self.pending += 1
            return
        bucket = due_ms // BUCKET_MS
        entries = self._far.get(bucket)
        if entries is None:
            self._far[bucket] = {(due_ms, key)}
            heappush(self._buckets, bucket)
            self.pending += 1
        else:
            before = len(entries)
            entries.add((due_ms, key))
            self.pending += len(entries) - before

    def due(self, until_ms: int) -> tuple[int, bytes] | None:
        """Take the earliest entry at or before `until_ms`, stale or not; None when there is none.

        Equal entries of a key come up together as one.
        """
        near = self._near
        buckets = self._buckets
        if buckets and buckets[0] * BUCKET_MS <= until_ms:
            while buckets and buckets[0] * BUCKET_MS <= until_ms:
                bucket = heappop(buckets)
                near.extend(self._far.pop(bucket))
                self._horizon_ms = (bucket + 1) * BUCKET_MS
            heapify(near)
        if not near or near[0][0] > until_ms:
            return None
        entry = heappop(near)
        self.pending -= 1
        while near and near[0] == entry:
            heappop(near)
            self.pending -= 1
        return entry

    def clear(self) -> None:
        """Forget all entries; the index is about to be rebuilt from the rows."""
        self.__init__()  # type: ignore[misc]
