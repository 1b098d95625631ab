"""Records about an id, and not about what a customer did: who is who, who is erased, what was said.

They come one in hundreds of events, so they have their way apart from the hot one.
"""

from __future__ import annotations

from stream.engine.effects import EngineStateError
from stream.engine.erasure import Erasure
from stream.engine.handover import Handovers
from stream.engine.identity import Identity
from stream.engine.passage import Passage
from stream.engine.rebuild import Rebuild
from stream.events.records import Alias, Backfill, Erase, Handover, Link, Merge, Record
from stream.state.row import Row


class Relations:
    """Takes such records into the rows of one partition, and begins rows."""

    def __init__(self, passage: Passage, identity: Identity, erasure: Erasure) -> None:
        self.store = passage.store
        self.timers = passage.timers
        self.timeline = passage.timeline
        self.passage = passage
        self.identity = identity
        self.erasure = erasure
        self.rebuild = Rebuild(passage, identity)
        self.handovers = Handovers(passage, erasure)

    def take(self, key: bytes, record: Record, clock_ms: int) -> None:
        """Take one; a record of another kind is none of these, and has no end here."""
        if isinstance(record, Erase):
            self.erasure.take(key, record)
        elif isinstance(record, Handover):
            self.handovers.take(key, record, clock_ms)
        elif isinstance(record, Link | Merge | Alias):
            if not self.erasure.refuses(key, record.time_ms, record):
                self._join(key, record)
        elif isinstance(record, Backfill):  # noqa: SIM102 its ends are of their own
            if not self.erasure.refuses(key, record.time_ms, record):
                self.rebuild.take(key, record, clock_ms)

    def row(self, key: bytes, time_ms: int) -> Row:
        """The row of a key, begun at `time_ms` where there is none."""
        row = self.store.get(key)
        if row is None:
            if key.startswith(b"\0") or not key.decode():
                raise EngineStateError("a key that no customer can have")
            row = Row(activation=self.timeline.at(time_ms).number)
            self.erasure.begin(key, row)
            self.store.add(key, row)
        elif self.passage.is_open:
            self.passage.cross_row(key, row)
        return row

    def _join(self, key: bytes, record: Link | Merge | Alias) -> None:
        """Take what says that two ids are one person."""
        row = self.row(key, record.time_ms)
        self.store.touch(key, row)
        timer_ms = row.timer_ms
        self.identity.take(key, row, record)
        if row.timer_ms != timer_ms:
            self.timers.schedule(key, row.timer_ms)
