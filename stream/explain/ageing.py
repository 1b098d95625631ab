"""Copies of rows that live on: in silence, or with events that nobody has sent.

It is the engine's own decider that advances them, under the partition's own timeline, so what comes
out is what would be told. Nothing here changes a row that anybody else sees.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from stream.engine.decider import Decider
from stream.engine.effects import Effects
from stream.engine.settings import EngineSettings
from stream.engine.timeline import Timeline
from stream.events.changes import SegmentChanged
from stream.events.records import CustomerEvent
from stream.state.codec import pack, unpack
from stream.state.fold import deadline_ms, fold
from stream.state.row import Row


class Ageing:
    """Lets copies of a partition's rows live on, one at a time; it holds nothing of them."""

    def __init__(self, settings: EngineSettings, timeline: Timeline) -> None:
        self.timeline = timeline
        self._decider = Decider(settings, timeline)

    def silent(self, key: bytes, row: Row, until_ms: int) -> list[SegmentChanged]:
        """Advance the row itself to an instant, without events; the changes, shadow ones too."""
        decider = self._begin()
        decider.advance(key, row, until_ms)
        return self._end()

    def lived(
        self, key: bytes, row: Row, events: Iterable[CustomerEvent], until_ms: int
    ) -> list[SegmentChanged]:
        """The changes if these events came, and nothing after them until an instant.

        The row stays as it is. Events are in the order of their time, and after the row's own.
        """
        copy = copied(row)
        decider = self._begin()
        for event in events:
            decider.advance(key, copy, event.time_ms)
            self._fold(key, copy, event)
        decider.advance(key, copy, until_ms)
        return self._end()

    def _fold(self, key: bytes, row: Row, event: CustomerEvent) -> None:
        """What the partition does with an event that is new and in time."""
        row.time_ms = max(row.time_ms, event.time_ms)
        context = self.timeline.of(row.activation)
        parts, pack_ = fold(row, event), context.pack
        next_ms = deadline_ms(row)
        if pack_ is not None:
            parts |= pack_.collect(row, event, row.time_ms)
            about = (key, row, context, row.time_ms, "event", None)
            next_ms = min(next_ms, self._decider.decide_event(parts, about))
        row.timer_ms = min(row.timer_ms, next_ms)

    def _begin(self) -> Decider:
        decider = self._decider
        decider.effects = Effects()
        decider.changed, decider.deltas = {}, {}
        # What the partition counts of its rows is of no matter here, and nobody has counted before.
        decider.members = defaultdict(int)
        return decider

    def _end(self) -> list[SegmentChanged]:
        effects = self._begin_again()
        return sorted(effects.changes + effects.shadow_changes, key=lambda change: change.time_ms)

    def _begin_again(self) -> Effects:
        effects = self._decider.effects
        self._begin()
        return effects


def copied(row: Row) -> Row:
    """Another row that says the same."""
    return unpack(pack(row))
