"""Who turns by time alone in the coming hours: each row's copy lives on in silence.

Nothing is sampled and nothing estimated: the engine's own timers fire on the copies. Thresholds,
clusters and definitions stay as they are, except those that are announced already.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stream.clock import HOUR_MS
from stream.engine.partition import PartitionEngine
from stream.events.changes import SegmentChanged
from stream.explain.ageing import Ageing
from stream.segments.rules import CUSTOMER


class Flows(msgspec.Struct, frozen=True):
    """Entries and exits of one segment, hour by hour."""

    entries: list[int]
    exits: list[int]


class Forecast:
    """Counts turns by segment and hour after an instant; memory does not grow with customers.

    A turn that is due at the instant already, and not yet told, is of the first hour.
    """

    def __init__(self, start_ms: int, hours: int) -> None:
        self.start_ms = start_ms
        self.hours = hours
        self.flows: dict[str, Flows] = {}
        self.customers = 0
        self.turning = 0

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.hours * HOUR_MS

    def look_at(self, engine: PartitionEngine) -> Iterator[SegmentChanged]:
        """Let each of a partition's rows live on, and count; gives the changes, row by row."""
        ageing = Ageing(engine.settings, engine.timeline)
        for key, row in engine.store.rows():
            if row.forward_to is not None or not row.events:
                continue
            self.customers += 1
            changes = [c for c in ageing.silent(key, row, self.end_ms) if c.segment != CUSTOMER]
            self.turning += bool(changes)
            for change in changes:
                self._count(change)
                yield change

    def _count(self, change: SegmentChanged) -> None:
        flows = self.flows.get(change.segment)
        if flows is None:
            flows = self.flows[change.segment] = Flows([0] * self.hours, [0] * self.hours)
        hour = max(0, (change.time_ms - self.start_ms - 1) // HOUR_MS)
        (flows.entries if change.entered else flows.exits)[hour] += 1
