"""What a record sends on follows it at once, also where a later record raises."""

from __future__ import annotations

import pytest

from stream.engine.partition import PartitionEngine
from stream.engine.store import RowStore
from stream.events.records import Link, encode_record
from stream.simulation.in_place import InPlace, Waiting
from stream.simulation.offline import Offline
from tests.engine.lane import BUILT_IN, SETTINGS
from tests.state.shopping import START_MS, added

ANON, USER = b"anon", b"user"


def waiting(key: bytes, record) -> Waiting:
    return (record.received_ms, key, encode_record(record))


def given() -> list[Waiting]:
    """A cart, whose it is, more for the cart by the old id, and then by the new one."""
    first, second, third = (added(START_MS + n, name) for n, name in enumerate("abc"))
    link = Link(target=USER.decode(), time_ms=START_MS, received_ms=START_MS)
    return [
        waiting(ANON, first),
        waiting(ANON, link),
        waiting(ANON, second),
        waiting(USER, third),
    ]


def folded(records: list[Waiting]) -> tuple[PartitionEngine, list[bytes | None]]:
    """As the offline run folds what waits."""
    offline = Offline(SETTINGS, BUILT_IN)
    offline._waiting = records
    offline._fold()
    return offline.engine, [dead.record.value for dead in offline.dead]


def items(engine: PartitionEngine, key: bytes = USER) -> int:
    row = engine.store.get(key)
    assert row is not None
    assert row.cart is not None
    return row.cart.items


def test_it_stands_behind_the_record_and_is_counted():
    engine = PartitionEngine(0, SETTINGS)
    feed = InPlace(0, given(), lambda: engine.decider.effects.forwards)
    effects = engine.fold(feed, whole=True)
    assert [feed[n].key for n in range(6)] == [ANON, ANON, USER, ANON, USER, USER]
    assert [feed[n].offset for n in range(5)] == [0, 1, 2, 3, 4]
    assert (len(feed), engine.next_offset, effects.dead) == (6, 6, [])
    assert items(engine) == 3


def test_a_record_that_raises_leaves_each_of_them_there_once():
    """The batch is folded again one by one, from the rows of before."""
    for at in range(5):
        records = given()
        broken: Waiting = (START_MS, None, records[0][2])  # a customer's record has a key
        records.insert(at, broken)
        records.append(broken)
        engine, dead = folded(records)
        assert dead == [broken[2], broken[2]], at
        assert engine.next_offset == 8
        assert items(engine) == 3


def test_a_batch_that_does_not_pack_leaves_each_of_them_there_once(
    monkeypatch: pytest.MonkeyPatch,
):
    """All records were taken, and then a row does not pack: as if, once."""
    commit, tries = RowStore.commit, []

    def packed(store: RowStore) -> dict[bytes, bytes | None]:
        tries.append(len(store.dirty))
        if len(tries) == 1:
            raise OverflowError
        return commit(store)

    monkeypatch.setattr(RowStore, "commit", packed)
    engine, dead = folded(given())
    assert (len(tries), engine.next_offset, dead) == (1 + 6, 6, [])
    assert items(engine) == 3


def test_what_a_buried_record_had_sent_on_is_not_there(monkeypatch: pytest.MonkeyPatch):
    """A row never packs once it forwards: the link is buried, and its merge with it."""
    commit = RowStore.commit

    def packed(store: RowStore) -> dict[bytes, bytes | None]:
        row = store.dirty.get(ANON)
        if row is not None and row.forward_to is not None:
            raise OverflowError
        return commit(store)

    monkeypatch.setattr(RowStore, "commit", packed)
    records = given()
    engine, dead = folded(records)
    assert dead == [records[1][2]]
    assert (items(engine, ANON), items(engine)) == (2, 1)
    assert engine.next_offset == 4
