"""Rows are the same wherever they are kept: in memory, or on disk below."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.engine.store import RowStore
from stream.shell.local_store import LocalStore, StoreMemory
from stream.shell.row_keeping import take_committed
from stream.shell.store_header import StoreHeader
from stream.state.codec import pack, unpack
from stream.state.row import Row


class MemoryRows:
    """Rows in memory, as a worker without local stores has them."""

    def __init__(self, _: Path) -> None:
        self.store = RowStore(hot_rows_max=10)

    def commit(self) -> dict[bytes, bytes | None]:
        """A batch, committed by the broker."""
        return self.store.commit()

    def cool(self) -> None:
        """Keep no row live."""
        self.store.rollback()


class DiskRows:
    """Rows in a local store, as its owner has them: written when the broker has committed."""

    def __init__(self, folder: Path) -> None:
        self.below = LocalStore(folder / "rows", StoreMemory(8 << 20), StoreHeader())
        self.store = RowStore(hot_rows_max=10, below=self.below)

    def commit(self) -> dict[bytes, bytes | None]:
        written = self.store.commit()
        take_committed(self.below, written.items(), None, None)
        self.store.lower()
        return written

    def cool(self) -> None:
        self.store.rollback()


class HalfWayRows(DiskRows):
    """The same between a batch and its commit: rows of earlier ones are below, the newest above."""

    def commit(self) -> dict[bytes, bytes | None]:
        take_committed(self.below, list(self._above.items()), None, None)
        self.store.lower()
        self._above = self.store.commit()
        return self._above

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._above: dict[bytes, bytes | None] = {}


Rows = MemoryRows | DiskRows


@pytest.fixture(params=[MemoryRows, DiskRows, HalfWayRows])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rows]:
    made: Rows = request.param(tmp_path)
    yield made
    if isinstance(made, DiskRows):
        made.below.close()


def fill(rows: Rows, *keys: bytes) -> None:
    for number, key in enumerate(keys):
        rows.store.add(key, Row(events=number))
        rows.commit()


def test_a_row_is_what_was_committed_live_or_not(rows):
    fill(rows, b"a", b"b")
    assert rows.store.get(b"b").events == 1
    rows.cool()
    assert rows.store.get(b"b") == Row(events=1)
    assert rows.store.get(b"c") is None


def test_a_commit_writes_what_the_batch_touched_and_nothing_else(rows):
    fill(rows, b"a", b"b")
    row = rows.store.get(b"a")
    row.events = 9
    rows.store.touch(b"a", row)
    assert rows.commit() == {b"a": pack(Row(events=9))}
    assert rows.commit() == {}
    rows.cool()
    assert rows.store.get(b"a").events == 9


def test_a_rollback_leaves_the_rows_of_the_last_commit(rows):
    fill(rows, b"a")
    row = rows.store.get(b"a")
    row.events = 7
    rows.store.touch(b"a", row)
    rows.store.add(b"new", Row())
    assert sorted(rows.store.rollback()) == [b"a", b"new"]
    assert rows.store.get(b"a").events == 0
    assert rows.store.get(b"new") is None
    assert rows.store.keys() == [b"a"]


def test_a_row_that_ended_is_gone_everywhere(rows):
    fill(rows, b"a", b"b", b"c")
    rows.cool()
    rows.store.remove(b"b")
    assert rows.store.get(b"b") is None
    assert rows.commit() == {b"b": None}
    rows.cool()
    assert rows.store.get(b"b") is None
    assert sorted(rows.store.keys()) == [b"a", b"c"]
    rows.commit()
    assert rows.store.peek(b"b") is None
    assert {key for key, _ in rows.store.rows()} == {b"a", b"c"}


def test_an_end_that_is_rolled_back_is_none(rows):
    fill(rows, b"a")
    rows.cool()
    rows.store.remove(b"a")
    rows.store.rollback()
    assert rows.store.get(b"a") == Row(events=0)


def test_a_row_begun_again_after_its_end_has_nothing_of_it(rows):
    fill(rows, b"a", b"b")
    rows.store.remove(b"b")
    rows.commit()
    rows.store.add(b"b", Row(events=5))
    rows.commit()
    rows.cool()
    assert rows.store.get(b"b").events == 5
    assert sorted(rows.store.keys()) == [b"a", b"b"]


def test_all_rows_come_once_with_the_newest_of_each(rows):
    keys = [b"c%04d" % number for number in range(2_500)]
    for key in keys:
        rows.store.add(key, Row(events=1))
    rows.commit()
    for key in keys[::2]:
        row = rows.store.get(key)
        row.events = 2
        rows.store.touch(key, row)
    rows.commit()
    found = [(key, unpack(packed).events) for key, packed in rows.store.packed_rows()]
    assert sorted(found) == [(key, 2 - n % 2) for n, key in enumerate(keys)]


def test_a_sweep_has_the_keys_of_its_beginning_once_each(rows):
    keys = [b"c%04d" % number for number in range(2_500)]
    for key in keys[:2_400]:
        rows.store.add(key, Row())
    rows.commit()
    for key in keys[2_400:]:
        rows.store.add(key, Row())
    chunks = rows.store.key_chunks()
    found = next(chunks)
    rows.commit()
    rows.store.add(b"later", Row())
    row = rows.store.get(keys[0])
    rows.store.touch(keys[0], row)
    rows.commit()
    rows.commit()
    for chunk in chunks:
        found += chunk
    assert sorted(found) == keys


@pytest.mark.parametrize("key", [b"\x01", "\U0010ffff".encode(), b" ", b"x" * 2_000])
def test_any_key_that_a_customer_can_have_is_kept(rows, key):
    fill(rows, key)
    rows.cool()
    rows.commit()
    assert rows.store.get(key) == Row(events=0)
    assert rows.store.keys() == [key]


def test_live_rows_are_bounded_wherever_the_others_are(rows):
    keys = [b"%d" % number for number in range(60)]
    fill(rows, *keys)
    live = [key for key in keys if rows.store.peek(key) is rows.store.peek(key)]
    assert 5 <= len(live) <= 10
