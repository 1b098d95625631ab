"""The time-keeper, and the announcer of versions: one for all partitions.

It hears from every source how far it has got, and tells every customer partition the time: the
least of the sources' watermarks. It adds up the partitions' population histograms as of each day's
first instant, and announces the quantiles; it announces new definitions and cluster models in
the order in which their topics hold them.

Two rules make populations exact whatever the pace. A day's quantiles come into force at the next
day's first instant, and the clock does not come within `POPULATION_LEAD_MS` of that instant before
they are known; they are announced just before the tick that does. No source routes events of the
next day before such a tick (`router.alignment_limit_ms`). So every version stands in the log before
anything that it decides, and is pending for minutes only, which leaves the way free for others.
"""

from __future__ import annotations

import msgspec
from xxhash import xxh3_64_hexdigest

from stream.clock import DAY_MS, day_of
from stream.engine.effects import PopulationSnapshot
from stream.engine.router import POPULATION_LEAD_MS
from stream.engine.versions import CLUSTERS, DEFINITIONS, PAST, POPULATION
from stream.events.records import Control, Tick, Version
from stream.features.population import add_counts, threshold
from stream.segments.leaf_code import percentile_key
from stream.segments.pack import load_pack

STATE_KEY = b"\0clock"


class SourceReport(msgspec.Struct, frozen=True):
    """How far a source has got.

    watermark_ms  -1 while nothing was ever written to it
    sources       how many there are
    event_ms      highest event time that it has routed
    """

    source: int
    watermark_ms: int
    offset: int
    sources: int
    event_ms: int = 0


class CoordinatorState(msgspec.Struct):
    """What the coordinator must know of its own doing; written with every decision.

    finished_day  last day whose population version is decided (-1: none)
    held          content of the version of `held_day`, while it waits to be announced
    names         kind -> name of the version announced last
    excluded      sources that no longer hold up the clock
    """

    clock_ms: int = -1
    finished_day: int = -1
    held: str | None = None
    held_day: int = -1
    names: dict[str, str] = {}
    excluded: list[int] = []


class Decision(msgspec.Struct, frozen=True):
    """Control records for every customer partition, in this order, and the state to keep."""

    control: tuple[Control, ...]
    state: bytes


class Coordinator:
    """Pure: told by a shell what was read, asked by it what to write."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.state = CoordinatorState()
        self.reports: dict[int, SourceReport] = {}
        self.snapshots: dict[int, dict[int, PopulationSnapshot]] = {}
        self._versions: dict[str, tuple[str, bytes]] = {}

    def resume(self, state: bytes) -> None:
        """Take up what an earlier owner decided."""
        self.state = msgspec.json.decode(state, type=CoordinatorState)

    def source(self, report: SourceReport) -> None:
        """Hear a source. One that was left out counts again when it has caught up."""
        self.reports[report.source] = report
        if report.source in self.state.excluded and report.watermark_ms >= self.state.clock_ms:
            self.state.excluded.remove(report.source)

    def exclude(self, source: int) -> None:
        """Let the clock go on without a source that is stuck."""
        if source not in self.state.excluded:
            self.state.excluded.append(source)

    def snapshot(self, snapshot: PopulationSnapshot) -> None:
        """Take one partition's histograms of one day."""
        if snapshot.day > self.state.finished_day:
            self.snapshots.setdefault(snapshot.day, {})[snapshot.partition] = snapshot

    def version(self, kind: str, name: str, content: bytes) -> None:
        """Take the newest version of the definitions or models topic."""
        self._versions[kind] = (name, content)

    def watermark_ms(self) -> int | None:
        """The least watermark of the sources in use; None until all have been heard."""
        reports = self.reports.values()
        expected = max((report.sources for report in reports), default=0)
        heard = {report.source for report in reports} | set(self.state.excluded)
        if not reports or len(heard) < expected:
            return None
        counting = [
            report.watermark_ms
            for report in reports
            if report.watermark_ms >= 0 and report.source not in self.state.excluded
        ]
        return min(counting, default=None)

    def holding_back(self, by_ms: int) -> list[int]:
        """The sources at the least watermark, where another is ahead of it by more than `by_ms`."""
        least = self.watermark_ms()
        if least is None:
            return []
        counting = [r for r in self.reports.values() if r.source not in self.state.excluded]
        if max(report.watermark_ms for report in counting) - least <= by_ms:
            return []
        return [report.source for report in counting if report.watermark_ms == least]

    def awaited_day(self) -> int | None:
        """The day whose histograms the clock waits for, if it does."""
        least, cap = self.watermark_ms(), self._cap_ms()
        return None if least is None or least <= cap else self.state.finished_day + 1

    def skip_day(self) -> None:
        """Give up the population version of the awaited day: the former one stays in force."""
        self.snapshots.pop(self.state.finished_day + 1, None)
        self.state.finished_day += 1

    def _cap_ms(self) -> int:
        return (self.state.finished_day + 2) * DAY_MS - POPULATION_LEAD_MS - 1

    def decide(self) -> Decision | None:
        """What to write now, or None. Nothing moves before there are definitions."""
        control: list[Control] = []
        if DEFINITIONS not in self.state.names and DEFINITIONS not in self._versions:
            return None
        control += self._news(DEFINITIONS)
        control += self._news(PAST)
        control += self._news(CLUSTERS)
        self._finish_days()
        least = self.watermark_ms()
        if least is not None:
            first = self.state.clock_ms < 0
            if first:
                self.state.finished_day = day_of(least)
            self._skip_quiet_days(least)
            clock_ms = min(least, self._cap_ms())
            if clock_ms > self.state.clock_ms:
                control += self._release(clock_ms)
                self.state.clock_ms = clock_ms
                control.append(Tick(clock_ms=clock_ms))
        if not control:
            return None
        return Decision(tuple(control), msgspec.json.encode(self.state))

    def _news(self, kind: str) -> list[Control]:
        """The newest version of a kind, where it has not been announced: in force from now on."""
        found = self._versions.get(kind)
        if found is None or self.state.names.get(kind) == found[0]:
            return []
        self.state.names[kind] = found[0]
        active_ms = max(self.state.clock_ms, 0)
        return [Version(kind=kind, name=found[0], active_ms=active_ms, content=found[1])]

    def _finish_days(self) -> None:
        """Decide the quantiles of the day for which all partitions have told their histograms."""
        day = self.state.finished_day + 1
        told = self.snapshots.get(day, {})
        if self.state.clock_ms < 0 or len(told) < self.partitions:
            return
        self.state.held = self._quantiles(list(told.values())).decode()
        self.state.held_day = self.state.finished_day = day
        for old in [d for d in self.snapshots if d <= day]:
            del self.snapshots[old]

    def _skip_quiet_days(self, least_ms: int) -> None:
        """Days that follow on the last finished one without an event have its quantiles."""
        latest_ms = max(report.event_ms for report in self.reports.values())
        if latest_ms < self.state.finished_day * DAY_MS:
            self.state.finished_day = max(self.state.finished_day, day_of(least_ms))

    def _release(self, clock_ms: int) -> list[Control]:
        """The quantiles that are due by a tick to `clock_ms`, where they differ from the last."""
        active_ms = (self.state.held_day + 1) * DAY_MS
        held = self.state.held
        if held is None or clock_ms < active_ms - POPULATION_LEAD_MS:
            return []
        self.state.held = None
        content = held.encode()
        name = xxh3_64_hexdigest(content)
        if held == "{}" or self.state.names.get(POPULATION) == name:
            return []
        self.state.names[POPULATION] = name
        return [Version(kind=POPULATION, name=name, active_ms=active_ms, content=content)]

    def _quantiles(self, snapshots: list[PopulationSnapshot]) -> bytes:
        definitions = self._versions.get(DEFINITIONS)
        found: dict[str, int] = {}
        if definitions is not None:
            pack = load_pack(definitions[1])
            for name in pack.sizes.values():
                size = sum(add_counts(s.counts.get(name, {}) for s in snapshots).values())
                if size:
                    found[name] = size
            for feature, ranks in pack.percentiles.items():
                histogram = add_counts(s.counts.get(feature, {}) for s in snapshots)
                for rank in ranks:
                    value = threshold(histogram, rank)
                    if value is not None:
                        found[percentile_key(feature, rank)] = value
        return msgspec.json.encode(dict(sorted(found.items())))
