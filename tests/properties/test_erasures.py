"""Whatever comes in whatever order: an erasure replays, and nothing of before it comes back."""

from __future__ import annotations

from random import Random

import pytest

from stream.engine.effects import StoredRecord
from stream.engine.erasure import UNKEYED, marker_of
from stream.engine.meta import ERASED_PREFIX
from stream.engine.partition import PartitionEngine
from stream.events.records import Erase, Merge, Tick, Version, decode_record, encode_record
from tests.engine.lane import SETTINGS, expect_counts_to_add_up
from tests.properties.test_engine import CUSTOMERS, Run, by_customer, random_log, unrolled
from tests.state.shopping import HOUR

SEEDS = range(12)
SUPPRESSED_RATIO = 0.3


def log_with_erasures(seed: int) -> list[StoredRecord]:
    """A random log in which customers are erased, suppressed, and let in again."""
    random = Random(f"erasures {seed}")
    found: list[StoredRecord] = []
    for record in random_log(seed):
        found.append(record)
        if len(found) > 30 and random.random() < 0.03:
            at_ms = record.timestamp - random.choice([0, 0, HOUR])
            erase = Erase(
                time_ms=random.choice([0, at_ms]),
                received_ms=record.timestamp,
                request=f"r{len(found)}",
                refuses=random.random() < SUPPRESSED_RATIO,
                lifts=random.random() < SUPPRESSED_RATIO,
            )
            key = random.choice(CUSTOMERS).encode()
            found.append(StoredRecord(0, record.timestamp, key, encode_record(erase)))
    return unrolled([StoredRecord(n, r.timestamp, r.key, r.value) for n, r in enumerate(found)])


@pytest.mark.parametrize("seed", SEEDS)
def test_any_batches_and_any_restores_erase_the_same(seed: int):
    log = log_with_erasures(seed)
    whole = Run(log, len(log))
    for size, restore in ((1, False), (7, False), (9, True)):
        run = Run(log, size, restore=restore)
        assert by_customer(run.changes) == by_customer(whole.changes)
        assert run.rows() == whole.rows()
        assert markers(run) == markers(whole)
    assert markers(whole)


def markers(run: Run) -> dict[bytes, bytes]:
    return {k: v for k, v in run.changelog.items() if k.startswith(ERASED_PREFIX)}


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_of_before_comes_back_and_every_record_has_one_end(seed: int):
    """Who was erased is in no segment until something happened later; receipts say who was."""
    log = log_with_erasures(seed)
    names = {marker_of(name.encode(), UNKEYED).hex(): name for name in CUSTOMERS}
    engine = PartitionEngine(0, SETTINGS)
    erased_ms: dict[str, int] = {}
    banned: set[str] = set()
    came_again: set[str] = set()
    refused = 0
    for record in log:
        effects = engine.fold([record])
        expect_counts_to_add_up(effects.counts)
        refused += effects.counts.erased
        customer = None if record.key is None else record.key.decode()
        decoded = None if record.value == b"\xc1" else decode_record(record.value or b"")
        for change in effects.changes:
            if change.customer in erased_ms:
                assert change.cause == "erasure" or change.customer in came_again | {customer}
        for receipt in effects.receipts:
            name = names[receipt.subject]
            if receipt.outcome in ("erased", "suppressed"):
                assert engine.store.peek(name.encode()) is None
                erased_ms[name] = max(receipt.time_ms, erased_ms.get(name, 0))
                came_again.discard(name)
                if receipt.outcome == "suppressed":
                    banned.add(name)
            elif receipt.outcome == "lifted":
                banned.discard(name)
        if customer in erased_ms and not isinstance(decoded, Tick | Version | Erase | None):
            if customer in banned or decoded.time_ms <= erased_ms[customer]:
                assert effects.counts.erased == 1
            elif customer not in came_again:
                came_again.add(customer)
                row = engine.store.peek(customer.encode())
                if row is not None and not isinstance(decoded, Merge):
                    assert row.events <= 1
    absent = erased_ms.keys() - came_again
    assert all(engine.store.peek(name.encode()) is None for name in absent)
    assert erased_ms
    assert refused
