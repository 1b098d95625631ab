"""Flapping as it happens: entries within 24 h of the same customer's exit, as backtest counts them.

Memory is bounded: of more exits than there is room for, a sample is kept, by the hash of customer
and segment, and what is found of it counts so many times more. A sum of entries over the same time
makes a share of it, which the sample leaves unbiased.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from xxhash import xxh3_64_intdigest

from stream.clock import DAY_MS
from stream.engine.context import CLUSTER_PREFIX, QUARANTINE
from stream.events.changes import SegmentChanged
from stream.segments.rules import CUSTOMER

FLAP_MS = DAY_MS

EXITS_MAX = 16_384
"""Exits of a partition that are waited on, 120 bytes each: 2 MB."""

CLUSTER_LABEL = CLUSTER_PREFIX.rstrip(":")
"""All learned segments under one: their ids come and go."""

_NOT_DEFINED = frozenset({CUSTOMER, QUARANTINE})
"""Who sends too much all day is held apart each hour anew: nothing that a definition could mend."""


class Flaps:
    """Of one partition, fed with its changes in their order. O(1) a change.

    After a restart it knows of no exit: for a day it finds less than there is. What an edited
    definition did is no flapping: neither its exits nor its entries count.
    """

    def __init__(self, exits_max: int = EXITS_MAX) -> None:
        self._exits_max = exits_max
        self._left_ms: dict[int, int] = {}
        self._weight = 1
        self._newest_ms = 0

    @property
    def weight(self) -> int:
        """One in so many customers and segments is watched; a power of two."""
        return self._weight

    def count(self, changes: Iterable[SegmentChanged]) -> Counter[str]:
        """Take changes that were committed; by segment, how often somebody came back."""
        found: Counter[str] = Counter()
        for change in changes:
            segment = change.segment
            if change.initial or segment in _NOT_DEFINED:
                continue
            key = xxh3_64_intdigest(f"{segment}\0{change.customer}".encode())
            if key & (self._weight - 1):
                continue
            time_ms = change.time_ms
            if change.entered:
                left_ms = self._left_ms.pop(key, None)
                if left_ms is not None and time_ms - left_ms <= FLAP_MS:
                    label = CLUSTER_LABEL if segment.startswith(CLUSTER_PREFIX) else segment
                    found[label] += self._weight
                continue
            self._newest_ms = max(self._newest_ms, time_ms)
            self._left_ms[key] = time_ms
            if len(self._left_ms) > self._exits_max:
                self._make_room()
        return found

    def _make_room(self) -> None:
        """Forget exits of more than a day ago; where most are younger, watch half of the pairs."""
        oldest_ms = self._newest_ms - FLAP_MS
        left = {key: at_ms for key, at_ms in self._left_ms.items() if at_ms >= oldest_ms}
        while len(left) > self._exits_max // 2:
            self._weight *= 2
            left = {key: at_ms for key, at_ms in left.items() if not key & (self._weight - 1)}
        self._left_ms = left
