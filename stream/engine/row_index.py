"""What is rebuilt from the rows when a partition is restored: timers, and members by segment."""

from __future__ import annotations

from collections.abc import Generator

from stream.engine.store import RowStore
from stream.state.codec import unpack_head
from stream.timers.queue import TimerQueue

INDEX_ROWS = 1_000
"""Rows of a step: some 2 ms, so that others on the same thread get their turn in between."""


def index_rows(store: RowStore, timers: TimerQueue) -> Generator[int, None, dict[str, int]]:
    """Schedule all rows, step by step: yields rows done, returns how many are in each segment.

    Silent memberships count as well. Nobody may change rows meanwhile.
    """
    members: dict[str, int] = {}
    timers.clear()
    schedule = timers.schedule
    for done, (key, packed) in enumerate(store.packed_rows()):
        if done % INDEX_ROWS == 0:
            yield done
        head = unpack_head(packed)
        schedule(key, head.timer_ms)
        for segment in head.segments:
            members[segment] = members.get(segment, 0) + 1
        for segment in head.shadows:
            members[segment] = members.get(segment, 0) + 1
    return members
