"""The past of measures that were defined after it: what a `Backfill` brings is added to the row.

What a measure kept since its definitions are in force, and what it would have kept before, are of
different events, so they add up in any order, through forwards and merges as well. A repeated
backfill adds nothing, and one for definitions that are gone means nothing. What is added can prove
"at least"; the rest stays unknown until the log says that the past is whole (a version `past`).
"""

from __future__ import annotations

import msgspec

from stream.engine.context import Context
from stream.engine.identity import Identity, PathTooLongError
from stream.engine.passage import Passage
from stream.events.records import Backfill
from stream.state.filled import mark_of, note, unpack_kept
from stream.state.merge_windows import merge_kept
from stream.state.row import Row

HAND_OVERS_MAX = 32
"""A past goes all the ways of its id one after the other, each of which is short by itself."""


class Rebuild:
    """Takes backfills into the rows of one partition."""

    def __init__(self, passage: Passage, identity: Identity) -> None:
        self.store = passage.store
        self.timers = passage.timers
        self.decider = passage.decider
        self.passage = passage
        self.identity = identity

    def take(self, key: bytes, record: Backfill, clock_ms: int) -> None:
        """Take one in, or send it on to whom the row points to.

        A customer whom nobody knows any more was erased: nothing comes back.
        """
        counts = self.decider.effects.counts
        row = self.store.get(key)
        if row is None:
            counts.duplicate += 1
            return
        if self._goes_on(key, row, record):
            counts.forwarded += 1
            return
        if self.passage.is_open:
            self.passage.cross_row(key, row)
        timer_ms = row.timer_ms
        self.store.touch(key, row)
        self.decider.advance(key, row, max(clock_ms, row.time_ms))
        context = self.decider.timeline.of(row.activation)
        if _add(row, record, context):
            counts.applied += 1
            if row.events:
                self._decide(key, row, context, clock_ms)
        else:
            counts.duplicate += 1
        if row.timer_ms != timer_ms:
            self.timers.schedule(key, row.timer_ms)

    def _goes_on(self, key: bytes, row: Row, record: Backfill) -> bool:
        """Send it the way that what it is of has gone, which need not be where the id points today.

        It follows the hand-overs in the order of their time: `received_ms` says how far it has got.
        Whoever pointed to somebody then sent it on at once; else it went with the next hand-over.
        """
        if not row.ways:
            return row.forward_to is not None and self.identity.forward(key, row, record)
        at_ms = max(record.received_ms, record.sent_ms or max(record.since.values(), default=0))
        way = [one for one in row.ways if one[1] <= at_ms][-1:]
        if not way or not way[0][0]:
            way = [one for one in row.ways if one[1] > at_ms and one[0]][:1]
        if not way:
            return False
        if len(record.path) >= HAND_OVERS_MAX:
            raise PathTooLongError(f"handed over {HAND_OVERS_MAX} times")
        [(target, since_ms)] = way
        path, got_ms = (*record.path, key.decode()), max(at_ms, since_ms)
        on = msgspec.structs.replace(record, path=path, received_ms=got_ms)
        self.decider.effects.forwards.append((target, on))
        return True

    def _decide(self, key: bytes, row: Row, context: Context, clock_ms: int) -> None:
        now_ms, before = max(clock_ms, row.time_ms), row.sequence
        about = (key, row, context, now_ms, "definition", None)
        flip_ms = self.decider.decide_all(about)
        if row.sequence != before:
            row.time_ms = now_ms
        row.timer_ms = min(row.timer_ms, flip_ms)


def _add(row: Row, record: Backfill, context: Context) -> bool:
    """Add what is of the measures in force, and was not added before; whether anything was."""
    is_new = row.events and not record.path and record.time_ms < row.first_ms
    if context.pack is None or is_new:
        # Whoever has been here only since was erased, and came again: nothing comes back.
        return False
    added = False
    for key, kept in unpack_kept(record.state).items():
        since_ms = record.since.get(key, 0)
        if not since_ms or context.kept_ms.get(key) != since_ms:
            continue
        if note(row.filled, key, mark_of(key, since_ms, record.source, record.sent_ms)):
            row.windows[key] = merge_kept(row.windows.get(key), kept)
            added = True
    return added
