"""What must hold of a round's end, by three judges that share nothing.

1. The raw records and the rules (`expected.py`): who is a customer, what a row holds, who is in
   which segments.
2. The log: what was written to each partition of it, folded once more by a fresh engine in other
   batches, gives the rows, changes, actions, memberships and forwards that stand on the topics.
3. What is on the topics by itself: ids once, sequences without a gap, in and out by turns, every
   raw record in the log once, the control records of all partitions alike, counts that add up.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any

from stream.engine.effects import Effects
from stream.engine.meta import META_KEY, unpack_meta
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.cloudevent import encode_action, encode_change, encode_membership
from stream.events.partitioner import partition_of
from stream.events.records import Erase, Link, Merge, Tick, Version, decode_record
from stream.events.topics import (
    ACTIONS,
    CHANGELOG,
    CHANGES,
    CUSTOMER_EVENTS,
    DEAD_LETTERS,
    EVENTS,
    MEMBERSHIPS,
)
from stream.state.codec import unpack
from stream.state.row import Row
from tests.simulation.chaos.after_erasure import expect_erased
from tests.simulation.chaos.chaos_round import Lived
from tests.simulation.chaos.differences import expect
from tests.simulation.chaos.expected import JUDGED, read_raw, segments_of
from tests.simulation.chaos.worker_process import SECRETS

Forward = tuple[int, bytes, str]


class Verdict:
    """Judges one round; `judge` raises what is wrong, and counts what was looked at."""

    def __init__(self, lived: Lived) -> None:
        self.lived = lived
        self.partitions = range(lived.settings.partitions)
        self.happened = Counter(lived.happened)
        self.compared: Counter[str] = Counter()

    def judge(self) -> None:
        """Ask everything.

        Raises
        ------
        WrongError
        """
        expect("no worker fails by itself", self.lived.failures, [])
        engines = self._folded_again()
        self._raw_is_in_the_log_once()
        self._control_is_alike()
        self._changes_are_in_order()
        self._aborted_changes_are_told_again()
        self._metrics_add_up()
        self._customers_are_as_expected(engines)

    # -- the log -----------------------------------------------------------------------------

    def _folded_again(self) -> list[PartitionEngine]:
        """Fold each partition's log anew, and compare all that came of it."""
        lived = self.lived
        random = Random(f"verdict {lived.seed}")
        engines, sent = [], Counter[Forward]()
        for partition in self.partitions:
            log = lived.records(CUSTOMER_EVENTS.name, partition)
            changelog = {r.key: r.value for r in lived.records(CHANGELOG.name, partition)}
            folded = unpack_meta(changelog[META_KEY] or b"").next_offset
            engine = PartitionEngine(partition, self._engine_settings())
            whole = Effects()
            size = random.choice((1, 13, 5_000))
            log = [record for record in log if record.offset < folded]
            for at in range(0, len(log), size):
                whole.extend(engine.fold(log[at : at + size]))
            engines.append(engine)
            self._same_as_told(partition, whole, changelog)
            for customer, record in whole.forwards:
                key = customer.encode()
                target = partition_of(key, len(self.partitions))
                sent[target, key, _forwarded(record)] += 1
            self._count(whole, len(log))
        self._forwards_arrive_once(sent)
        return engines

    def _engine_settings(self) -> EngineSettings:
        settings = self.lived.settings
        return EngineSettings(
            shop=settings.shop, incarnation=settings.incarnation, erasure_secrets=SECRETS
        )

    def _same_as_told(
        self, partition: int, whole: Effects, changelog: dict[bytes | None, bytes | None]
    ) -> None:
        lived, shop = self.lived, self.lived.settings.shop
        told = _by_customer((r.key, r.value) for r in lived.records(CHANGES.name, partition))
        again = ((c.customer.encode(), encode_change(c, shop)) for c in whole.changes)
        expect(f"changes of partition {partition}", told, _by_customer(again))
        told_actions = _by_customer(
            (r.key, r.value) for r in lived.records(ACTIONS.name, partition)
        )
        again = ((a.customer.encode(), encode_action(a, shop)) for a in whole.actions)
        expect(f"actions of partition {partition}", told_actions, _by_customer(again))
        members = {
            r.key: r.value for r in lived.records(MEMBERSHIPS.name, partition) if r.key is not None
        }
        expect(
            f"memberships of partition {partition}",
            {key: value for key, value in members.items() if value is not None},
            {c.encode(): encode_membership(m) for c, m in whole.memberships.items() if m},
        )
        expect(f"rows of partition {partition}", _rows(changelog), _rows(whole.rows))
        self.compared["changes"] += sum(map(len, told.values()))
        self.compared["actions"] += sum(map(len, told_actions.values()))
        self.compared["rows"] += len(whole.rows)

    def _count(self, whole: Effects, log_count: int) -> None:
        """The ends of all records of a partition's log (law 4)."""
        counts = whole.counts
        ends = counts.applied + counts.duplicate + counts.forwarded + counts.control + counts.dead
        ends += counts.erased + counts.quarantined
        expect("records of the log have one end each", ends, log_count)
        self.compared["records"] += log_count
        self.happened["duplicate left out"] += counts.duplicate
        self.happened["late event folded"] += counts.late
        self.happened["record forwarded"] += counts.forwarded
        self.happened["record of an erased customer refused"] += counts.erased

    def _forwards_arrive_once(self, sent: Counter[Forward]) -> None:
        """What rows sent on stands in the log once, and nothing else has gone a way."""
        found: Counter[Forward] = Counter()
        for partition in self.partitions:
            for record in self.lived.records(CUSTOMER_EVENTS.name, partition):
                if record.key is not None and record.value is not None:
                    decoded = decode_record(record.value)
                    if getattr(decoded, "path", ()):
                        found[partition, record.key, _forwarded(decoded)] += 1
                    self.happened["merge"] += isinstance(decoded, Merge)
        expect("forwarded records", found, sent)

    # -- the topics --------------------------------------------------------------------------

    def _raw_is_in_the_log_once(self) -> None:
        """Every raw record that is good has one record of its own in the log."""
        lived = self.lived
        raw = read_raw(
            r.value or b"" for p in self.partitions for r in lived.records(EVENTS.name, p)
        )
        logged = Counter[int]()
        for partition in self.partitions:
            for record in lived.records(CUSTOMER_EVENTS.name, partition):
                decoded = decode_record(record.value or b"")
                if (
                    not isinstance(decoded, Tick | Version | Link | Merge | Erase)
                    and not decoded.path
                ):
                    logged[decoded.message_id] += 1  # type: ignore[union-attr]
        expect("routed records by message", Counter(logged.values()), raw.copies)
        dead = sum(len(lived.records(DEAD_LETTERS.name, p)) for p in self.partitions)
        expect("dead letters", dead, raw.broken + self._dead_by_path())
        self.raw = raw
        self.compared["raw records"] += raw.good + raw.broken

    def _dead_by_path(self) -> int:
        """Records that went round in a circle of ids until they were given up."""
        return sum(
            dict(r.headers or ()).get("__shoal.errors.reason") == b"path_too_long"
            for p in self.partitions
            for r in self.lived.records(DEAD_LETTERS.name, p)
        )

    def _control_is_alike(self) -> None:
        """All partitions hear the same ticks and versions in the same order, and time goes on."""
        heard = [list(self._control_of(partition)) for partition in self.partitions]
        for partition in self.partitions:
            expect(f"control records of partition {partition}", heard[partition], heard[0])
        clocks = [record.clock_ms for record in heard[0] if isinstance(record, Tick)]
        expect("the clock goes on", clocks, sorted(set(clocks)))
        kinds = [record.kind for record in heard[0] if isinstance(record, Version)]
        self.happened["statistics announced"] += kinds.count("population")
        self.happened["model in force"] += kinds.count("clusters")
        self.happened["definitions in force"] += kinds.count("definitions") - 1

    def _control_of(self, partition: int) -> Iterator[Tick | Version]:
        for record in self.lived.records(CUSTOMER_EVENTS.name, partition):
            if record.key is None:
                decoded = decode_record(record.value or b"")
                assert isinstance(decoded, Tick | Version)
                yield decoded

    def _changes_are_in_order(self) -> None:
        """Each id once; each customer's changes count up by one, and go in and out by turns."""
        ids: Counter[str] = Counter()
        held: dict[str, set[str]] = defaultdict(set)
        latest: dict[str, tuple[int, str]] = {}
        for partition in self.partitions:
            for record in self.lived.records(CHANGES.name, partition):
                change = json.loads(record.value or b"")
                customer, segment = change["subject"], change["data"]["segment"]
                ids[change["id"]] += 1
                sequence, time = latest.get(customer, (0, ""))
                expect(f"sequence of {customer}", int(change["sequence"]), sequence + 1)
                expect(f"time of {customer} goes on", change["time"] >= time, True)
                latest[customer] = (sequence + 1, change["time"])
                entered = change["type"] == "shoal.segment.entered"
                expect(f"{customer} {segment} by turns", segment in held[customer], not entered)
                (held[customer].add if entered else held[customer].discard)(segment)
                expect(f"{customer}'s segments", change["data"]["segments"], sorted(held[customer]))
        expect("changes told twice", {i: n for i, n in ids.items() if n > 1}, {})
        self.held = held

    def _aborted_changes_are_told_again(self) -> None:
        """Whoever reads uncommitted records can leave out what is told twice: the same bytes."""
        for name in (CHANGES.name, ACTIONS.name):
            for partition in self.partitions:
                told = {r.value for r in self.lived.records(name, partition)}
                place = (self.lived.settings.topic(name), partition)
                for entry in self.lived.broker.partition(place).entries:
                    if entry is not None and not entry.is_committed:
                        self.happened["change in an aborted transaction"] += 1
                        expect("an aborted change is told later", entry.value in told, True)

    def _metrics_add_up(self) -> None:
        """Law 4's identity, of every worker's own counts."""
        for worker in self.lived.workers:
            sample = _sums(worker.metrics.registry)
            log = sample("shoal_records_consumed_total", at="log")
            ends = (
                sample("shoal_records_applied_total")
                + sample("shoal_records_duplicate_total")
                + sample("shoal_records_forwarded_total")
                + sample("shoal_records_control_total", at="log")
                + sample("shoal_records_erased_total")
                + sample("shoal_records_quarantined_total")
                + sample("shoal_dead_letters_total", at="log")
            )
            expect("a worker's counts of the log add up", ends, log)
            raw = sample("shoal_records_consumed_total", at="raw")
            ends = (
                sample("shoal_records_routed_total")
                + sample("shoal_records_control_total", at="raw")
                + sample("shoal_dead_letters_total", at="raw")
            )
            expect("a worker's counts of the raw topic add up", ends, raw)

    # -- the rules ---------------------------------------------------------------------------

    def _customers_are_as_expected(self, engines: list[PartitionEngine]) -> None:
        rows = {key.decode(): row for engine in engines for key, row in engine.store.rows()}
        clock = {p: engine.clock_ms for p, engine in enumerate(engines)}
        self.compared["messages of the erased"] += expect_erased(
            self.lived.erased, self.raw, rows, self.held
        )
        for customer, facts in self.raw.customers.items():
            if customer in self.lived.erased:
                continue
            row = rows.get(customer)
            expect(f"{customer} has a row", row is not None, True)
            assert row is not None
            expect(f"row of {customer}", _facts_of(row), facts._asdict())
            now_ms = clock[partition_of(customer.encode(), len(self.partitions))]
            expect(
                f"segments of {customer}",
                self.held[customer] & JUDGED,
                segments_of(facts, now_ms, self.lived.rules),
            )
            self.compared["customers"] += 1


def _rows(changelog: dict[Any, bytes | None]) -> dict[bytes, Row]:
    """Customers' rows, without what is no part of a decision.

    `activation` lags where a version changed nothing for the row: that depends on which rows were
    in memory, and nothing depends on it.
    """
    found = {}
    for key, value in changelog.items():
        if not key.startswith(b"\0") and value is not None:
            row = found[key] = unpack(value)
            row.activation = 0
    return found


def _by_customer(
    records: Iterable[tuple[bytes | None, bytes | None]],
) -> dict[bytes | None, list[bytes | None]]:
    """Each customer's values in their order; there is none between customers."""
    found: dict[bytes | None, list[bytes | None]] = defaultdict(list)
    for key, value in records:
        found[key].append(value)
    return dict(found)


def _forwarded(record: Any) -> str:
    """A record that was sent on; of a merge's row, what `_rows` compares."""
    if isinstance(record, Merge):
        row = _rows({b"state": record.state})[b"state"]
        return f"{record.source} {record.time_ms} {record.received_ms} {record.path} {row}"
    return repr(record)


def _facts_of(row: Row) -> dict[str, int]:
    """What the oracle knows of a row, in its words."""
    orders, sessions = row.orders, row.sessions
    return {
        "events": row.events,
        "orders": orders.count if orders else 0,
        "revenue_micros": orders.revenue_micros if orders else 0,
        "pages": sessions.total_pages if sessions else 0,
        "views": sessions.total_products if sessions else 0,
        "first_ms": row.first_ms,
        "last_ms": row.last_ms,
        "last_order_ms": orders.last_ms if orders else 0,
    }


def _sums(registry: Any) -> Callable[..., float]:
    found: dict[str, list[Any]] = defaultdict(list)
    for family in registry.collect():
        for sample in family.samples:
            found[sample.name].append(sample)

    def total(name: str, **labels: str) -> float:
        return sum(s.value for s in found[name] if labels.items() <= s.labels.items())

    return total
