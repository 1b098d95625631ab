"""Who is who: links, forwarding rows, merges, cycles, shared devices.

Identity is a forwarding address: the row that gets a link sends its state to the known customer
once, and from then on whatever still arrives for it.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from stream.clock import DAY_MS
from stream.engine.decider import Decider
from stream.engine.effects import UnreadableVersionError
from stream.engine.hysteresis import settle, unfinished
from stream.engine.settings import SHARED_TARGETS_MAX, TARGETS_KEPT_MAX, WAYS_MAX
from stream.engine.store import RowStore
from stream.engine.telling import Moment
from stream.events.records import PATH_MAX, Alias, Backfill, CustomerEvent, Link, Merge
from stream.state.codec import NewerRowError, pack, unpack
from stream.state.fold import deadline_ms
from stream.state.merge import ALIASES_MAX, merge
from stream.state.row import Row
from stream.state.row_parts import Voice
from stream.state.shed import shed


class PathTooLongError(ValueError):
    """A record was forwarded more often than any real identity needs."""

    reason: ClassVar[str] = "path_too_long"


class Identity:
    """The identity rules over the rows of one partition."""

    def __init__(self, store: RowStore, decider: Decider) -> None:
        self.store = store
        self.decider = decider

    def forward(
        self, key: bytes, row: Row, record: CustomerEvent | Link | Merge | Alias | Backfill
    ) -> bool:
        """Send the record on to where the row points; False where the row must take it itself.

        A row that finds itself in the record's path is on a cycle, and becomes its root.
        """
        assert row.forward_to is not None
        customer = key.decode()
        if customer in record.path:
            _point(row, None, record.time_ms)
            self.store.touch(key, row)
            return False
        if len(record.path) >= PATH_MAX:
            raise PathTooLongError(f"forwarded {PATH_MAX} times")
        on = msgspec.structs.replace(record, path=(*record.path, customer))
        self.decider.effects.forwards.append((row.forward_to, on))
        return True

    def take(self, key: bytes, row: Row, record: Link | Merge | Alias) -> None:
        """Take what says that two ids are one person."""
        if isinstance(record, Link):
            self.link(key, row, record)
        elif isinstance(record, Merge):
            self.merge(key, row, record)
        else:
            self.note(key, row, record)

    def link(self, key: bytes, row: Row, link: Link) -> None:
        """The id is `link.target`: send the row's state there, and forward from now on."""
        counts = self.decider.effects.counts
        known = (key.decode(), row.forward_to, *row.aliases)
        if row.shared or link.target in known:
            # An id that was merged into this row is no other person: the two were linked before.
            counts.duplicate += 1
            return
        counts.applied += 1
        since_ms = link.time_ms - DAY_MS
        recent = [t for t in row.targets if t[1] > since_ms and t[0] != link.target]
        row.targets = [*recent[-(TARGETS_KEPT_MAX - 1) :], (link.target, link.time_ms)]
        if len(row.targets) > SHARED_TARGETS_MAX:
            row.shared = True
            _point(row, None, link.time_ms)
            return
        if row.forward_to is None and row.events:
            self.decider.advance(key, row, link.time_ms)
            self._send_state(key, row, link)
        else:
            self._send_name(key.decode(), link)
        _point(row, link.target, link.time_ms)

    def _send_name(self, source: str, link: Link) -> None:
        """Say that this id points there, where no state does."""
        alias = Alias(
            source=source, time_ms=link.time_ms, received_ms=link.received_ms, path=(source,)
        )
        self.decider.effects.forwards.append((link.target, alias))

    def note(self, key: bytes, row: Row, record: Alias) -> None:
        """Keep the name of an id that points here, or have an alias keep it where there is no room.

        Nothing is decided by it.
        """
        counts, customer = self.decider.effects.counts, key.decode()
        if record.kept and row.forward_to not in record.path:
            counts.duplicate += 1  # it points elsewhere by now, and is no part of that tree
        elif not record.kept and row.forward_to is not None and self.forward(key, row, record):
            counts.forwarded += 1
        elif record.source == customer or record.source in row.aliases:
            counts.duplicate += 1
        elif len(row.aliases) < ALIASES_MAX:
            row.aliases.append(record.source)
            counts.applied += 1
        else:
            self._send_down(customer, row, record)
            counts.forwarded += 1

    def _send_down(self, customer: str, row: Row, record: Alias) -> None:
        """Have the latest alias keep a further name: eight of 64 make 512 for one customer."""
        if len(record.path) >= PATH_MAX:
            raise PathTooLongError(f"handed down {PATH_MAX} times")
        on = msgspec.structs.replace(record, kept=True, path=(*record.path, customer))
        self.decider.effects.forwards.append((row.aliases[-1], on))

    def _send_state(self, key: bytes, row: Row, link: Link) -> None:
        """Exit all segments, then hand the state over and keep none."""
        decider = self.decider
        now_ms = max(row.time_ms, link.time_ms)
        context = decider.timeline.of(row.activation)
        row.cluster = None
        for segment in sorted(row.segments):
            decider.tell(Moment(key, row, context, now_ms, "merge"), segment)
        decider.speak((key, row, context, now_ms, "merge", None))
        for segment in row.shadows:
            decider.members[segment] -= 1
        row.shadows = {}
        decider.leave_population(row, now_ms)
        kept = Row(
            sequence=row.sequence,
            time_ms=now_ms,
            activation=row.activation,
            targets=row.targets,
            ways=row.ways,
            voice=None if row.voice is None else Voice(sequence=row.voice.sequence),
        )
        row.bits, row.flips, row.targets, row.ways, row.sequence = [], None, [], (), 0
        state = Merge(
            source=key.decode(),
            state=pack(row),
            time_ms=now_ms,
            received_ms=link.received_ms,
            path=(key.decode(),),
        )
        decider.effects.forwards.append((link.target, state))
        row.become(kept)

    def merge(self, key: bytes, row: Row, record: Merge) -> None:
        """Take over another id's row; only the net change of segments is told.

        Raises
        ------
        UnreadableVersionError
            For a row that a newer build sent, as while workers are upgraded one by one: as a dead
            letter it would be lost, so it waits for a worker of that build.
        """
        decider = self.decider
        counts = decider.effects.counts
        if row.forward_to is not None and self.forward(key, row, record):
            counts.forwarded += 1
            return
        other = unpack_moved(record)
        counts.applied += 1
        decider.advance(key, row, record.time_ms)
        stays = unfinished(other)
        names, customer = (record.source, *other.aliases), key.decode()
        merge(row, other, record.source, customer)
        for name in names:
            if name != customer and name not in row.aliases:
                at_ms, received_ms = record.time_ms, record.received_ms
                alias = Alias(source=name, time_ms=at_ms, received_ms=received_ms)
                self._send_down(customer, row, alias)
        row.time_ms = max(row.time_ms, other.time_ms, record.time_ms)
        context = decider.timeline.of(row.activation)
        row.timer_ms = deadline_ms(row)
        if context.pack is None:
            return
        decider.count_population(row, context, row.time_ms)
        flip_ms = decider.decide_all((key, row, context, row.time_ms, "merge", None))
        if stays:
            settle(row, stays, context.pack.units, row.time_ms)
        wake_ms = decider.speak((key, row, context, row.time_ms, "merge", None))
        row.timer_ms = min(row.timer_ms, flip_ms, wake_ms)


def unpack_moved(record: Merge) -> Row:
    """The row that a merge brings.

    Raises
    ------
    UnreadableVersionError
        A newer build packed it.
    """
    try:
        return unpack(record.state)
    except NewerRowError as error:
        raise UnreadableVersionError(f"a merge: {error}") from error


def _point(row: Row, target: str | None, time_ms: int) -> None:
    """From now on records for the id go there; None: the row takes them itself."""
    row.forward_to = target
    if len(row.ways) >= WAYS_MAX:
        shed("ways")
    row.ways = (*row.ways[1 - WAYS_MAX :], (target or "", max(row.time_ms, time_ms)))
