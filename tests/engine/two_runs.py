"""A run that serves, the one that is to take its place, and a reader of what both tell."""

from __future__ import annotations

from collections.abc import Callable

from stream.clock import rfc3339
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.engine.succession import Former, Succession
from stream.events.actions import ActionTurned
from stream.events.records import Handover, Record
from stream.state.row_parts import Voice
from tests.engine.lane import Lane


def new_run(content: bytes, incarnation: str = "2") -> Lane:
    lane = Lane(None)
    lane.engine = PartitionEngine(0, EngineSettings(shop="s", incarnation=incarnation))
    lane.define(content)
    return lane


class TwoRuns:
    """Two runs over the same records; readers hear the former, and from the switch on the new."""

    def __init__(self, former: bytes, new: bytes | None = None) -> None:
        self.former = Lane(former)
        self.new = new_run(new or former)
        self._told_from = 0

    def put(self, customer: str | None, *records: Record) -> None:
        for lane in (self.former, self.new):
            lane.put(customer, *records)

    def tick(self, clock_ms: int) -> None:
        for lane in (self.former, self.new):
            lane.tick(clock_ms)

    def record(self, customer: str = "a") -> Handover | None:
        """What the switch writes for a customer."""
        engine = self.former.engine
        row = engine.store.peek(customer.encode())
        voice = None if row is None else row.voice
        told = {} if row is None else {s: rfc3339(at_ms) for s, at_ms in row.segments.items()}
        succession = Succession(self.new.engine, Former("1", engine.clock_ms))
        return succession.handover(customer.encode(), voice or Voice(), told)

    def switch(self, customer: str = "a", meanwhile: Callable[[], object] | None = None) -> None:
        """Serve from now on; what `meanwhile` puts comes before the record, and is told."""
        record = self.record(customer)
        self._told_from = len(self.new.actions)
        if meanwhile is not None:
            meanwhile()
        if record is not None:
            self.new.put(customer, record, stamp_ms=max(self.new.engine.clock_ms, record.time_ms))

    @property
    def news(self) -> list[ActionTurned]:
        """What was told since the switch."""
        return self.new.actions[self._told_from :]

    @property
    def open(self) -> dict[str, str]:
        """What a reader takes for started: segment -> the id of its start.

        Each sequence is above the one before it, and what is withdrawn was started before.
        """
        found: dict[str, str] = {}
        latest = -1
        for told in (*self.former.actions, *self.news):
            assert told.sequence > latest
            latest = told.sequence
            if told.started:
                assert told.id not in found
                found[told.id] = told.segment
            else:
                assert told.of in found, f"nobody was told of {told}"
                assert found.pop(told.of) == told.segment
        assert len(set(found.values())) == len(found)
        return {segment: started for started, segment in found.items()}

    def said(self, since_ms: int) -> list[tuple[str, int, str | None]]:
        """As `spoken.said`, since the switch."""
        return [
            (("+" if one.started else "-") + one.segment, one.time_ms - since_ms, one.reason)
            for one in self.news
        ]
