"""What measures would have kept of the events before them, from the customers' log itself.

A measure that definitions bring later is kept from the record on by which rows cross to them. This
runs over the log up to there, and keeps for each id what it would have kept of the id's own events:
duplicates, forwards and hand-overs are told apart by the rules of the live rows. Nothing is merged:
an id's past is sent to the id, whose row sends it on to whom it points by then, as it does with a
late event; what a row handed over goes to whom it was handed to. So each partition stands alone.

Exact, but for ids that forwarded before a log that retention has cut begins and stopped since, and
within one lateness of where the log begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from zoneinfo import ZoneInfo

import msgspec

from stream.clock import NEVER_MS
from stream.engine.decider import Decider
from stream.engine.effects import Effects, LogRecord
from stream.engine.identity import Identity, PathTooLongError
from stream.engine.newer_record import known_record
from stream.engine.settings import EngineSettings
from stream.engine.store import RowStore
from stream.engine.timeline import Timeline
from stream.engine.versions import DEFINITIONS, goes_on
from stream.events.records import (
    Alias,
    Backfill,
    Control,
    CustomerEvent,
    Erase,
    Handover,
    Link,
    Merge,
    Tick,
    Version,
)
from stream.segments.collect import Collect, compile_collectors
from stream.segments.measures import Measure
from stream.segments.pack import Pack, load_pack
from stream.state.codec import unpack
from stream.state.dedupe import is_duplicate, merge_ids, remember
from stream.state.filled import pack_kept
from stream.state.fold import FOLDS
from stream.state.merge import ALIASES_MAX
from stream.state.row import Row


class Beginning(msgspec.Struct):
    """Where rows of a partition begin to keep some measures.

    announced  offset of the version that brings them
    begins     offset of the record by which all rows cross to it; -1: it has not come yet
    active_ms  rows whose own time is past it cross before that
    """

    announced: int
    active_ms: int
    measures: tuple[str, ...]
    begins: int = -1


class Survey:
    """The first pass: where measures begin in each partition, and who forwarded from the start.

    Parameters
    ----------
    kept_ms
        Since when each measure of interest is kept.
    is_cut
        Retention has deleted the log's beginning, so ids may forward without a link in it.
    """

    def __init__(self, kept_ms: Mapping[str, int], *, is_cut: bool) -> None:
        self._kept_ms = kept_ms
        self._is_cut = is_cut
        self._known: dict[int, dict[str, Beginning]] = {}
        self._packs: dict[int, Pack] = {}
        self._open: dict[int, list[Beginning]] = {}
        self._clock_ms: dict[int, int] = {}
        self._relays: set[str] = set()
        self._senders: set[str] = set()

    def take(self, partition: int, records: Iterable[LogRecord]) -> None:
        """Take the next records of a partition."""
        for record in records:
            if record.key is None:
                self._control(partition, record)
            elif self._is_cut:
                self._note_path(record)

    def _control(self, partition: int, record: LogRecord) -> None:
        decoded = known_record(record)
        if isinstance(decoded, Tick):
            self._clock_ms[partition] = decoded.clock_ms
            waiting = self._open.get(partition, [])
            for each in [each for each in waiting if each.active_ms <= decoded.clock_ms]:
                each.begins = record.offset
                waiting.remove(each)
        elif isinstance(decoded, Version) and decoded.kind == DEFINITIONS:
            self._begin(partition, record.offset, decoded)

    def _begin(self, partition: int, offset: int, version: Version) -> None:
        former, pack = self._packs.get(partition), load_pack(version.content)
        self._packs[partition] = pack
        known = {
            key: each
            for key, each in self._known.get(partition, {}).items()
            if goes_on(former, pack, key)
        }
        new = tuple(
            key
            for key in pack.measures
            if key not in known and version.active_ms <= self._kept_ms.get(key, -1)
        )
        active_ms = max((self._kept_ms[key] for key in new), default=version.active_ms)
        beginning = Beginning(offset, active_ms, new)
        if active_ms <= self._clock_ms.get(partition, 0):
            beginning.begins = offset
        else:
            self._open.setdefault(partition, []).append(beginning)
        self._known[partition] = {key: known.get(key, beginning) for key in pack.measures}

    def _note_path(self, record: LogRecord) -> None:
        decoded = known_record(record)
        if decoded is None or isinstance(decoded, Control | Link | Handover):
            return
        path = decoded.path
        if isinstance(decoded, Merge):
            self._senders.add(decoded.source)
            path = path[1:]
        if path and not isinstance(decoded, Backfill):
            self._relays.add(path[-1])

    def beginnings(self, partition: int) -> list[Beginning]:
        """Where measures of interest begin in the partition, in its order; empty where nowhere."""
        found: dict[int, Beginning] = {}
        for key, beginning in self._known.get(partition, {}).items():
            if key in self._kept_ms and key in beginning.measures and beginning.begins >= 0:
                each = found.setdefault(
                    beginning.announced, msgspec.structs.replace(beginning, measures=())
                )
                each.measures = (*each.measures, key)
        return [found[offset] for offset in sorted(found)]

    @property
    def forwarded_before(self) -> set[str]:
        """Ids whose rows sent records on, and never handed one over in this log."""
        return self._relays - self._senders


class PastRows:
    """The second pass over one partition: ids, and what measures would have kept of their events.

    Rows are kept as the engine keeps them, packed at rest; of a million ids some 300 MB.
    """

    def __init__(
        self,
        beginnings: Sequence[Beginning],
        measures: Mapping[str, Measure],
        zone: ZoneInfo,
        kept_ms: Mapping[str, int],
        forwarded_before: Iterable[str] = (),
    ) -> None:
        self._beginnings = beginnings
        self._kept_ms = kept_ms
        self._left_out = frozenset(forwarded_before)
        self._store = RowStore()
        self._decider = Decider(EngineSettings(), Timeline())
        self._identity = Identity(self._store, self._decider)
        self._sent: list[tuple[bytes, Backfill]] = []
        self._collectors: list[dict[type, Collect]] = []
        for at in range(len(beginnings) + 1):
            wanted = [measures[key] for each in beginnings[at:] for key in each.measures]
            self._collectors.append(compile_collectors(wanted, zone))

    @property
    def end_offset(self) -> int:
        """From here on rows keep all of it themselves."""
        return self._beginnings[-1].begins if self._beginnings else 0

    def take(self, records: Iterable[LogRecord]) -> None:
        """Take the next records; those past the end are left out."""
        for record in records:
            if record.key is None or record.offset >= self.end_offset:
                continue
            decoded = known_record(record)
            if decoded is None or isinstance(decoded, Control | Backfill | Handover):
                continue
            if isinstance(decoded, Erase):
                self._store.remove(record.key)
                continue
            row = self._store.get(record.key)
            if row is None:
                row = Row()
                self._store.add(record.key, row)
            self._store.touch(record.key, row)
            if isinstance(decoded, Link):
                self._link(record, row, decoded)
            elif isinstance(decoded, Merge):
                self._merge(record, row, decoded)
            elif isinstance(decoded, Alias):
                with suppress(PathTooLongError):
                    self._identity.note(record.key, row, decoded)
            elif type(decoded) in FOLDS:
                self._event(record, row, decoded)
        self._store.commit()
        self._decider.effects = Effects()

    def _forwards(self, key: bytes, row: Row, record: CustomerEvent | Merge) -> bool:
        """Whether the row sent it on, or could not: then a copy, if any, counts elsewhere."""
        if row.forward_to is None:
            return False
        try:
            return self._identity.forward(key, row, record)
        except PathTooLongError:
            return True

    def _crossed(self, row: Row, record: LogRecord, time_ms: int) -> int:
        """How many of the beginnings the row has behind it; kept in `sequence`."""
        while row.sequence < len(self._beginnings):
            coming = self._beginnings[row.sequence]
            has_come = record.offset > coming.begins or (
                record.offset > coming.announced and time_ms >= coming.active_ms
            )
            if not has_come:
                break
            row.sequence += 1
        return row.sequence

    def _event(self, record: LogRecord, row: Row, event: CustomerEvent) -> None:
        assert record.key is not None
        if self._forwards(record.key, row, event) or is_duplicate(row, event.message_id):
            return
        remember(row, event.message_id, event.time_ms)
        row.events += 1
        row.time_ms = max(row.time_ms, event.time_ms)
        collect = self._collectors[self._crossed(row, record, event.time_ms)].get(type(event))
        if collect is not None and collect(row, event, row.time_ms):
            row.first_ms = min(row.first_ms or NEVER_MS, event.time_ms)

    def _link(self, record: LogRecord, row: Row, link: Link) -> None:
        assert record.key is not None
        self._crossed(row, record, link.time_ms)
        windows, first_ms = row.windows, row.first_ms
        self._decider.effects.forwards.clear()
        self._identity.link(record.key, row, link)
        if windows and any(isinstance(sent, Merge) for _, sent in self._decider.effects.forwards):
            source = record.key.decode()
            past = self._backfill(source, windows, first_ms, link.time_ms)
            self._sent.append((link.target.encode(), past))

    def _merge(self, record: LogRecord, row: Row, merge: Merge) -> None:
        """Of another id's row, what says who it is and which events it has had."""
        assert record.key is not None
        if self._forwards(record.key, row, merge):
            return
        other = unpack(merge.state)
        row.events += other.events
        merge_ids(row, other)
        own = record.key.decode()
        for alias in (merge.source, *other.aliases):
            if alias not in (own, *row.aliases) and len(row.aliases) < ALIASES_MAX:
                row.aliases.append(alias)

    def _backfill(
        self, source: str, windows: Mapping[str, object], first_ms: int, sent_ms: int
    ) -> Backfill:
        since = {key: self._kept_ms[key] for key in windows}
        return Backfill(
            source=source,
            state=pack_kept(windows),
            since=since,
            time_ms=first_ms,
            received_ms=first_ms,
            sent_ms=sent_ms,
        )

    def backfills(self) -> Iterator[tuple[bytes, Backfill]]:
        """To whose key each past goes, once all records were taken."""
        for key, past in self._sent:
            if past.source not in self._left_out:
                yield key, past
        for key, row in self._store.rows():
            source = key.decode()
            if row.windows and source not in self._left_out:
                yield key, self._backfill(source, row.windows, row.first_ms, 0)
