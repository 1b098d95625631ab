"""THE transition: one partition of `customer-events`, record by record.

What comes out depends on the records and their order alone: not on how they were cut into
batches, which worker had them, or when. A record either is applied, or is a duplicate, is
forwarded, is quarantined, is control, or ends as a dead record; one that raises is undone, with
what came before it in the batch settled first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from stream.clock import day_of
from stream.engine.committed_rows import CommittedRows
from stream.engine.days import Days, Histograms
from stream.engine.decider import Decider
from stream.engine.effects import (
    NO_RECORDS_FAULT,
    Effects,
    EngineStateError,
    LogRecord,
    PopulationSnapshot,
)
from stream.engine.erasure import Erasure
from stream.engine.identity import Identity
from stream.engine.meta import (
    ERASED_PREFIX,
    META_KEY,
    POPULATION_KEY,
    VERSION_PREFIX,
    Meta,
    SourceState,
    pack_meta,
    unpack_meta,
)
from stream.engine.newer_record import refuse_newer
from stream.engine.passage import Passage
from stream.engine.quarantine import watch
from stream.engine.relations import Relations
from stream.engine.row_index import index_rows
from stream.engine.run_mark import RUN_KEY, RunMark, check_mark, read_mark
from stream.engine.settings import (
    SWEEP_PER_RECORD,
    SWEEP_PER_TICK,
    TIMERS_PER_RECORD,
    TIMERS_PER_TICK,
    EngineSettings,
)
from stream.engine.store import RowStore
from stream.engine.timeline import Timeline
from stream.events.records import (
    Control,
    CustomerEvent,
    Markers,
    OrderCompleted,
    Record,
    Tick,
    Version,
    decode_record,
)
from stream.state.dedupe import is_duplicate, remember
from stream.state.fold import CONSENT, FOLDS, ORDERS, TIME, deadline_ms, fold
from stream.state.row import Row
from stream.state.shed import take_shed
from stream.timers.queue import TimerQueue


class PartitionEngine:
    """State and transition of one partition."""

    def __init__(
        self, partition: int, settings: EngineSettings, below: CommittedRows | None = None
    ) -> None:
        self.partition = partition
        self.settings = settings
        self.meta = Meta(incarnation=settings.incarnation)
        self.store = RowStore(settings.hot_rows_max, below)
        self.timers = TimerQueue()
        self.timeline = Timeline()
        self.decider = Decider(settings, self.timeline)
        self.identity = Identity(self.store, self.decider)
        self.passage = Passage(self.store, self.timers, self.timeline, self.decider)
        self.erasure = Erasure(self.store, self.decider, partition, settings.erasure_secrets)
        self.relations = Relations(self.passage, self.identity, self.erasure)
        self.days = Days(self.decider)
        self.mark: RunMark | None = None
        self._committed = pack_meta(self.meta)

    @property
    def next_offset(self) -> int:
        return self.meta.next_offset

    @property
    def source(self) -> SourceState | None:
        """What routing kept with the last batch."""
        return self.meta.source

    @property
    def clock_ms(self) -> int:
        return self.meta.clock_ms

    @property
    def members(self) -> dict[str, int]:
        """Customers by segment."""
        return self.decider.members

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take one record of the changelog, in offset order."""
        if not key.startswith(b"\0"):
            if value is None:
                self.store.packed.pop(key, None)
            else:
                self.store.packed[key] = value
        elif key == META_KEY and value is not None:
            self._committed = value
        elif key == POPULATION_KEY:
            self.days.restore(value)
        elif key.startswith(VERSION_PREFIX):
            self.passage.restore(key, value)
        elif key.startswith(ERASED_PREFIX):
            self.erasure.restore(key, value)
        elif key == RUN_KEY:
            self.mark = read_mark(value)

    def restored(self) -> None:
        """Stand where the restored records say: `index`, whole."""
        for _ in self.index():
            pass

    def index(self) -> Iterator[int]:
        """Rebuild what is an index over the restored rows, in steps of 2 ms; yields rows done.

        Raises
        ------
        EngineStateError
            Where the changelog belongs to another incarnation, or to one that has ended, or a
            version's content is missing.
        """
        self._load_meta()
        if self.meta.incarnation != self.settings.incarnation:
            raise EngineStateError(
                f"the changelog is of incarnation {self.meta.incarnation!r}, "
                f"this worker is set to {self.settings.incarnation!r}; set SHOAL_INCARNATION to it"
            )
        check_mark(self.mark, self.settings.incarnation)
        self.erasure.check()
        self.decider.members = yield from index_rows(self.store, self.timers)

    def _load_meta(self) -> None:
        """Stand where the committed meta record says."""
        meta = self.meta = unpack_meta(self._committed)
        self.passage.resume(meta)
        self.decider.deltas = meta.deltas
        self.decider.open_day = meta.open_day
        if meta.clock_ms >= 0:
            self.passage.begin(meta)

    # -- fold ---------------------------------------------------------------------------------

    def fold(
        self, records: Sequence[LogRecord], source: SourceState | None = None, whole: bool = False
    ) -> Effects:
        """Apply records in order; the effects, rows and meta record included.

        `source` is what routing keeps with the same transaction. `whole`: all of them or none, and
        what one raises is raised.

        Raises
        ------
        EngineStateError
            For records that were folded before.
        UnreadableVersionError
            For a version, or a kind of record, that this build cannot read: to go on without it
            would decide by the former one for ever.
        """
        if records and records[0].offset < self.meta.next_offset:
            raise EngineStateError(
                f"offset {records[0].offset} of partition {self.partition} was folded before: "
                f"{self.meta.next_offset} is next; restart the worker, which restores"
            )
        effects = Effects()
        done = 0
        while done < len(records):
            done += self._fold_some(records[done:] if done else records, effects, whole)
        if source is not None:
            self.meta.source = source
        self._committed = effects.rows[META_KEY] = pack_meta(self.meta)
        effects.counts.timers_pending = self.timers.pending
        return effects

    def _fold_some(
        self, records: Sequence[LogRecord], effects: Effects, whole: bool = False
    ) -> int:
        """Apply records, all or as many as come before one that raises; how many have ended.

        What was applied is settled before the one that raises is tried alone, so that a batch full
        of them costs no more than twice its records.
        """
        decider = self.decider
        before = (self.days.histograms, dict(self.passage.contents), dict(decider.members))
        part = decider.effects = Effects()
        decider.changed = {}
        good = 0
        try:
            for record in records:
                self._take(record, part)
                good += 1
            self.meta.next_offset = records[-1].offset + 1
            self._settle(part)
        except NO_RECORDS_FAULT:
            raise
        except Exception as error:  # put back; raised, or dead-lettered with its reason
            self._rollback(*before)
            take_shed()
            if whole:
                raise
            if len(records) > 1:
                # Where all were taken, a row does not pack: halves find out whose.
                known = good or 1 if good < len(records) else len(records) // 2
                return self._fold_some(records[:known], effects)
            part = decider.effects = Effects()
            part.bury(records[0], error)
            self.meta.next_offset = records[0].offset + 1
        part.counts.consumed = len(records)
        part.shed = take_shed()
        effects.extend(part)
        return len(records)

    def _take(self, record: LogRecord, part: Effects) -> None:
        """Apply one record; one that does not decode is dead before it could change anything."""
        self.decider.record_ms = record.timestamp
        try:
            decoded: Record = decode_record(record.value or b"")
        except msgspec.DecodeError as error:
            refuse_newer(record)
            part.bury(record, error)
            return
        self._apply(record.key, decoded)

    def _apply(self, key: bytes | None, decoded: Record) -> None:
        if type(decoded) in FOLDS and key is not None:
            self._event(key, decoded)  # type: ignore[arg-type]
        elif isinstance(decoded, Tick | Version | Markers):
            self._control(decoded)
            return
        elif key is None:
            raise EngineStateError("a customer record has no key")
        else:
            self.relations.take(key, decoded, self.meta.clock_ms)
        if self.meta.backlog_ms:
            self._fire_due(TIMERS_PER_RECORD)
        if self.passage.is_open:
            self.passage.cross(self.meta, SWEEP_PER_RECORD)

    def _control(self, record: Control) -> None:
        if isinstance(record, Tick):
            self._tick(record.clock_ms)
        elif isinstance(record, Markers):
            self.erasure.learn(record)
        else:
            self.passage.announce(self.meta, record)
        self.decider.effects.counts.control += 1

    def _event(self, key: bytes, event: CustomerEvent) -> None:
        """Fold one event: timers due by then first, then the row, then what reads it.

        A customer's first event decides everything: a segment may be entered because nothing of
        what it reads has happened.
        """
        decider, store = self.decider, self.store
        counts = decider.effects.counts
        time_ms = event.time_ms
        row = store.get(key)
        if (row is None or time_ms < row.time_ms) and self.erasure.refuses(key, time_ms, event):
            return
        if row is None or self.passage.is_open:
            row = self.relations.row(key, time_ms)
        if row.forward_to is not None and self.identity.forward(key, row, event):
            counts.forwarded += 1
            return
        if row.pace is not None and time_ms < row.pace.until_ms:
            counts.quarantined += 1
            return
        message_id = event.message_id
        if is_duplicate(row, message_id):
            counts.duplicate += 1
            return
        store.touch(key, row)
        timer_before = row.timer_ms
        if timer_before <= time_ms or self.timeline.next_active_ms <= time_ms:
            decider.advance(key, row, time_ms)
        at_ms = None
        if time_ms < row.time_ms:
            counts.late += 1
            at_ms = time_ms
        else:
            row.time_ms = time_ms
        if not remember(row, message_id, time_ms) or row.pace is not None:
            watch(decider, key, row, at_ms)
        parts = fold(row, event)
        counts.applied += 1
        timer_ms = self._decide(key, row, event, parts, at_ms)
        if timer_ms != timer_before:
            self.timers.schedule(key, timer_ms)

    def _decide(
        self, key: bytes, row: Row, event: CustomerEvent, parts: int, at_ms: int | None
    ) -> int:
        """Decide what reads the changed parts; when the row next wants to be woken."""
        decider, now_ms = self.decider, row.time_ms
        context = self.timeline.of(row.activation)
        pack = context.pack
        next_ms = deadline_ms(row)
        if pack is not None:
            parts |= pack.collect(row, event, now_ms)
            parts |= TIME if now_ms < self.meta.clock_ms else 0  # timers have fired past it
            if parts & pack.population_parts:
                decider.count_population(row, context, now_ms)
            flip_ms = decider.decide_event(parts, (key, row, context, now_ms, "event", at_ms))
            if flip_ms < next_ms:  # noqa: PLR1730 a call of min() costs more than the rest
                next_ms = flip_ms
        if parts & CONSENT:
            next_ms = min(next_ms, decider.speak((key, row, context, now_ms, "consent", at_ms)))
        if parts & ORDERS and type(event) is OrderCompleted:
            decider.learn(key, row, context, now_ms, "event")
        timer_ms = row.timer_ms
        if next_ms < timer_ms:
            row.timer_ms = timer_ms = next_ms
        return timer_ms

    # -- time and versions --------------------------------------------------------------------

    def _tick(self, clock_ms: int) -> None:
        """Move the clock: close days, start sweeps, fire what is due, within the caps."""
        meta = self.meta
        if clock_ms <= meta.clock_ms:
            return
        day = day_of(clock_ms)
        if day > meta.open_day:
            self.passage.finish(meta)
            told = self.days.close(day)
            if meta.clock_ms >= 0:
                self.decider.effects.population.append(
                    PopulationSnapshot(self.partition, day, told)
                )
            meta.open_day = self.decider.open_day = day
        meta.clock_ms = clock_ms
        self.passage.begin(meta)
        if self.passage.is_open:
            self.passage.cross(meta, SWEEP_PER_TICK)
        self._fire_due(TIMERS_PER_TICK)

    def _fire_due(self, rows_max: int) -> None:
        """Wake rows due by the clock; `backlog_ms` tells later records that some are left."""
        clock_ms, effects = self.meta.clock_ms, self.decider.effects
        while rows_max > 0:
            entry = self.timers.due(clock_ms)
            if entry is None:
                self.meta.backlog_ms = 0
                return
            due_ms, key = entry
            row = self.store.get(key)
            if row is None or row.timer_ms != due_ms:
                continue
            rows_max -= 1
            effects.timer_lag_ms = max(effects.timer_lag_ms, self.decider.record_ms - due_ms)
            self.store.touch(key, row)
            self.decider.advance(key, row, clock_ms)
            self.timers.schedule(key, row.timer_ms)
        self.meta.backlog_ms = clock_ms

    # -- batch --------------------------------------------------------------------------------

    def _settle(self, effects: Effects) -> None:
        """Pack the rows, and stand from now on after the records that changed them."""
        rows = effects.rows
        rows.update(self.store.commit())
        rows.update(self.days.take_written())
        rows.update(self.passage.take_written())
        rows.update(self.erasure.take_written())
        self.meta.deltas = self.decider.deltas
        self._committed = pack_meta(self.meta)
        self.decider.tell_memberships()

    def _rollback(
        self, histograms: Histograms, contents: dict[str, Version], members: dict[str, int]
    ) -> None:
        """Stand as before the batch. Of the timers, only those that were due have been taken."""
        for key in self.store.rollback():
            row = self.store.get(key)
            if row is not None and row.timer_ms <= self.meta.clock_ms:
                self.timers.schedule(key, row.timer_ms)
        self.passage.take_written()
        self.days.take_written()
        self.erasure.rollback()
        self.days.histograms, self.passage.contents = histograms, dict(contents)
        self.decider.members = dict(members)
        self._load_meta()
