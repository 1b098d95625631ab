"""The stores of a worker in their folder: who may use it, and what is set aside."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NodeNotReadyError, UnknownTopicOrPartitionError

from stream.clock import DAY_MS
from stream.shell import local_stores
from stream.shell.embedded import EmbeddedBroker
from stream.shell.local_store import LocalStore
from stream.shell.local_stores import ASIDE_KEPT_S, ASIDE_MAX, LocalStores, locked
from stream.shell.metrics import Metrics
from stream.shell.row_keeping import take_committed
from stream.shell.settings import ROCKSDB, SettingError, Settings
from stream.shell.store_header import STORE_FORMAT, Refusal, StoreHeader
from stream.shell.topic_admin import create_topics
from stream.state.row import ROW_FORMAT
from tests.kafka.installation import until

NOW_MS = 1_760_000_000_000


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[LocalStores]:
    made = new_stores(tmp_path)
    yield made
    asyncio.run(made.stop())


def new_stores(folder: Path, broker: str = "") -> LocalStores:
    settings = Settings(
        broker=broker, store=ROCKSDB, store_folder=folder, store_cache_bytes=8 << 20, partitions=4
    )
    return LocalStores(settings, Metrics(), lambda: NOW_MS)


def filled(stores: LocalStores, partition: int = 0) -> LocalStore:
    store = stores.open(partition, 0, 10)
    take_committed(store, [(b"a", b"row")], 10, NOW_MS)
    return store


def reopened(stores: LocalStores, begin: int = 0, end: int = 10) -> LocalStore:
    asyncio.run(stores.close(0))
    return stores.open(0, begin, end)


def test_a_store_that_fits_is_gone_on_with(stores: LocalStores) -> None:
    filled(stores)
    store = reopened(stores)
    assert store.get(b"a") == b"row"
    assert store.header.next_offset == 10
    assert list(stores.folder.glob("*.aside-*")) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"next_offset": 11}, "ahead"),
        ({"incarnation": "2"}, "incarnation"),
        ({"partitions": 8}, "partitions"),
        ({"partition": 1}, "place"),
        ({"topic": "other"}, "place"),
        ({"topic_id": "another"}, "recreated"),
        ({"store_format": STORE_FORMAT + 1}, "format"),
        ({"store_format": STORE_FORMAT - 1}, "format"),
        ({"row_format": ROW_FORMAT + 1}, "row-format"),
    ],
)
def test_a_store_that_does_not_fit_is_set_aside_with_the_reason(
    stores: LocalStores, caplog: pytest.LogCaptureFixture, change: dict[str, object], reason: str
) -> None:
    store = filled(stores)
    store.write((), msgspec.structs.replace(store.header, **change))
    with caplog.at_level(logging.ERROR):
        empty = reopened(stores)
    assert empty.get(b"a") is None
    assert empty.header.next_offset == 0
    [kept] = stores.folder.glob(f"partition-0.aside-{reason}-*")
    assert (kept / "CURRENT").exists()
    assert "partition 0: its local store was set aside" in caplog.text
    assert "restored from the changelog, nothing is lost" in caplog.text
    assert str(kept) in caplog.text


def test_rows_of_an_older_format_are_gone_on_with(stores: LocalStores) -> None:
    store = filled(stores)
    store.write((), msgspec.structs.replace(store.header, row_format=ROW_FORMAT - 1))
    assert reopened(stores).get(b"a") == b"row"


def test_a_store_whose_next_records_were_deleted_is_set_aside(stores: LocalStores) -> None:
    filled(stores)
    assert reopened(stores, begin=11, end=20).get(b"a") is None


def test_a_store_that_was_away_for_longer_than_tombstones_are_kept_is_set_aside(
    stores: LocalStores,
) -> None:
    store = filled(stores)
    before = msgspec.structs.replace(store.header, written_ms=NOW_MS - 2 * DAY_MS)
    store.write((), before)
    assert reopened(stores, end=10).get(b"a") == b"row", "nothing came since"
    asyncio.run(stores.close(0))
    assert stores.open(0, 0, 11).get(b"a") is None


def test_a_header_that_does_not_decode_is_a_broken_store(stores: LocalStores) -> None:
    store = filled(stores)
    asyncio.run(stores.close(0))
    for file in store.path.glob("MANIFEST*"):
        file.write_bytes(b"?")
    assert stores.open(0, 0, 10).get(b"a") is None
    assert len(list(stores.folder.glob("*.aside-corrupt-*"))) == 1


def test_few_stores_are_kept_aside_and_not_for_ever(stores: LocalStores) -> None:
    for partition in range(ASIDE_MAX + 2):
        filled(stores, partition).write((), StoreHeader(incarnation="gone"))
        asyncio.run(stores.close(partition))
        stores.open(partition, 0, 10)
    kept = sorted(stores.folder.glob("*.aside-*"))
    assert len(kept) == ASIDE_MAX
    old_s = kept[0].stat().st_mtime - ASIDE_KEPT_S - 60
    os.utime(kept[0], (old_s, old_s))
    stores.discard_old()
    assert list(stores.folder.glob("*.aside-*")) == kept[1:]


def refused(stores: LocalStores, partition: int) -> None:
    """A store of some rows that is set aside, and a new one in its place."""
    store = filled(stores, partition)
    store.write(((b"b", os.urandom(300_000)),), StoreHeader(incarnation="gone"))
    asyncio.run(stores.close(partition))
    stores.open(partition, 0, 10)


def test_a_large_store_goes_when_its_replacement_is_complete_and_not_before(
    stores: LocalStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_stores, "ASIDE_BYTES_MAX", 100_000)
    refused(stores, 0)
    refused(stores, 1)
    stores.discard_old()
    assert len(list(stores.folder.glob("*.aside-*"))) == 2
    stores.completed(1)
    [left] = stores.folder.glob("*.aside-*")
    assert left.name.startswith("partition-0.")
    stores.completed(0)
    assert list(stores.folder.glob("*.aside-*")) == []


def test_a_small_store_is_kept_to_be_looked_at(stores: LocalStores) -> None:
    refused(stores, 0)
    stores.completed(0)
    assert len(list(stores.folder.glob("*.aside-*"))) == 1


def test_a_store_is_kept_for_its_time_from_when_it_was_set_aside(stores: LocalStores) -> None:
    """However long nothing was written to it before."""
    path = filled(stores).path
    asyncio.run(stores.close(0))
    for file in path.glob("MANIFEST*"):
        file.write_bytes(b"?")
    old_s = path.stat().st_mtime - ASIDE_KEPT_S - 60
    os.utime(path, (old_s, old_s))
    stores.set_aside(0, Refusal("corrupt", "it cannot be read"))
    assert len(list(stores.folder.glob("*.aside-corrupt-*"))) == 1


async def test_a_worker_that_runs_on_lets_go_of_what_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_stores, "ASIDE_CHECKED_S", 0.01)
    with EmbeddedBroker() as broker:
        stores = new_stores(tmp_path, broker.address)
        await create_topics(Settings(broker=broker.address, partitions=4))
        await stores.start()
        try:
            aside = tmp_path / "partition-0.aside-corrupt-1"
            aside.mkdir()
            old_s = aside.stat().st_mtime - ASIDE_KEPT_S - 60
            os.utime(aside, (old_s, old_s))
            assert await until(lambda: not aside.exists())
        finally:
            await stores.stop()


@pytest.mark.parametrize("asked", ["_Metadata", "DescribeConfigsRequest"])
async def test_a_broker_that_does_not_answer_is_no_word_on_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """Without the topic's id a sound store would be of a topic made anew."""
    send = AIOKafkaAdminClient._send_request

    async def silent(client: AIOKafkaAdminClient, request: object, *to: object) -> object:
        if type(request).__name__.startswith(asked):
            raise NodeNotReadyError
        return await send(client, request, *to)

    with EmbeddedBroker() as broker:
        await create_topics(Settings(broker=broker.address, partitions=4))
        stores = new_stores(tmp_path, broker.address)
        with monkeypatch.context() as patched:
            patched.setattr(AIOKafkaAdminClient, "_send_request", silent)
            with pytest.raises(NodeNotReadyError):
                await stores.start()
        await stores.stop()
        again = new_stores(tmp_path, broker.address)
        await again.start()
        await again.stop()


async def test_a_broker_that_does_not_know_the_changelog_yet_is_no_word_on_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def others(_settings: Settings) -> dict[str, str]:
        return {"events": "an-id"}

    monkeypatch.setattr(local_stores, "topic_ids", others)
    stores = new_stores(tmp_path)
    with pytest.raises(UnknownTopicOrPartitionError):
        await stores.start()
    await stores.stop()


def test_a_folder_is_one_process_alone(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from {local_stores.__name__} import locked
held = locked(Path({str(tmp_path / "lock")!r}))
print("held", flush=True)
sys.stdin.read()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(SettingError, match=f"SHOAL_STORE_DIR: process {other.pid} has"):
        locked(tmp_path / "lock")
    other.kill()
    other.communicate()
    os.close(locked(tmp_path / "lock"))
