"""Whatever comes in whatever order: the engine is settled, consistent, and independent of batches.

A random log of one partition: events in and out of order, repeated, with broken ones among them;
links in chains and circles; new definitions, thresholds and models; ticks at any pace.
"""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest

from stream.engine.effects import Effects, StoredRecord
from stream.engine.partition import PartitionEngine
from stream.events.cloudevent import encode_change
from stream.events.records import Link, Tick, Version, encode_record
from stream.segments.leaf_code import percentile_key
from stream.segments.rules import CUSTOMER
from stream.state.codec import unpack
from tests.clustering.any_model import any_model
from tests.engine.lane import BUILT_IN, SETTINGS, definitions, expect_counts_to_add_up
from tests.engine.recorded import fold_in_batches
from tests.state.shopping import (
    DAY,
    HOUR,
    MICROS,
    MINUTE,
    START_MS,
    added,
    cancelled,
    cart_seen,
    checkout,
    identified,
    message,
    order,
    page,
    product,
    refunded,
    removed,
    search,
    updated,
)

CUSTOMERS = ("a", "b", "c", "d", "e", "f")
PACKS = (
    BUILT_IN,
    BUILT_IN.replace(b"cart_patience: 1 * HOUR", b"cart_patience: 20 * MINUTE"),
    definitions(
        "name: lapsed, enter: since(seen.last) > 3 * DAY",
        "name: vip, enter: percentile(orders.revenue) >= 0.9",
        "name: vip_cart, enter: in_segment('vip') and cart.items > 0",
        "name: big, group: size, enter: orders.revenue / orders.count > 50",
        "name: small, group: size, enter: orders.count >= 1",
        "name: never, enter: since(seen.first) >= 2 * DAY and orders.count <= 0",
        "name: matured, enter: returns.matured_orders >= 2 or returns.rate > 0.5",
        "name: answering, enter: messages.opened / messages.sent > 0.5",
    ),
)


def happening(random: Random, at_ms: int) -> Any:
    sku, number = f"p{random.randrange(4)}", str(random.randrange(12))
    return random.choice(
        (
            lambda: page(at_ms, channel=random.choice([None, "web", "store"])),
            lambda: search(at_ms, random.choice([0, 3])),
            lambda: product(at_ms, sku),
            lambda: added(at_ms, sku, random.randint(1, 3)),
            lambda: removed(at_ms, sku),
            lambda: cart_seen(at_ms),
            lambda: checkout(at_ms),
            lambda: order(at_ms, number, random.choice([5, 60, 200])),
            lambda: updated(at_ms, number, 80),
            lambda: cancelled(at_ms, number),
            lambda: refunded(at_ms, number, random.choice([None, 30])),
            lambda: message(at_ms, random.choice(["sent", "opened", "clicked", "unsubscribed"])),
            lambda: identified(at_ms, plan=sku),
        )
    )()


def version(random: Random, clock_ms: int) -> Version:
    kind = random.choice(["definitions", "population", "clusters"])
    active_ms = clock_ms + random.choice([0, 0, 5 * MINUTE])
    if kind == "definitions":
        content = random.choice(PACKS)
    elif kind == "clusters":
        content = any_model(random)
    else:
        cut = random.choice([20, 100])
        ranks = {0.5: cut, 0.85: 2 * cut, 0.9: 3 * cut}
        content = msgspec.json.encode(
            {percentile_key("orders.revenue", r): v * MICROS for r, v in ranks.items()}
        )
    name = f"{kind}-{random.randrange(10**9)}"
    return Version(kind=kind, name=name, active_ms=active_ms, content=content)


def random_log(seed: int, length: int = 400) -> list[StoredRecord]:
    """Forwarded records are not in it: `unrolled` puts them where they belong."""
    random = Random(seed)
    log: list[StoredRecord] = []
    now_ms, events = START_MS, [(0, "a", page(START_MS))]

    def put(key: str | None, value: bytes) -> None:
        log.append(StoredRecord(len(log), now_ms, key and key.encode(), value))

    pack = PACKS[seed % len(PACKS)]
    put(None, encode_record(Version(kind="definitions", name="0", active_ms=0, content=pack)))
    put(None, encode_record(Tick(clock_ms=START_MS)))
    for _ in range(length):
        now_ms += random.choice([0, 1, MINUTE, 20 * MINUTE, HOUR, 9 * HOUR, 6 * DAY])
        customer = random.choice(CUSTOMERS)
        match random.random():
            case draw if draw < 0.12:
                put(None, encode_record(Tick(clock_ms=now_ms - random.choice([0, 5000, HOUR]))))
            case draw if draw < 0.15:
                put(None, encode_record(version(random, now_ms)))
            case draw if draw < 0.19:
                target = random.choice(CUSTOMERS)
                put(
                    customer, encode_record(Link(target=target, time_ms=now_ms, received_ms=now_ms))
                )
            case draw if draw < 0.22:
                put(customer, b"\xc1")
            case draw if draw < 0.26:
                _, whose, again = random.choice(events)
                put(whose, encode_record(again))
            case _:
                late_ms = random.choice([0, 0, 0, 10 * MINUTE, 3 * HOUR, 40 * DAY])
                event = happening(random, max(now_ms - late_ms, START_MS - 90 * DAY))
                events.append((len(log), customer, event))
                put(customer, encode_record(event))
    now_ms += DAY
    put(None, encode_record(Tick(clock_ms=now_ms)))
    return log


def unrolled(log: list[StoredRecord]) -> list[StoredRecord]:
    """The log with what each record sends on right after it."""
    engine = PartitionEngine(0, SETTINGS)
    whole: list[StoredRecord] = []
    for record in log:
        waiting = [record]
        while waiting:
            first = waiting.pop(0)
            stored = StoredRecord(len(whole), first.timestamp, first.key, first.value)
            whole.append(stored)
            for customer, sent in engine.fold([stored]).forwards:
                value = encode_record(sent)
                waiting.append(StoredRecord(0, record.timestamp, customer.encode(), value))
    return whole


class Run:
    """A log folded in some batches, and what came of it."""

    def __init__(self, log: list[StoredRecord], size: int, *, restore: bool = False) -> None:
        self.effects: list[Effects] = []
        self.changelog: dict[bytes, bytes] = {}
        self.engine = PartitionEngine(0, SETTINGS)
        for at in range(0, len(log), size):
            fold_in_batches(self.engine, log[at : at + size], lambda: size, self.take)
            if restore:
                self.engine = PartitionEngine(0, SETTINGS)
                for key, value in self.changelog.items():
                    self.engine.restore(key, value)
                self.engine.restored()

    def take(self, effects: Effects) -> None:
        self.effects.append(effects)
        for key, value in effects.rows.items():
            if value is None:
                self.changelog.pop(key, None)
            else:
                self.changelog[key] = value

    @property
    def changes(self) -> list[bytes]:
        return [encode_change(change, "s") for e in self.effects for change in e.changes]

    def rows(self) -> dict[bytes, Any]:
        found = {key: unpack(value) for key, value in self.changelog.items() if key[0]}
        for row in found.values():
            row.activation = 0
        return found


def by_customer(changes: list[bytes]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for change in changes:
        found.setdefault(change.partition(b'"subject":"')[2][:1], []).append(change)
    return found


SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_is_due_is_missing_and_changes_add_up_to_the_rows(seed: int):
    """At every tick each row stands where its definitions, asked anew, put it."""
    log = unrolled(random_log(seed))
    engine = PartitionEngine(0, SETTINGS)
    members: dict[str, set[str]] = {}
    latest: dict[str, tuple[int, int]] = {}
    for record in log:
        clock_ms = engine.clock_ms
        effects = engine.fold([record])
        expect_counts_to_add_up(effects.counts)
        for change in effects.changes:
            held = members.setdefault(change.customer, set())
            assert (change.segment in held) != change.entered
            (held.add if change.entered else held.remove)(change.segment)
            assert change.segments == tuple(sorted(held))
            sequence, time_ms = latest.get(change.customer, (0, 0))
            assert (change.sequence, change.time_ms >= time_ms) == (sequence + 1, True)
            latest[change.customer] = (change.sequence, change.time_ms)
        if engine.clock_ms > clock_ms:
            expect_settled(engine)
    assert {k.decode(): set(row.segments) for k, row in engine.store.rows() if row.segments} == {
        customer: held for customer, held in members.items() if held
    }
    counted = [segment for held in members.values() for segment in held]
    assert {s: n for s, n in engine.members.items() if n and s != CUSTOMER} == {
        segment: counted.count(segment) for segment in counted
    }


def expect_settled(engine: PartitionEngine) -> None:
    """No timer is due, and no segment disagrees with its condition."""
    for _, row in engine.store.rows():
        assert row.timer_ms > engine.clock_ms
        context = engine.timeline.of(row.activation)
        if row.forward_to is not None or not row.events or context.pack is None:
            continue
        if context is not engine.timeline.at(max(engine.clock_ms, row.time_ms)):
            continue  # a version is coming whose time has not
        now_ms = max(engine.clock_ms, row.time_ms)
        for unit in context.pack.units:
            _, flip_ms, verdict = unit.evaluate(row, now_ms, context.thresholds)
            assert row.timer_ms <= flip_ms
            kept = row.shadows if unit.is_silent else row.segments
            held = [clause.segment for clause in unit.clauses if clause.segment in kept]
            if unit.exclusive:
                assert len(held) <= 1
                assert verdict < 0 or held == [unit.clauses[verdict].segment]
            elif verdict:
                assert bool(held) == (verdict > 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_batches_and_any_restores_give_the_same(seed: int):
    log = unrolled(random_log(seed))
    whole = Run(log, len(log))
    for size, restore in ((1, False), (7, False), (9, True)):
        run = Run(log, size, restore=restore)
        assert by_customer(run.changes) == by_customer(whole.changes)
        assert run.rows() == whole.rows()
        assert restore or run.changes == whole.changes
    assert len(whole.changes) > 30
