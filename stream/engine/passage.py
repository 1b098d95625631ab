"""The passage of a partition's rows to announced versions: some rows at a time, between records.

A row that nothing changes for is not written: after the sweep all rows count as crossed. A sweep
that a crash interrupts begins anew, and finds the rows that it changed on the other side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from stream.clock import NEVER_MS
from stream.engine.context import Context
from stream.engine.decider import Decider
from stream.engine.effects import EngineStateError, UnreadableVersionError
from stream.engine.meta import VERSION_PREFIX, Announced, Meta
from stream.engine.store import RowStore
from stream.engine.timeline import Timeline
from stream.events.records import Version
from stream.state.row import Row
from stream.timers.queue import TimerQueue

_version = msgspec.msgpack.Decoder(Version)


class Passage:
    """Announces versions on a partition's timeline and sweeps its rows over to them.

    contents  "kind/name" -> the announced version, for those on the timeline
    """

    def __init__(
        self, store: RowStore, timers: TimerQueue, timeline: Timeline, decider: Decider
    ) -> None:
        self.store = store
        self.timers = timers
        self.timeline = timeline
        self.decider = decider
        self.contents: dict[str, Version] = {}
        self._written: dict[bytes, bytes | None] = {}
        self._keys: list[bytes] = []
        self._more: Iterator[list[bytes]] = iter(())
        self._number = 0
        self._latest = 0

    @property
    def is_open(self) -> bool:
        """Whether rows are on their way to a version."""
        return self._number > 0

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take a version's content from the changelog, or its tombstone."""
        name = key[len(VERSION_PREFIX) :].decode()
        if value is None:
            self.contents.pop(name, None)
        else:
            self.contents[name] = _version.decode(value)

    def resume(self, meta: Meta) -> None:
        """Stand on the timeline where the meta record says.

        Raises
        ------
        EngineStateError
            For a version whose content is missing, or of a newer build.
        """
        timeline = self.timeline
        timeline.restart_at(meta.base_number - len(meta.base))
        for announced in meta.base:
            self._put(self._content(announced), announced.kept_ms)
        timeline.complete(meta.base_number)
        for announced in meta.versions:
            self._put(self._content(announced), announced.kept_ms)
            if announced.begun_ms:
                timeline.begun_ms[announced.number] = announced.begun_ms
        self._keys, self._more, self._number = [], iter(()), 0

    def _put(self, version: Version, kept_ms: Mapping[str, int] | None = None) -> Context:
        try:
            return self.timeline.announce(version, kept_ms)
        except ValueError as error:
            raise UnreadableVersionError(
                f"{version.kind} {version.name} cannot be read by this build ({error}); run the "
                "build that announced it"
            ) from error

    def _content(self, announced: Announced) -> Version:
        version = self.contents.get(f"{announced.kind}/{announced.name}")
        if version is None:
            raise EngineStateError(
                f"the changelog lacks the content of {announced.kind} {announced.name}; "
                "rebuild under a new SHOAL_APP name"
            )
        return msgspec.structs.replace(version, active_ms=announced.active_ms)

    def take_written(self) -> dict[bytes, bytes | None]:
        """Changelog records of the contents that the batch brought or dropped."""
        written, self._written = self._written, {}
        return written

    def announce(self, meta: Meta, version: Version) -> None:
        """Put a version on the timeline; one that is already the newest of its kind is not news.

        Raises
        ------
        UnreadableVersionError
            For a kind or a content of a newer build.
        """
        known = (*meta.base, *meta.versions)
        if version.name == next((a.name for a in reversed(known) if a.kind == version.kind), ""):
            return
        context = self._put(version)
        meta.versions.append(
            Announced(
                context.number,
                version.kind,
                version.name,
                context.active_ms,
                kept_ms=dict(context.kept_ms),
            )
        )
        name = f"{version.kind}/{version.name}"
        self.contents[name] = version
        self._written[VERSION_PREFIX + name.encode()] = msgspec.msgpack.encode(version)
        self.begin(meta)

    def begin(self, meta: Meta) -> None:
        """Set out for the versions whose time has come, with one sweep after the other."""
        clock_ms = max(meta.clock_ms, 0)
        for announced in meta.versions:
            if announced.active_ms <= clock_ms:
                announced.begun_ms = announced.begun_ms or self.decider.record_ms
                self.timeline.begun_ms[announced.number] = announced.begun_ms
                self._latest = announced.number
        while not self.is_open and self.timeline.next_active_ms <= clock_ms:
            self._number = self.timeline.swept + 1
            self._more = self.store.key_chunks()
            if self._has_keys():
                return
            self._arrive(meta)

    def _has_keys(self) -> bool:
        """Whether rows are left to be taken over; brings the next ones' keys."""
        while not self._keys:
            more = next(self._more, None)
            if more is None:
                return False
            self._keys = more
        return True

    def cross(self, meta: Meta, rows_max: int) -> None:
        """Take up to `rows_max` rows over."""
        while rows_max > 0 and self._has_keys():
            rows_max -= 1
            key = self._keys.pop()
            row = self.store.peek(key)
            if row is not None:
                self.cross_row(key, row)
        if not self._has_keys():
            self._arrive(meta)
            self.begin(meta)

    def finish(self, meta: Meta) -> None:
        """Take all rows over, before a day's histograms are told."""
        while self.is_open:
            self.cross(meta, NEVER_MS)

    def cross_row(self, key: bytes, row: Row) -> None:
        """Take one row over to the latest version whose time has come.

        Whoever touches a row does that first, so the pace of the sweep decides nothing.
        """
        context = self.timeline.contexts[self._latest]
        if row.activation >= context.number:
            return
        timer_ms = row.timer_ms
        if self.decider.advance(key, row, max(context.active_ms, row.time_ms)):
            self.store.touch(key, row)
            if row.timer_ms != timer_ms:
                self.timers.schedule(key, row.timer_ms)

    def _arrive(self, meta: Meta) -> None:
        """All rows have crossed: what is no longer in force goes."""
        number, self._number = self._number, 0
        self.timeline.complete(number)
        crossed = [a for a in meta.versions if a.number <= number]
        coming = [a for a in meta.versions if a.number > number]
        in_force = {a.kind: a for a in (*meta.base, *crossed)}
        needed = {(a.kind, a.name) for a in (*in_force.values(), *coming)}
        for old in (*meta.base, *crossed):
            if (old.kind, old.name) not in needed:
                name = f"{old.kind}/{old.name}"
                self.contents.pop(name, None)
                self._written[VERSION_PREFIX + name.encode()] = None
        meta.base = sorted(in_force.values(), key=lambda a: a.number)
        meta.base_number = number
        meta.versions = coming
