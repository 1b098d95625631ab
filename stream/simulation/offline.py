"""The offline shell: the same core over events in the order of their time, or over a log.

`Offline` plays all parts of a live run at once: one source, the time-keeper, every partition. What
a record sends on (a merge, a forwarded event) is applied before any later record of whom it goes
to, so the result does not depend on batching, and two runs over the same events agree byte for
byte. Where a live run's input was keyed and in order, it agrees with this one as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stream.clock import LATENESS_MS, MINUTE_MS, NEVER_MS
from stream.engine.coordinator import Coordinator, SourceReport
from stream.engine.effects import Counts, DeadRecord, LearnPoint, LogRecord, StoredRecord
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

TICK_EVERY_MS = 10 * MINUTE_MS
"""Event time between ticks. Any other value gives the same changes; one well under an hour lets no
change seem historic that the tick after it tells of."""

BATCH_MAX = 2_000

_Waiting = tuple[int, bytes | None, bytes]
"""A record that is not folded yet: when it was received, key, value."""


class Offline:
    """A run over events that come in the order of their time.

    Feed it with `apply`, end it with `finish`; both give the changes as they happen. Actions, and
    changes of silent definitions, are in its lists, where they are to be kept.
    """

    def __init__(
        self, settings: EngineSettings, definitions: bytes, *, partitions: int = 1
    ) -> None:
        self.engines = [PartitionEngine(p, settings) for p in range(partitions)]
        self.router = Router(0, partitions)
        self.coordinator = Coordinator(partitions)
        self.coordinator.version(DEFINITIONS, pack_name(definitions), definitions)
        self.counts = Counts()
        self.dead: list[DeadRecord] = []
        self.learned: list[LearnPoint] = []
        self.keep_learned = False
        self.shadow_changes: list[SegmentChanged] = []
        self.keep_shadow_changes = False
        self.actions: list[ActionTurned] = []
        self.keep_actions = False
        self._pending: list[list[_Waiting]] = [[] for _ in range(partitions)]
        self._waiting_keys: set[bytes] = set()
        self._sent = self.router.nothing()
        self._offsets = [0] * partitions
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
        changes: list[SegmentChanged] = []
        time_ms, received_ms = decoded.time_ms, decoded.received_ms
        if time_ms >= self._limit_ms or time_ms >= self._tick_ms:
            changes += self._keep_time(time_ms - LATENESS_MS)
            self._tick_ms = self.coordinator.state.clock_ms + LATENESS_MS + TICK_EVERY_MS
        self._last_ms = max(self._last_ms, time_ms)
        self._received_ms = max(self._received_ms, received_ms)
        # News of where an id sends its records is folded at once: nothing pending changes that.
        if has_news and any(self._forwards(lesser) != key for lesser, key in decoded.links):
            self._append_all(sent, received_ms)
            changes += self._flush()
        elif self._forwards(decoded.key) is None:
            if self._append_all(sent, received_ms):
                changes += self._flush()
        else:
            changes += self._send_on(sent, received_ms)
        return changes

    def erase(self, asked: ErasureAskedError) -> list[SegmentChanged]:
        """Take a request to erase, in its place among the events; the changes so far."""
        self.router.erase(asked, f"{asked.time_ms}", self._sent)
        self._append_all(self._sent, asked.received_ms)
        return self._flush()

    def finish(self, until_ms: int | None = None) -> list[SegmentChanged]:
        """Advance every customer's time to `until_ms`, or to the last event's."""
        return self._keep_time(max(self._last_ms, until_ms or 0)) + self._flush()

    @property
    def clock_ms(self) -> int:
        """The time up to which everything has happened: of the last tick that is folded."""
        return min(engine.clock_ms for engine in self.engines)

    def members(self) -> Iterator[Membership]:
        """Every customer's segments as they now are, by customer id."""
        yield from members_of(self.engines)

    def customer_of(self, identity: str) -> str:
        """Whose an id's records are, as far as events were applied: links are followed."""
        for _ in range(PATH_MAX):
            target = self._forwards(identity)
            if target is None:
                break
            identity = target
        return identity

    def _forwards(self, customer: str) -> str | None:
        """Where the customer's row sends its records, if it does."""
        key = customer.encode()
        engine = self.engines[0]
        if len(self.engines) > 1:
            engine = self.engines[self.router.partition_of(key)]
        row = engine.store.get(key)
        return None if row is None else row.forward_to

    def _append(self, partition: int, timestamp: int, key: bytes | None, value: bytes) -> None:
        self._pending[partition].append((timestamp, key, value))
        if key is not None:
            self._waiting_keys.add(key)

    def _append_all(self, sent: Outputs, timestamp: int) -> bool:
        """Put what was routed into the log; whether it is time to fold."""
        is_full = False
        for partition, records in enumerate(sent):
            if records:
                for key, value in records:
                    self._append(partition, timestamp, key, value)
                records.clear()
                is_full |= len(self._pending[partition]) >= BATCH_MAX
        return is_full

    def _send_on(self, sent: Outputs, timestamp: int) -> list[SegmentChanged]:
        """Fold what only sends records on, so that those come before later ones of their target.

        It need not wait for other customers' records, which it can have nothing to do with.
        """
        changes: list[SegmentChanged] = []
        if any(key in self._waiting_keys for records in sent for key, _ in records):
            changes += self._flush()
        for partition, records in enumerate(sent):
            if records:
                waiting = [(timestamp, key, value) for key, value in records]
                records.clear()
                changes += self._fold(partition, waiting)
        return changes

    def _flush(self) -> list[SegmentChanged]:
        """Fold what is pending, and what that sends on, until nothing is left."""
        changes: list[SegmentChanged] = []
        while any(self._pending):
            for partition, pending in enumerate(self._pending):
                if pending:
                    self._pending[partition] = []
                    changes += self._fold(partition, pending)
        self._waiting_keys.clear()
        return changes

    def _fold(self, partition: int, waiting: Sequence[_Waiting]) -> list[SegmentChanged]:
        first = self._offsets[partition]
        self._offsets[partition] += len(waiting)
        records = [StoredRecord(offset, *one) for offset, one in enumerate(waiting, first)]
        effects = self.engines[partition].fold(records)
        self.counts.add(effects.counts)
        self.dead += effects.dead
        if self.keep_learned:
            self.learned += effects.learned
        if self.keep_shadow_changes:
            self.shadow_changes += effects.shadow_changes
        if self.keep_actions:
            self.actions += effects.actions
        for customer, record in effects.forwards:
            key = customer.encode()
            target = self.router.partition_of(key)
            self._append(target, record.received_ms, key, encode_record(record))
        for snapshot in effects.population:
            self.coordinator.snapshot(snapshot)
        return effects.changes

    def _keep_time(self, watermark_ms: int) -> list[SegmentChanged]:
        """Tick up to the watermark, day by day, with the versions that come on the way.

        Ticks take their place in the log; they are folded at once where the clock waits for what a
        day's end tells.
        """
        changes: list[SegmentChanged] = []
        report = SourceReport(
            source=0, watermark_ms=watermark_ms, offset=0, sources=1, event_ms=self._last_ms
        )
        self.coordinator.source(report)
        while True:
            decision = self.coordinator.decide()
            if decision is not None:
                for control in decision.control:
                    value = encode_record(control)
                    for partition in range(len(self.engines)):
                        self._append(partition, self._received_ms, None, value)
            elif self.coordinator.awaited_day() is not None and any(self._pending):
                changes += self._flush()
            else:
                break
        clock_ms = self.coordinator.state.clock_ms
        self._limit_ms = alignment_limit_ms(clock_ms, NEVER_MS)
        return changes


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
