"""What a live run tells is what a replay tells: same ids, same payloads, nothing more or less."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream.clock import instant_ms
from stream.engine.settings import EngineSettings
from stream.events.cloudevent import encode_change
from stream.shell.embedded import EmbeddedBroker
from stream.simulation.offline import LogReplay
from tests.kafka.broker import Broker
from tests.kafka.installation import until
from tests.kafka.pipeline import Pipeline
from tests.kafka.weeks import simulated

pytestmark = pytest.mark.kafka

CUT = "2026-01-01T00:00:00.000Z"
"""Both runs go on past it, the live one to the present: changes before it are compared."""

WEEK_END_MS = instant_ms("2026-11-02T00:00:00Z")


@pytest.fixture
def pipeline(kafka: Broker) -> Iterator[Pipeline]:
    found = Pipeline(kafka)
    asyncio.run(found.create())
    yield found
    found.end()


def comparable(change: dict[str, Any]) -> dict[str, Any]:
    """A change without `historic`, which goes by the broker's time."""
    return {**change, "data": {k: v for k, v in change["data"].items() if k != "historic"}}


def by_id(changes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Changes by id; each id stands for one change."""
    found = {change["id"]: change for change in changes}
    assert len(found) == len(changes), "an id was told twice"
    return found


def assert_same(told: list[dict[str, Any]], replayed: list[dict[str, Any]]) -> None:
    """The same changes, each once; a failure shows a few of those that differ."""
    live, offline = by_id(told), by_id(replayed)
    lost = [offline[i] for i in offline.keys() - live.keys()]
    extra = [live[i] for i in live.keys() - offline.keys()]
    other = [(live[i], offline[i]) for i in live.keys() & offline.keys() if live[i] != offline[i]]
    assert (lost[:2], extra[:2], other[:1]) == ([], [], [])


def assert_in_order(changes: list[dict[str, Any]]) -> None:
    """A customer's changes come in the order of their sequence, without a gap."""
    latest: Counter[str] = Counter()
    for change in changes:
        latest[change["subject"]] += 1
        assert int(change["sequence"]) == latest[change["subject"]], change


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "columns", "customers"),
    [
        ("online_retail_2010-12_2011-03.csv.gz", "online_retail", 2189),
        ("CDNOW_sample.txt", "cdnow", 2357),
    ],
)
def test_an_imported_history_gives_the_changes_of_its_replay(
    pipeline: Pipeline, shared_data: Path, tmp_path: Path, file: str, columns: str, customers: int
) -> None:
    pipeline.variables["SHOAL_CLUSTERS"] = "off"
    source, events = str(shared_data / file), str(tmp_path / "events.jsonl")
    expected = tmp_path / "expected.jsonl"
    pipeline.shoal("import", source, "--map", columns, "--to", events)
    pipeline.shoal("replay", events, "--until", CUT, "--changes", str(expected))
    pipeline.work()
    pipeline.shoal("import", source, "--map", columns, "--to", "kafka")
    asyncio.run(pipeline.until(pipeline.at_clock(instant_ms(CUT))))
    told = [comparable(c) for c in asyncio.run(pipeline.changes()) if c["time"] < CUT]
    replayed = [comparable(json.loads(line)) for line in expected.read_text().splitlines()]
    replayed = [change for change in replayed if change["time"] < CUT]
    assert len({change["subject"] for change in told}) == customers
    assert_in_order(told)
    assert_same(told, replayed)


def week(customers: int) -> list[tuple[bytes, bytes]]:
    return simulated(7, customers, WEEK_END_MS)


def assert_equal_to_own_log(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The committed changes are those of the run's own log, replayed."""
    pipeline.stop_workers()
    told = asyncio.run(pipeline.changes())
    replay = LogReplay(EngineSettings())
    replayed = [
        json.loads(encode_change(change, "shop"))
        for partition, records in asyncio.run(pipeline.log()).items()
        for change in replay.apply(partition, records)
    ]
    counts = replay.counts
    assert counts.late > 0
    assert counts.duplicate > 0
    assert counts.forwarded > 0
    assert counts.consumed == (
        counts.applied + counts.duplicate + counts.forwarded + counts.control + counts.dead
    )
    assert_in_order(told)
    assert_same(told, replayed)
    return told


@pytest.mark.parametrize("workers", [1, 2])
def test_a_simulated_week_gives_the_changes_of_its_own_log(
    pipeline: Pipeline, workers: int
) -> None:
    pipeline.variables["SHOAL_CLUSTER_INTERVAL_S"] = "1"
    for _ in range(workers):
        pipeline.work()
    asyncio.run(pipeline.send_keyed(week(400), history_ends=True))
    asyncio.run(pipeline.until(pipeline.at_clock(WEEK_END_MS)))
    asyncio.run(
        pipeline.until_change(lambda change: change["data"]["segment"].startswith("cluster:"))
    )
    told = assert_equal_to_own_log(pipeline)
    kinds = {change["data"]["segment"].partition(":")[0] for change in told}
    assert {"abandoned_cart", "new_customer", "cluster", "high_value"} <= kinds


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_kill_9_at_five_moments_loses_and_repeats_nothing(
    pipeline: Pipeline, tmp_path: Path, store: str
) -> None:
    events = week(400)
    pipeline.variables |= {"SHOAL_STORE": store, "SHOAL_STORE_DIR": str(tmp_path / "stores")}
    moments = sorted(random.Random(11).sample(range(200, len(events) - 200), 5))
    asyncio.run(pipeline.send_keyed(events, history_ends=True))
    for moment in moments:
        worker = pipeline.work()
        asyncio.run(pipeline.until(pipeline.routed(moment)))
        worker.signal(signal.SIGKILL)
        worker.wait()
    pipeline.work()
    asyncio.run(pipeline.until(pipeline.at_clock(WEEK_END_MS)))
    assert_equal_to_own_log(pipeline)


def test_a_worker_stopped_past_its_session_is_fenced_when_it_wakes(pipeline: Pipeline) -> None:
    events = week(400)
    first = pipeline.work()
    asyncio.run(pipeline.send_keyed(events[: len(events) // 2], history_ends=False))
    asyncio.run(pipeline.until(pipeline.routed(len(events) // 8)))
    first.signal(signal.SIGSTOP)
    pipeline.work()
    asyncio.run(pipeline.until(pipeline.routed(len(events) // 2)))
    first.signal(signal.SIGCONT)
    asyncio.run(until(lambda: "is somebody else's now" in first.log))
    asyncio.run(pipeline.send_keyed(events[len(events) // 2 :], history_ends=True))
    asyncio.run(pipeline.until(pipeline.at_clock(WEEK_END_MS)))
    assert_equal_to_own_log(pipeline)


def test_the_embedded_broker_gives_the_changes_of_its_own_log() -> None:
    with EmbeddedBroker() as embedded:
        pipeline = Pipeline(embedded)
        asyncio.run(pipeline.create())
        try:
            pipeline.work()
            asyncio.run(pipeline.send_keyed(week(200), history_ends=True))
            asyncio.run(pipeline.until(pipeline.at_clock(WEEK_END_MS)))
            assert_equal_to_own_log(pipeline)
        finally:
            pipeline.end()


def test_a_dump_of_the_log_replays_by_the_command(pipeline: Pipeline, tmp_path: Path) -> None:
    dump, changes = tmp_path / "log.jsonl", tmp_path / "changes.jsonl"
    pipeline.work()
    asyncio.run(pipeline.send_keyed(week(60), history_ends=True))
    asyncio.run(pipeline.until(pipeline.at_clock(WEEK_END_MS)))
    pipeline.stop_workers()
    pipeline.shoal("topics", "dump", "--out", str(dump))
    pipeline.shoal("replay", "--log", str(dump), "--changes", str(changes))
    replayed = [json.loads(line) for line in changes.read_text().splitlines()]
    told = asyncio.run(pipeline.changes())
    assert len(told) > 50
    assert_same(told, replayed)


def test_sigterm_ends_a_worker_cleanly_and_the_next_one_goes_on(pipeline: Pipeline) -> None:
    events = week(200)
    worker = pipeline.work()
    asyncio.run(pipeline.send_keyed(events, history_ends=True))
    asyncio.run(pipeline.until(pipeline.routed(len(events) // 3)))
    assert worker.terminate() == 0, worker.log
    pipeline.work()
    asyncio.run(pipeline.until(pipeline.at_clock(WEEK_END_MS)))
    assert_equal_to_own_log(pipeline)
