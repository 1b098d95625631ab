"""Workers with rows on disk: restarts, stores that cannot be used, one folder a worker."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.state.codec import unpack
from tests.kafka.broker import Broker
from tests.kafka.installation import WorkerProcess, event, until
from tests.kafka.pipeline import Pipeline

pytestmark = pytest.mark.kafka

BEGIN_MS = 1_760_000_000_000
CUSTOMERS = 300


@pytest.fixture
def pipeline(kafka: Broker, tmp_path: Path) -> Iterator[Pipeline]:
    found = Pipeline(kafka, partitions=2)
    found.variables |= {
        "SHOAL_STORE": "rocksdb",
        "SHOAL_STORE_DIR": str(tmp_path / "stores"),
        "SHOAL_STORE_CACHE_BYTES": str(8 << 20),
    }
    asyncio.run(found.create())
    yield found
    found.end()


def send(pipeline: Pipeline, first: int, count: int) -> None:
    """Events of all customers, so many each."""
    events = [
        (f"c-{n % CUSTOMERS}".encode(), event(f"c-{n % CUSTOMERS}", n, BEGIN_MS + n))
        for n in range(first * CUSTOMERS, (first + count) * CUSTOMERS)
    ]
    asyncio.run(pipeline.send_keyed(events, history_ends=False))


def folded(pipeline: Pipeline) -> None:
    """Wait until all that was sent is in the rows."""

    async def rows() -> bool:
        wanted = sum(pipeline.sent.values())
        newest = {
            r.key: r.value
            for r in await pipeline.read("customers-changelog")
            if not r.key.startswith(b"\0")
        }
        return sum(unpack(value).events for value in newest.values()) >= wanted

    asyncio.run(until(rows))


def ready(worker: WorkerProcess) -> dict[str, float]:
    """Its metrics when it works on all partitions."""
    asyncio.run(until(worker.is_ready))
    return worker.metrics()


def test_a_restart_reads_what_the_store_lacks_and_no_more(pipeline: Pipeline) -> None:
    first = pipeline.work()
    send(pipeline, 0, 4)
    folded(pipeline)
    assert first.terminate() == 0, first.log
    second = pipeline.work()
    found = ready(second)
    assert found["shoal_restore_rows_total"] == 0
    assert sum(v for k, v in found.items() if k.startswith("shoal_store_bytes")) > 0
    send(pipeline, 4, 1)
    folded(pipeline)
    second.signal(signal.SIGKILL)
    second.wait()
    third = pipeline.work()
    # What was in memory and not yet written out is read again, the rows of before are not.
    assert ready(third)["shoal_restore_rows_total"] < CUSTOMERS * 2
    assert third.terminate() == 0


def test_a_store_that_cannot_be_read_is_set_aside_and_made_anew(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    first = pipeline.work()
    send(pipeline, 0, 2)
    folded(pipeline)
    assert first.terminate() == 0, first.log
    for manifest in (tmp_path / "stores").glob("partition-*/MANIFEST*"):
        manifest.write_bytes(b"no manifest")
    second = pipeline.work()
    found = ready(second)
    assert found['shoal_stores_set_aside_total{reason="corrupt"}'] == 2
    assert found["shoal_restore_rows_total"] >= CUSTOMERS
    assert "was set aside: it cannot be read" in second.log
    assert len(list((tmp_path / "stores").glob("partition-*.aside-corrupt-*"))) == 2
    send(pipeline, 2, 1)
    folded(pipeline)
    assert second.terminate() == 0


def test_a_folder_belongs_to_one_worker(pipeline: Pipeline) -> None:
    first = pipeline.work()
    ready(first)
    second = pipeline.work()
    assert second.wait() == 1
    assert f"process {first.pid} has" in second.log
    assert "give every worker a folder of its own" in second.log


def test_a_standby_takes_over_without_reading_it_all(pipeline: Pipeline, tmp_path: Path) -> None:
    first = pipeline.work(SHOAL_STORE_DIR=str(tmp_path / "first"))
    ready(first)
    second = pipeline.work(SHOAL_STORE_DIR=str(tmp_path / "second"), SHOAL_STANDBY="1")
    ready(second)
    send(pipeline, 0, 4)
    folded(pipeline)
    owned = {"first": 0.0, "second": 0.0}

    def kept_up() -> bool:
        """One partition each, and the second worker copies the first one's."""
        owned["first"] = first.metrics()["shoal_partitions_owned"]
        found = second.metrics()
        owned["second"] = found["shoal_partitions_owned"]
        return (
            owned["first"] == 1 and owned["second"] == 1 and found["shoal_standby_partitions"] == 1
        )

    asyncio.run(until(kept_up))
    before = second.metrics()["shoal_restore_rows_total"]
    first.signal(signal.SIGKILL)
    first.wait()

    def taken_over() -> bool:
        return second.metrics()["shoal_partitions_owned"] == 2 and second.is_ready()

    asyncio.run(until(taken_over))
    assert second.metrics()["shoal_restore_rows_total"] - before < CUSTOMERS / 2
    send(pipeline, 4, 1)
    folded(pipeline)
    assert second.terminate() == 0, second.log
