"""The customer log lived again, under its own definitions or under others.

What the log says of identity and time stays, and so do the percentiles: a condition that asks for
one that no version in the log tells stays unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stream.backtest.observer import Observer
from stream.backtest.sampling import place_of
from stream.clock import NEVER_MS
from stream.engine.effects import StoredRecord
from stream.engine.settings import EngineSettings
from stream.engine.versions import DEFINITIONS
from stream.events.records import (
    Backfill,
    Control,
    Erase,
    Handover,
    Markers,
    Tick,
    Version,
    decode_record,
    encode_record,
)
from stream.segments.leaf_code import percentile_key
from stream.segments.pack import load_pack, pack_name
from stream.simulation.offline import LogReplay
from stream.simulation.relived import Relived, Standings, out_of_shadow, standings


class LogEdit(msgspec.Struct, frozen=True):
    """What of a log is replayed otherwise than it was written.

    definitions  in force from the start instead of those that the log announces, and none of
                 them in shadow; those of the log that are in shadow stay there
    until_ms     nothing after it happens, and time ends there
    share        of the customers, by the hash of the key; a key's log is whole, merges included
    """

    definitions: bytes | None = None
    until_ms: int | None = None
    share: float = 1.0

    def opening(self, record: StoredRecord) -> list[StoredRecord]:
        """What goes before a partition's first record."""
        if self.definitions is None:
            return []
        content = out_of_shadow(self.definitions)
        name = pack_name(content)
        version = Version(kind=DEFINITIONS, name=name, active_ms=0, content=content)
        return [StoredRecord(record.offset, record.timestamp, None, encode_record(version))]

    def edited(self, record: StoredRecord, decoded: Any) -> StoredRecord | None:
        """The record as it is replayed; None: not at all."""
        until_ms = NEVER_MS if self.until_ms is None else self.until_ms
        match decoded:
            case None | Markers():
                return record
            case Tick():
                if decoded.clock_ms <= until_ms:
                    return record
                value = encode_record(Tick(clock_ms=until_ms))
                return StoredRecord(record.offset, record.timestamp, None, value)
            case Version():
                is_exchanged = decoded.kind == DEFINITIONS and self.definitions is not None
                return None if is_exchanged or decoded.active_ms > until_ms else record
        if decoded.time_ms > until_ms:
            return None
        is_left_out = self.share < 1 and place_of((record.key or b"").decode()) >= self.share
        return None if is_left_out else record


class LogRun:
    """A run over a log: feed it with `take`, in each partition's order, and `end` it.

    Figures count from `from_ms` on (None: all that there is); a partition's period begins at its
    first record of that time or after. `explained` is as in `Observer`.
    """

    def __init__(
        self,
        edit: LogEdit,
        from_ms: int | None,
        explained: frozenset[str] | None = frozenset(),
    ) -> None:
        self._edit = edit
        self._from_ms = from_ms
        self._observer = Observer(from_ms or 0, explained)
        self._replay = LogReplay(EngineSettings())
        self._before: dict[int, Standings] = {}
        self._first_ms = NEVER_MS
        self._seen: set[int] = set()

    def take(self, partition: int, records: Sequence[StoredRecord]) -> None:
        """Take the next records of a partition."""
        pending: list[StoredRecord] = []
        for record in records:
            decoded = _decoded(record)
            if partition not in self._seen:
                self._seen.add(partition)
                pending += self._edit.opening(record)
            time_ms = _time_ms(decoded)
            if time_ms is not None:
                self._first_ms = min(self._first_ms, time_ms)
                if self._is_beginning(partition, time_ms):
                    self._fold(partition, pending)
                    pending = []
                    self._before[partition] = self._standings(partition)
            kept = self._edit.edited(record, decoded)
            if kept is not None:
                pending.append(kept)
        self._fold(partition, pending)

    def end(self) -> Relived | None:
        """What was observed; None where no definitions stand in the log and none were given."""
        observer, edit, engines = self._observer, self._edit, self._replay.engines
        definitions = edit.definitions or self._announced()
        if definitions is None:
            return None
        after: Standings = {}
        before: Standings = {}
        for partition in self._seen:
            now = self._standings(partition)
            after |= now
            before |= {} if self._from_ms is None else self._before.get(partition, now)
        end_ms = edit.until_ms
        if end_ms is None:
            end_ms = max((engine.clock_ms for engine in engines.values()), default=0)
            end_ms = max(end_ms, observer.last_ms)
        begin_ms = min(self._first_ms, observer.first_ms)
        told = {name for e in engines.values() for name in e.timeline.latest.thresholds}
        pack = load_pack(definitions)
        hidden = tuple(name for name, one in pack.definitions.items() if one.shadow)
        percentiles = pack.percentiles.items()
        asked = {percentile_key(feature, rank) for feature, ranks in percentiles for rank in ranks}
        return Relived(
            observer=observer,
            definitions=definitions,
            begin_ms=min(begin_ms if self._from_ms is None else self._from_ms, end_ms),
            end_ms=end_ms,
            before=before,
            after=after,
            unknown=tuple(sorted(asked - told)),
            hidden=() if edit.definitions is not None else hidden,
        )

    def _announced(self) -> bytes | None:
        """The definitions that are in force at the log's end, by its own word."""
        for engine in self._replay.engines.values():
            pack = engine.timeline.latest.pack
            for version in engine.passage.contents.values():
                is_one = pack is not None and version.kind == DEFINITIONS
                if is_one and load_pack(version.content) is pack:
                    return version.content
        return None

    def _is_beginning(self, partition: int, time_ms: int) -> bool:
        if self._from_ms is None or partition in self._before:
            return False
        return time_ms >= self._from_ms

    def _fold(self, partition: int, records: list[StoredRecord]) -> None:
        self._observer.take(self._replay.apply(partition, records))

    def _standings(self, partition: int) -> Standings:
        definitions = self._edit.definitions or self._announced()
        return standings([self._replay.engines[partition]], definitions)


def _decoded(record: StoredRecord) -> Any:
    """The record's meaning; None for one that the engine will bury."""
    try:
        return decode_record(record.value or b"")
    except msgspec.DecodeError:
        return None


def _time_ms(decoded: Any) -> int | None:
    """Event time of a record; those that are of no event have none."""
    if decoded is None or isinstance(decoded, Backfill | Control | Erase | Handover):
        return None
    return int(decoded.time_ms)
