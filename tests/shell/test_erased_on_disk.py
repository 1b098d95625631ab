"""What was erased is in no file of a local store once that was rewritten, as it is every day."""

from __future__ import annotations

from pathlib import Path

from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.records import Erase
from stream.shell.local_store import LocalStore, StoreMemory
from stream.shell.row_keeping import take_committed
from stream.shell.store_header import StoreHeader
from stream.state.codec import uncompressed
from tests.engine.lane import Lane
from tests.engine.linked import link
from tests.engine.test_erasure import CART
from tests.state.shopping import HOUR, START_MS, added

MEMORY = StoreMemory(8 << 20)
NAMES = (b"kim-7f3a9c", b"device-51b0e2")


def files_that_name(folder: Path) -> list[str]:
    contents = {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return sorted(n for n, found in contents.items() if any(name in found for name in NAMES))


def rows_that_name(store: LocalStore) -> list[bytes]:
    """Keys of rows with one of the names in them: what is compressed is not seen in a file."""
    rows = ((key, uncompressed(value)) for key, value in store.items())
    return sorted(key for key, row in rows if any(name in row for name in NAMES))


def test_an_erased_customer_is_in_no_file_of_the_store(tmp_path: Path):
    store = LocalStore(tmp_path, MEMORY, StoreHeader(topic="rows", partition=0))
    lane = Lane(None)
    lane.engine = PartitionEngine(0, EngineSettings(shop="s"), store)
    lane.define(CART)

    def commit() -> None:
        while lane.effects:
            take_committed(store, lane.effects.pop(0).rows.items(), None, None)
        lane.engine.store.lower()

    def put(customer: str, *records) -> None:
        """Records, and what they send on; all of it is in the store then."""
        waiting = [(customer, record) for record in records]
        while waiting:
            to, record = waiting.pop(0)
            lane.put(to, record)
            waiting += lane.effects[-1].forwards
        commit()

    kim, device = (name.decode() for name in NAMES)
    put(device, added(START_MS), link(kim, START_MS + 1))
    put(kim, added(START_MS + 2, "b"))
    for number in range(300):
        put(f"other-{number}", added(START_MS))
    store._db.flush()
    assert files_that_name(tmp_path)
    assert rows_that_name(store) == [*sorted(NAMES)]
    erase = Erase(time_ms=START_MS + HOUR, received_ms=START_MS + HOUR, request="r")
    put(device, erase)
    assert not {*store.keys()}.intersection(NAMES)
    assert not {*lane.engine.store.keys()}.intersection(NAMES)
    store._db.flush()
    store._db.compact_range(None, None)
    store.close()
    # The manifest, which names the first and last key of each file, is written anew when opened.
    again = LocalStore(tmp_path, MEMORY, StoreHeader(topic="rows", partition=0))
    assert files_that_name(tmp_path) == []
    assert rows_that_name(again) == []
    assert len(list(again.keys())) == 300
    again.close()
