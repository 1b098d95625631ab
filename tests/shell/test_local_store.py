"""A store on disk: what a crash leaves, what is broken, and what it lets go of."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.engine.committed_rows import StoreBrokenError
from stream.engine.effects import StoredRecord
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.engine.store import RowStore
from stream.events.records import ProductViewed, encode_record
from stream.shell.local_store import LocalStore, StoreMemory
from stream.shell.row_keeping import (
    StoreClosedError,
    StoreFailedError,
    StoreLockedError,
    take_committed,
)
from stream.shell.store_header import StoreHeader
from stream.state.codec import pack
from stream.state.row import Row

MEMORY = StoreMemory(8 << 20)
NEW = StoreHeader(topic="rows", partition=3)


def opened(path: Path) -> LocalStore:
    return LocalStore(path, MEMORY, NEW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    made = opened(tmp_path / "rows")
    yield made
    made.close()


def rows(count: int, first: int = 0) -> list[tuple[bytes, bytes | None]]:
    return [(b"c%06d" % n, os.urandom(300)) for n in range(first, first + count)]


def test_what_was_written_is_there_after_a_restart_with_its_header(tmp_path: Path) -> None:
    store = opened(tmp_path)
    written = [*rows(2_000), (b"\0meta", b"where it stands")]
    take_committed(store, written, 77, 1_000)
    store.close()
    again = opened(tmp_path)
    assert again.header == StoreHeader(topic="rows", partition=3, next_offset=77, written_ms=1_000)
    assert list(again.items()) == sorted(written[:-1])
    assert list(again.keys()) == sorted(key for key, _ in written[:-1])
    assert again.control() == [(b"\0meta", b"where it stands")]
    again.close()


def test_what_is_not_known_takes_nothing_back(store: LocalStore) -> None:
    take_committed(store, rows(1), 77, 1_000)
    take_committed(store, rows(1), None, None)
    assert (store.header.next_offset, store.header.written_ms) == (77, 1_000)


CRASHING = """
import os, sys
from pathlib import Path
from stream.shell.local_store import LocalStore, StoreMemory
from stream.shell.row_keeping import take_committed
from stream.shell.store_header import StoreHeader
store = LocalStore(Path(sys.argv[1]), StoreMemory(8 << 20), StoreHeader())
for batch in range(200):
    rows = [(b"c%05d" % n, b"%05d" % batch + os.urandom(300)) for n in range(500)]
    take_committed(store, rows, batch + 1, batch)
os.kill(os.getpid(), 9)
"""


def test_a_crash_leaves_the_state_at_one_offset(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CRASHING, str(tmp_path)], check=False, timeout=60)
    store = opened(tmp_path)
    reached = store.header.next_offset
    assert 0 < reached < 200, "some was written out, and some was in memory"
    assert {int(value[:5]) for _, value in store.items()} == {reached - 1}
    assert len(list(store.keys())) == 500
    store.close()


def test_a_store_is_open_once(store: LocalStore) -> None:
    with pytest.raises(StoreLockedError, match="lock"):
        opened(store.path)


def test_a_sweep_that_is_not_at_its_end_does_not_keep_the_folder(tmp_path: Path) -> None:
    store = opened(tmp_path)
    take_committed(store, rows(100), 1, 1)
    keys = store.keys()
    next(keys)
    store.close()
    assert list(keys) == []
    opened(tmp_path).close()


def damaged(folder: Path) -> None:
    """Overwrite the middle of its largest file of rows."""
    file = max(folder.glob("*.sst"), key=lambda path: path.stat().st_size)
    with file.open("r+b") as opened_file:
        opened_file.seek(file.stat().st_size // 3)
        opened_file.write(os.urandom(8_192))


def test_rows_that_cannot_be_read_are_no_end_and_no_absence(tmp_path: Path) -> None:
    store = opened(tmp_path)
    written = rows(4_000)
    take_committed(store, written, 1, 1)
    store.close()
    damaged(tmp_path)
    store = opened(tmp_path)
    with pytest.raises(StoreBrokenError, match="to their end"):
        list(store.items())
    with pytest.raises(StoreBrokenError, match="to their end"):
        list(RowStore(below=store).packed_rows())
    with pytest.raises(StoreBrokenError, match="checksum"):
        [store.get(key) for key, _ in written]
    store.close()


def test_a_store_that_cannot_be_read_buries_no_record(tmp_path: Path) -> None:
    store = opened(tmp_path)
    keys = [b"c%06d" % n for n in range(4_000)]
    take_committed(store, [(key, pack(Row(traits={"a": "x" * 200}))) for key in keys], 1, 1)
    store.close()
    damaged(tmp_path)
    store = opened(tmp_path)
    engine = PartitionEngine(0, EngineSettings(), store)
    view = encode_record(ProductViewed(time_ms=1, received_ms=1, message_id=1))
    log = [StoredRecord(n, 1, key, view) for n, key in enumerate(keys)]
    with pytest.raises(StoreBrokenError):
        engine.fold(log)
    store.close()


def test_nothing_of_it_is_for_others_to_read(store: LocalStore) -> None:
    assert store.path.stat().st_mode & 0o077 == 0


def test_a_file_in_place_of_a_store_is_broken(tmp_path: Path) -> None:
    (tmp_path / "CURRENT").write_text("MANIFEST-000001")
    with pytest.raises(StoreBrokenError):
        opened(tmp_path)


def test_memory_is_bounded_by_what_was_allowed(tmp_path: Path) -> None:
    memory = StoreMemory(8 << 20)
    store = LocalStore(tmp_path, memory, NEW)
    for batch in range(60):
        take_committed(store, rows(1_000, batch * 1_000), batch, batch)
    assert sum(1 for _ in store.items()) == 60_000
    # 18 MB of rows were written and read.
    assert memory.used_bytes <= (8 << 20) * 1.25
    store.close()


def test_a_disk_that_takes_nothing_is_no_damage(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(StoreFailedError):
            opened(tmp_path / "rows")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_what_is_closed_is_not_broken(tmp_path: Path) -> None:
    store = opened(tmp_path)
    take_committed(store, rows(3), 1, 1)
    store.close()
    store.close()
    for use in (
        lambda: store.get(b"c000001"),
        lambda: list(store.keys()),
        lambda: list(store.items()),
        store.control,
        lambda: take_committed(store, rows(1), 2, 2),
        lambda: store.file_bytes,
    ):
        with pytest.raises(StoreClosedError):
            use()
    again = opened(tmp_path)
    assert len(list(again.keys())) == 3
    again.close()
