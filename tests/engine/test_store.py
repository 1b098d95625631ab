from __future__ import annotations

import pytest

from stream.engine.committed_rows import StoreError
from stream.engine.effects import StoredRecord
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.engine.store import RowStore
from stream.events.records import encode_record
from stream.state.codec import pack, unpack
from stream.state.row import Row
from tests.state.shopping import START_MS, page


def stored(*keys: bytes) -> RowStore:
    store = RowStore()
    for number, key in enumerate(keys):
        store.add(key, Row(events=number))
    store.commit()
    return store


def test_a_row_is_what_was_added_before_and_after_a_commit():
    store = RowStore()
    row = Row(events=3)
    store.add(b"a", row)
    assert store.get(b"a") is row
    assert store.commit() == {b"a": pack(row)}
    assert store.get(b"a") == row
    assert store.get(b"b") is None


def test_a_commit_writes_what_was_touched_and_nothing_else():
    store = stored(b"a", b"b")
    row = store.get(b"b")
    row.events = 9
    store.touch(b"b", row)
    assert {key: unpack(value).events for key, value in store.commit().items()} == {b"b": 9}
    assert store.commit() == {}


def test_a_rollback_forgets_changes_and_new_rows():
    store = stored(b"a")
    row = store.get(b"a")
    store.touch(b"a", row)
    row.events = 9
    store.add(b"new", Row())
    assert set(store.rollback()) == {b"a", b"new"}
    assert store.get(b"a").events == 0
    assert store.get(b"new") is None
    assert store.commit() == {}


def test_a_rollback_forgets_what_was_changed_without_a_touch_too():
    store = stored(b"a")
    store.get(b"a").activation = 7
    store.rollback()
    assert store.get(b"a").activation == 0


def test_live_rows_are_bounded_and_come_back_from_their_bytes():
    store = RowStore(hot_rows_max=10)
    keys = [b"%d" % number for number in range(30)]
    for number, key in enumerate(keys):
        store.add(key, Row(events=number))
        store.commit()
    assert len(store.keys()) == 30
    live = [key for key in keys if store.peek(key) is store.peek(key)]
    assert 5 <= len(live) <= 10
    assert live == keys[-len(live) :]
    assert [store.get(key).events for key in keys] == list(range(30))


def test_a_row_that_is_asked_for_stays_live():
    store = RowStore(hot_rows_max=10)
    store.add(b"asked for", Row())
    store.commit()
    row = store.get(b"asked for")
    for number in range(30):
        store.add(b"%d" % number, Row())
        store.commit()
        assert store.get(b"asked for") is row


def test_a_row_changed_at_a_glance_is_live_at_once():
    store = RowStore()
    store.packed[b"a"] = pack(Row())
    row = store.peek(b"a")
    store.touch(b"a", row)
    assert store.get(b"a") is row
    assert store.peek(b"a") is row


def test_a_glance_keeps_nothing_live():
    store = stored(b"a")
    store.rollback()
    assert store.peek(b"a") == Row()
    assert store.peek(b"a") is not store.peek(b"a")
    assert store.get(b"a") is store.peek(b"a")


def test_all_rows_are_those_of_the_last_commit():
    store = stored(b"a", b"b")
    store.get(b"a").events = 5
    assert {key: row.events for key, row in store.rows()} == {b"a": 0, b"b": 1}
    assert sorted(store.keys()) == [b"a", b"b"]


def test_a_batch_that_touches_everything_leaves_no_more_live_rows_than_are_allowed():
    store = RowStore(hot_rows_max=10)
    for number in range(100):
        store.add(b"%d" % number, Row(events=number))
    store.commit()
    first = {number: store.peek(b"%d" % number) for number in range(100)}
    live = [number for number, row in first.items() if store.peek(b"%d" % number) is row]
    assert live == [95, 96, 97, 98, 99]
    assert [row.events for row in first.values()] == list(range(100))


def test_a_store_that_cannot_be_used_ends_the_batch_and_buries_no_record():
    class Failing:
        def get(self, key: bytes) -> bytes | None:
            raise StoreError("the disk does not answer")

        def keys(self):
            return iter(())

        def items(self):
            return iter(())

    engine = PartitionEngine(0, EngineSettings(), Failing())
    record = StoredRecord(0, START_MS, b"kim", encode_record(page(START_MS)))
    with pytest.raises(StoreError, match="does not answer"):
        engine.fold([record])
    assert engine.next_offset == 0
