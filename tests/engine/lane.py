"""One partition of the customer log, written by hand and folded at once."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

import msgspec
from xxhash import xxh3_64_hexdigest

from stream.engine.effects import Counts, Effects, StoredRecord
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.actions import ActionTurned
from stream.events.changes import SegmentChanged
from stream.events.records import (
    CustomerEvent,
    Handover,
    Link,
    Markers,
    Merge,
    Record,
    Tick,
    Version,
    encode_record,
)
from stream.segments.leaf_code import percentile_key
from stream.state.row import Row

BUILT_IN = files("stream.segments").joinpath("pack.yaml").read_bytes()
SETTINGS = EngineSettings(shop="s", incarnation="1")


class Turn(NamedTuple):
    """What matters of a change: who, into or out of what, when and why."""

    customer: str
    segment: str
    entered: bool
    time_ms: int
    cause: str


def turn(change: SegmentChanged) -> Turn:
    return Turn(change.customer, change.segment, change.entered, change.time_ms, change.cause)


def definitions(*segments: str, settings: str = "{}") -> bytes:
    """A definitions file; a segment is its fields beside `purpose`, as in `name: a, enter: ...`."""
    lines = [f"  - {{purpose: p, {segment}}}" for segment in segments]
    return "\n".join([f"settings: {settings}", "segments:", *lines]).encode()


class Lane:
    """A partition engine, its log, and all that came out of it."""

    def __init__(self, content: bytes | None = BUILT_IN, *, partition: int = 0) -> None:
        self.engine = PartitionEngine(partition, SETTINGS)
        self.log: list[StoredRecord] = []
        self.effects: list[Effects] = []
        self.changelog: dict[bytes, bytes] = {}
        if content is not None:
            self.define(content)

    # -- writing the log ---------------------------------------------------------------------

    def put(
        self, customer: str | None, *records: Record | bytes, stamp_ms: int | None = None
    ) -> list[Turn]:
        """Append records of a customer and fold them as one batch; what changed by it."""
        return self.fold([self.record(customer, record, stamp_ms) for record in records])

    def record(
        self, customer: str | None, record: Record | bytes, stamp_ms: int | None = None
    ) -> StoredRecord:
        """A record at the log's end; its broker time is what it says of itself."""
        if isinstance(record, bytes):
            value, at_ms = record, 0
        else:
            value = encode_record(record)
            at_ms = time_of(record)
        key = None if customer is None else customer.encode()
        stored = StoredRecord(len(self.log), at_ms if stamp_ms is None else stamp_ms, key, value)
        self.log.append(stored)
        return stored

    def fold(self, records: list[StoredRecord]) -> list[Turn]:
        found = self.engine.fold(records)
        self.effects.append(found)
        for key, value in found.rows.items():
            if value is None:
                self.changelog.pop(key, None)
            else:
                self.changelog[key] = value
        return [turn(change) for change in found.changes]

    def tick(self, clock_ms: int) -> list[Turn]:
        return self.put(None, Tick(clock_ms=clock_ms))

    def define(self, content: bytes, active_ms: int = 0) -> list[Turn]:
        return self.announce("definitions", content, active_ms)

    def announce(self, kind: str, content: bytes, active_ms: int) -> list[Turn]:
        name = xxh3_64_hexdigest(content)
        version = Version(kind=kind, name=name, active_ms=active_ms, content=content)
        return self.put(None, version)

    def thresholds(self, active_ms: int, **units: float) -> list[Turn]:
        """Announce thresholds of revenue: `p90=100` is 100 units of the currency."""
        found = {
            percentile_key("orders.revenue", int(name[1:]) / 100): round(amount * 1_000_000)
            for name, amount in units.items()
        }
        return self.announce("population", msgspec.json.encode(found), active_ms)

    # -- looking at it -----------------------------------------------------------------------

    @property
    def changes(self) -> list[SegmentChanged]:
        return [change for found in self.effects for change in found.changes]

    @property
    def actions(self) -> list[ActionTurned]:
        return [turned for found in self.effects for turned in found.actions]

    @property
    def turns(self) -> list[Turn]:
        return [turn(change) for change in self.changes]

    @property
    def forwards(self) -> list[tuple[str, CustomerEvent | Link | Merge]]:
        return [forward for found in self.effects for forward in found.forwards]

    def row(self, customer: str) -> Row:
        row = self.engine.store.get(customer.encode())
        assert row is not None
        return row

    def segments(self, customer: str) -> dict[str, int]:
        return self.row(customer).segments

    def counts(self) -> Counts:
        total = Counts()
        for found in self.effects:
            for name in Counts.__struct_fields__:
                setattr(total, name, getattr(total, name) + getattr(found.counts, name))
        return total

    def restored(self) -> PartitionEngine:
        """Another engine, from the changelog that this one wrote."""
        engine = PartitionEngine(self.engine.partition, SETTINGS)
        for key, value in self.changelog.items():
            engine.restore(key, value)
        engine.restored()
        return engine

    def deliver(self) -> None:
        """Put what the last batch sent on into this partition, until nothing is sent on."""
        done = len(self.effects) - 1
        while done < len(self.effects):
            for customer, record in self.effects[done].forwards:
                self.put(customer, record)
            done += 1


def time_of(record: Record) -> int:
    if isinstance(record, Tick):
        return record.clock_ms
    if isinstance(record, Handover):
        return record.time_ms
    if isinstance(record, Markers):
        return 0
    return record.active_ms if isinstance(record, Version) else record.received_ms


def expect_counts_to_add_up(counts: Counts) -> None:
    """Every record has one end."""
    ends = counts.applied + counts.duplicate + counts.forwarded + counts.control + counts.dead
    ends += counts.erased + counts.quarantined
    assert counts.consumed == ends
