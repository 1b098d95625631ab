"""A live run in memory: one source, its routing, the time-keeper, all partitions, and their logs.

It drives the core as the worker does, and keeps what the worker would have written to the customer
log: what the tests of replay, restore and batching read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from xxhash import xxh3_64_hexdigest

from stream.clock import LATENESS_MS
from stream.engine.coordinator import Coordinator, SourceReport
from stream.engine.effects import Counts, DeadRecord, Effects, StoredRecord
from stream.engine.partition import PartitionEngine
from stream.engine.routed import Outputs
from stream.engine.router import Router, alignment_limit_ms
from stream.events.cloudevent import encode_change
from stream.events.records import encode_record
from stream.segments.pack import load_pack
from stream.simulation.traffic import TrafficConfig, generate
from tests.engine.lane import BUILT_IN, SETTINGS
from tests.state.shopping import DAY, START_MS


class Recording:
    """What a run over raw records wrote to each partition of the customer log."""

    def __init__(self, partitions: int, content: bytes = BUILT_IN) -> None:
        self.logs: list[list[StoredRecord]] = [[] for _ in range(partitions)]
        self.engines = [PartitionEngine(p, SETTINGS) for p in range(partitions)]
        self.router = Router(0, partitions)
        self.coordinator = Coordinator(partitions)
        self.define(content)
        self.dead: list[DeadRecord] = []
        self.folded = [0] * partitions
        self.changes: list[bytes] = []
        self.counts = Counts()
        self.waiting: list[StoredRecord] = []
        self.now_ms = 0

    def define(self, content: bytes) -> None:
        load_pack(content)
        self.coordinator.version("definitions", xxh3_64_hexdigest(content), content)

    def put(self, partition: int, key: bytes | None, value: bytes) -> None:
        log = self.logs[partition]
        log.append(StoredRecord(len(log), self.now_ms, key, value))

    def put_all(self, outputs: Outputs) -> None:
        for partition, records in enumerate(outputs):
            for key, value in records:
                self.put(partition, key, value)

    def feed(self, raw: Sequence[StoredRecord]) -> None:
        """Route raw records as far as the clock lets them, and fold what comes of it."""
        self.waiting += raw
        while self.waiting:
            self.now_ms = self.waiting[-1].timestamp
            limit_ms = alignment_limit_ms(self.coordinator.state.clock_ms, self.now_ms)
            routed = self.router.route(self.waiting, limit_ms)
            self.dead += routed.dead
            self.put_all(routed.outputs)
            del self.waiting[: routed.consumed]
            self.fold()
            highest_ms = max(self.router.max_time_ms, routed.waiting_ms or 0)
            if not self.keep_time(highest_ms - LATENESS_MS) and not routed.consumed:
                return

    def keep_time(self, watermark_ms: int) -> bool:
        """Tick as far as the time-keeper says; whether it said anything."""
        event_ms = self.router.state.event_ms
        self.coordinator.source(SourceReport(0, watermark_ms, 0, 1, event_ms))
        said = False
        while (decision := self.coordinator.decide()) is not None:
            said = True
            for control in decision.control:
                for partition in range(len(self.logs)):
                    self.put(partition, None, encode_record(control))
            self.fold()
        return said

    def keep_time_before(self, time_ms: int) -> None:
        """Let the clock come so near that an event of this time may be routed."""
        while time_ms >= alignment_limit_ms(self.coordinator.state.clock_ms, self.now_ms):
            self.fold()
            assert self.keep_time(time_ms - LATENESS_MS)

    def fold(self) -> None:
        while any(self.folded[p] < len(log) for p, log in enumerate(self.logs)):
            for partition, log in enumerate(self.logs):
                fresh = log[self.folded[partition] :]
                self.folded[partition] = len(log)
                if fresh:
                    self.take(self.engines[partition].fold(fresh))

    def take(self, effects: Effects) -> None:
        self.changes += [encode_change(change, "s") for change in effects.changes]
        for name in Counts.__struct_fields__:
            value = getattr(self.counts, name) + getattr(effects.counts, name)
            setattr(self.counts, name, value)
        self.dead += effects.dead
        for snapshot in effects.population:
            self.coordinator.snapshot(snapshot)
        for customer, record in effects.forwards:
            key = customer.encode()
            self.put(self.router.partition_of(key), key, encode_record(record))


def traffic(seed: int, customers: int = 120, days: float = 7) -> list[StoredRecord]:
    """A week of a shop as the raw topic holds it: late, repeated and broken events included."""
    config = TrafficConfig(
        seed=seed, customers=customers, start_ms=START_MS, days=days,
        duplicates=0.02, late=0.05, malformed=0.01,
    )  # fmt: skip
    return [
        StoredRecord(offset, event.received_ms, event.key, event.value)
        for offset, event in enumerate(generate(config))
    ]


@cache
def recording(seed: int, partitions: int = 1, chunk: int = 250) -> Recording:
    """A recorded week, with new definitions in its middle and a month of silence at its end."""
    run = Recording(partitions)
    raw = traffic(seed)
    for at in range(0, len(raw), chunk):
        run.feed(raw[at : at + chunk])
        if at <= len(raw) // 2 < at + chunk:
            run.define(BUILT_IN.replace(b"loyal_orders: 5", b"loyal_orders: 2"))
    run.keep_time(START_MS + 40 * DAY)
    return run


def fold_in_batches(
    engine: PartitionEngine,
    log: Sequence[StoredRecord],
    sizes: Callable[[], int],
    took: Callable[[Effects], None],
) -> None:
    """Fold a log in batches of whatever sizes; `took` gets each batch's effects."""
    at = 0
    while at < len(log):
        size = sizes()
        took(engine.fold(log[at : at + size]))
        at += size
