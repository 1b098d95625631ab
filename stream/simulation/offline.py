"""The offline shell: the same core over events in the order of their time, or over a log.

`Offline` plays all parts of a live run at once: one source, the time-keeper, one partition. What a
record sends on (a merge, a forwarded event) is applied right after it, so the result does not
depend on batching, and two runs over the same events agree byte for byte. Where a live run's input
was keyed and in order, it agrees with this one as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stream.clock import LATENESS_MS, MINUTE_MS, NEVER_MS
from stream.engine.coordinator import Coordinator, SourceReport
from stream.engine.effects import (
    NO_RECORDS_FAULT,
    Counts,
    DeadRecord,
    Effects,
    LearnPoint,
    LogRecord,
    StoredRecord,
)
from stream.engine.partition import PartitionEngine
from stream.engine.routed import Outputs
from stream.engine.router import Router, alignment_limit_ms
from stream.engine.settings import EngineSettings
from stream.engine.versions import DEFINITIONS
from stream.events.actions import ActionTurned
from stream.events.changes import Membership, SegmentChanged
from stream.events.decoded import Decoded
from stream.events.erasures import ErasureAskedError
from stream.events.records import PATH_MAX, encode_record
from stream.segments.pack import pack_name
from stream.simulation.in_place import InPlace, Waiting, as_waiting

TICK_EVERY_MS = 10 * MINUTE_MS
"""Event time between ticks. Any other value gives the same changes; one well under an hour lets no
change seem historic that the tick after it tells of."""

BATCH_MAX = 10_000


class Offline:
    """A run over events that come in the order of their time.

    Feed it with `apply`, end it with `finish`; both give the changes as they happen. Actions, and
    changes of silent definitions, are in its lists, where they are to be kept.
    """

    def __init__(self, settings: EngineSettings, definitions: bytes) -> None:
        self.engine = PartitionEngine(0, settings)
        self.router = Router(0, 1)
        self.coordinator = Coordinator(1)
        self.coordinator.version(DEFINITIONS, pack_name(definitions), definitions)
        self.counts = Counts()
        self.dead: list[DeadRecord] = []
        self.learned: list[LearnPoint] = []
        self.keep_learned = False
        self.shadow_changes: list[SegmentChanged] = []
        self.keep_shadow_changes = False
        self.actions: list[ActionTurned] = []
        self.keep_actions = False
        self._sent = self.router.nothing()
        self._waiting: list[Waiting] = []
        self._links_wait = False
        self._changes: list[SegmentChanged] = []
        self._limit_ms = 0
        self._tick_ms = -1
        self._last_ms = 0
        self._received_ms = 0

    def apply(self, decoded: Decoded) -> list[SegmentChanged]:
        """Take the next event; its time is not before the former one's. The changes so far.

        Raises
        ------
        RejectedEventError
            Before anything is applied, for an event that no record can hold.
        """
        sent = self._sent
        has_news = self.router.emit(decoded, sent)
        time_ms, received_ms = decoded.time_ms, decoded.received_ms
        if time_ms >= self._limit_ms or time_ms >= self._tick_ms:
            self._keep_time(time_ms - LATENESS_MS)
            self._tick_ms = self.coordinator.state.clock_ms + LATENESS_MS + TICK_EVERY_MS
        self._last_ms = max(self._last_ms, time_ms)
        self._received_ms = max(self._received_ms, received_ms)
        self._append(sent, received_ms)
        if has_news:
            self._links_wait = True
        return self._take()

    def erase(self, asked: ErasureAskedError) -> list[SegmentChanged]:
        """Take a request to erase, in its place among the events; the changes so far."""
        self.router.erase(asked, f"{asked.time_ms}", self._sent)
        self._append(self._sent, asked.received_ms)
        self._links_wait = True
        return self._take()

    def finish(self, until_ms: int | None = None) -> list[SegmentChanged]:
        """Advance every customer's time to `until_ms`, or to the last event's."""
        self._keep_time(max(self._last_ms, until_ms or 0))
        self._fold()
        return self._take()

    @property
    def clock_ms(self) -> int:
        """The time up to which everything has happened: of the last tick that is folded."""
        return self.engine.clock_ms

    def members(self) -> Iterator[Membership]:
        """Every customer's segments as they now are, by customer id."""
        yield from members_of([self.engine])

    def customer_of(self, identity: str) -> str:
        """Whose an id's records are, as far as events were applied: links are followed."""
        if self._links_wait:
            self._fold()
        for _ in range(PATH_MAX):
            row = self.engine.store.get(identity.encode())
            if row is None or row.forward_to is None:
                break
            identity = row.forward_to
        return identity

    def _append(self, sent: Outputs, timestamp: int) -> None:
        """Put what was routed into the log, and fold when it is time."""
        records = sent[0]
        self._waiting += [(timestamp, key, value) for key, value in records]
        records.clear()
        if len(self._waiting) >= BATCH_MAX:
            self._fold()

    def _take(self) -> list[SegmentChanged]:
        changes = self._changes
        if changes:
            self._changes = []
        return changes

    def _fold(self) -> None:
        """Fold what waits; where a record raises, one by one, as if there was no batch."""
        waiting, self._waiting = self._waiting, []
        self._links_wait = False
        engine = self.engine
        records = InPlace(engine.next_offset, waiting, lambda: engine.decider.effects.forwards)
        try:
            effects = engine.fold(records, whole=True)
        except NO_RECORDS_FAULT:
            raise
        except Exception:  # noqa: BLE001 found again alone, and then it is buried with its reason
            self._fold_alone(waiting)
        else:
            self._heed(effects)

    def _fold_alone(self, waiting: Sequence[Waiting]) -> None:
        """Fold these, each with what it sends on before the next."""
        for one in waiting:
            effects = self.engine.fold([StoredRecord(self.engine.next_offset, *one)])
            self._heed(effects)
            self._fold_alone([as_waiting(*sent) for sent in effects.forwards])

    def _heed(self, effects: Effects) -> None:
        """Keep what came of records; what they have sent on was folded, or is next."""
        self.counts.add(effects.counts)
        self.dead += effects.dead
        if self.keep_learned:
            self.learned += effects.learned
        if self.keep_shadow_changes:
            self.shadow_changes += effects.shadow_changes
        if self.keep_actions:
            self.actions += effects.actions
        for snapshot in effects.population:
            self.coordinator.snapshot(snapshot)
        self._changes += effects.changes

    def _keep_time(self, watermark_ms: int) -> None:
        """Tick up to the watermark, day by day, with the versions that come on the way.

        Ticks take their place in the log; they are folded at once where the clock waits for what a
        day's end tells.
        """
        report = SourceReport(
            source=0, watermark_ms=watermark_ms, offset=0, sources=1, event_ms=self._last_ms
        )
        self.coordinator.source(report)
        while True:
            decision = self.coordinator.decide()
            if decision is not None:
                for control in decision.control:
                    self._waiting.append((self._received_ms, None, encode_record(control)))
            elif self.coordinator.awaited_day() is not None and self._waiting:
                self._fold()
            else:
                break
        clock_ms = self.coordinator.state.clock_ms
        self._limit_ms = alignment_limit_ms(clock_ms, NEVER_MS)


class ReplayError(ValueError):
    """The records given do not follow each other."""


class LogReplay:
    """A run over the records of `customer-events`, in log order: the oracle of a live run.

    Whatever the live run sent on stands in the log already, so nothing is sent on here.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.engines: dict[int, PartitionEngine] = {}
        self.counts = Counts()
        self.dead: list[DeadRecord] = []
        self.actions: list[ActionTurned] = []
        self.keep_actions = False
        self._restoring: set[int] = set()
        self._snapshots: set[int] = set()

    def restore(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take a record of the changelog: the partition is replayed from where that stands.

        Raises
        ------
        ReplayError
            Records of the partition were applied before.
        """
        if partition in self.engines and partition not in self._restoring:
            raise ReplayError(
                f"the snapshot of partition {partition} comes after records of its log; give the "
                "file with the snapshot first, and after it logs without one"
            )
        self._restoring.add(partition)
        self._engine(partition).restore(key, value)

    def begins(self, partition: int, offset: int) -> None:
        """Hear that what follows of a partition's log begins at an offset.

        Raises
        ------
        ReplayError
            Something lies between it and what was applied before.
        """
        self.stand()
        reached = self._engine(partition).next_offset
        if reached < offset:
            raise ReplayError(
                f"the log of partition {partition} begins at offset {offset}, and what goes before "
                f"it ends at {reached}: what lies between was deleted; take snapshots more often"
            )

    def stand(self) -> None:
        """Take what was restored for whole."""
        for partition in self._restoring:
            self.engines[partition].restored()
        self._snapshots |= self._restoring
        self._restoring = set()

    def _engine(self, partition: int) -> PartitionEngine:
        engine = self.engines.get(partition)
        if engine is None:
            engine = self.engines[partition] = PartitionEngine(partition, self.settings)
        return engine

    def apply(self, partition: int, records: Sequence[LogRecord]) -> list[SegmentChanged]:
        """Fold the next records of a partition; the changes that they make.

        Those that a snapshot has in it are passed over.
        """
        self.stand()
        engine = self._engine(partition)
        if partition in self._snapshots:
            records = [record for record in records if record.offset >= engine.next_offset]
        effects = engine.fold(records)
        self.counts.add(effects.counts)
        self.dead += effects.dead
        if self.keep_actions:
            self.actions += effects.actions
        return effects.changes

    def members(self) -> Iterator[Membership]:
        """Every customer's segments as they now are, by customer id."""
        self.stand()
        yield from members_of(self.engines.values())


def members_of(engines: Iterable[PartitionEngine]) -> Iterator[Membership]:
    """The memberships that the engines' rows hold, by customer id."""
    found: list[Membership] = []
    for engine in engines:
        for key, row in engine.store.rows():
            if row.segments:
                customer = key.decode()
                found.append(Membership(customer, dict(row.segments), row.sequence, row.changed_ms))
    return iter(sorted(found, key=lambda m: m.customer))
