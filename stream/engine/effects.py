"""What the engine asks its shell to do: plain values, carried out in one transaction a batch."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from stream.engine.committed_rows import StoreError
from stream.events.actions import ActionTurned
from stream.events.changes import Membership, SegmentChanged
from stream.events.receipts import Receipt
from stream.events.records import Alias, Backfill, CustomerEvent, Erase, Link, Merge

Forward = CustomerEvent | Link | Merge | Backfill | Erase | Alias
"""What a row sends on to another id."""


class LogRecord(Protocol):
    """A record as the log holds it; aiokafka's ConsumerRecord fits."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class StoredRecord(msgspec.Struct, frozen=True, gc=False):
    """A `LogRecord` outside Kafka: of the in-memory log and of a dump."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class DeadRecord(msgspec.Struct, frozen=True):
    """A record that could not be applied: where it came from, why, and its bytes untouched."""

    record: Any
    reason: str
    field: str
    message: str


class LearnPoint(msgspec.Struct, frozen=True):
    """A feature vector to learn from, at a session's end or a purchase.

    `weight` in 0 to 1 is what can have changed since the customer's previous point.
    """

    vector: tuple[float, ...]
    time_ms: int
    weight: float = 1.0


class PopulationSnapshot(msgspec.Struct, frozen=True):
    """One partition's histogram of each population feature, as of the first instant of `day`.

    `counts` maps feature name to {bucket: customers}; histograms add up over partitions.
    """

    partition: int
    day: int
    counts: dict[str, dict[int, int]]


class Counts(msgspec.Struct):
    """The end of every record of a batch: consumed = applied + duplicate + forwarded + control
    + erased + dead + quarantined. `late` and the rest are counted besides.

    `erased` were of before their customer's erasure, and refused.
    """

    consumed: int = 0
    applied: int = 0
    duplicate: int = 0
    forwarded: int = 0
    control: int = 0
    erased: int = 0
    dead: int = 0
    quarantined: int = 0
    late: int = 0
    timers_fired: int = 0
    timers_pending: int = 0

    def add(self, later: Counts) -> None:
        """Add up; what is a level is taken over."""
        for name in _ADDED:
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.timers_pending = later.timers_pending


_ADDED = tuple(name for name in Counts.__struct_fields__ if name != "timers_pending")


class Effects:
    """The effects of one batch on one partition of `customer-events`.

    rows         changelog key -> packed row, or None for a tombstone; the meta record included
    forwards     (customer id, record) for the customer's partition
    changes      in the order in which they happened
    actions      what is said to customers, and no longer
    withheld     (segment, why) of entries whose action could not start with them
    shadow_changes  of silent definitions, of which nobody is told
    shed         what rows let go of because they are bounded, by part (state/shed.py)
    memberships  customer id -> the customer's segments now, or None where nothing is left
    receipts     of erasures
    """

    __slots__ = (
        "actions",
        "changes",
        "counts",
        "dead",
        "forwards",
        "learned",
        "memberships",
        "population",
        "receipts",
        "rows",
        "shadow_changes",
        "shed",
        "timer_lag_ms",
        "withheld",
    )

    def __init__(self) -> None:
        self.changes: list[SegmentChanged] = []
        self.shadow_changes: list[SegmentChanged] = []
        self.actions: list[ActionTurned] = []
        self.counts = Counts()
        self.dead: list[DeadRecord] = []
        self.forwards: list[tuple[str, Forward]] = []
        self.learned: list[LearnPoint] = []
        self.memberships: dict[str, Membership | None] = {}
        self.population: list[PopulationSnapshot] = []
        self.receipts: list[Receipt] = []
        self.rows: dict[bytes, bytes | None] = {}
        self.shed: dict[str, int] = {}
        self.timer_lag_ms = 0
        self.withheld: list[tuple[str, str]] = []

    def keep_quiet(self) -> None:
        """Tell nobody what has changed: another run does."""
        self.changes, self.shadow_changes, self.actions, self.withheld = [], [], [], []
        self.memberships, self.receipts = {}, []

    def bury(self, record: LogRecord, error: Exception) -> None:
        """Note a record that cannot be applied; its bytes are for the dead letters."""
        self.counts.dead += 1
        reason = getattr(error, "reason", "not_applicable")
        self.dead.append(DeadRecord(record, reason, "$", type(error).__name__))

    def extend(self, later: Effects) -> None:
        """Add the effects of the records that follow."""
        self.changes += later.changes
        self.shadow_changes += later.shadow_changes
        self.actions += later.actions
        self.withheld += later.withheld
        self.counts.add(later.counts)
        self.dead += later.dead
        self.forwards += later.forwards
        self.learned += later.learned
        self.memberships.update(later.memberships)
        self.population += later.population
        self.receipts += later.receipts
        self.rows.update(later.rows)
        for part, count in later.shed.items():
            self.shed[part] = self.shed.get(part, 0) + count
        self.timer_lag_ms = max(self.timer_lag_ms, later.timer_lag_ms)


class EngineStateError(ValueError):
    """What was restored does not fit this build or this run."""


class UnreadableVersionError(EngineStateError):
    """A version was announced that this build cannot decide by."""


NO_RECORDS_FAULT = (UnreadableVersionError, StoreError, MemoryError)
"""What ends a fold, whichever record it came with: none may be buried for it."""
