"""Definitions edited, completed from the past, broken and taken back while the traffic goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from stream.clock import FUTURE_TOLERANCE_MS, instant_ms
from stream.engine.effects import StoredRecord
from stream.engine.settings import EngineSettings
from stream.engine.versions import DEFINITIONS, PAST
from stream.events.cloudevent import encode_change
from stream.events.records import Backfill, OrderCompleted, Version, decode_record
from stream.segments.pack import load_pack
from stream.shell.connection import new_admin
from stream.shell.definitions import write_definitions
from stream.simulation.offline import LogReplay
from stream.state.kept import Tally
from tests.engine.lane import definitions
from tests.kafka.broker import Broker
from tests.kafka.installation import until
from tests.kafka.pipeline import Pipeline
from tests.kafka.weeks import simulated

pytestmark = pytest.mark.kafka

END_MS = instant_ms("2026-11-02T00:00:00Z")

BUYERS = "name: buyer, enter: orders.count >= 1"
QUIET = "name: quiet, enter: since(seen.last) >= 6 * HOUR"
FORMER = definitions(BUYERS, QUIET, "name: gone, enter: cart.items > 0")
LATER = definitions(
    "name: buyer, priority: 60, enter: orders.count >= 2",
    QUIET,
    "name: orderer, enter: 'count(order_completed) >= 1'",
    "name: idle, enter: 'count(product_added, within=2 * DAY) == 0'",
    "name: hidden, shadow: true, enter: 'sum(order_completed.revenue) >= 100'",
    "name: wide, group: g, enter: 'distinct(product_viewed.product, within=5 * DAY) >= 6'",
    "name: narrow, group: g, enter: orders.count >= 0",
)
BROKEN = definitions("name: buyer, enter: orders.cuont >= 1")


@pytest.fixture
def pipeline(kafka: Broker, tmp_path: Path) -> Iterator[Pipeline]:
    found = Pipeline(kafka)
    file = tmp_path / "former.yaml"
    file.write_bytes(FORMER)
    found.variables |= {"SHOAL_SEGMENTS": str(file), "SHOAL_CLUSTERS": "off"}
    asyncio.run(found.create())
    yield found
    found.end()


def traffic() -> list[tuple[bytes, bytes]]:
    """Six days of four hundred customers."""
    return simulated(11, 400, END_MS, days=6)


async def meanwhile(pipeline: Pipeline, events: list[tuple[bytes, bytes]], *words: str) -> str:
    """Run a command while events come in; what it printed."""
    sending = pipeline.send_keyed(events, history_ends=False)
    _, printed = await asyncio.gather(sending, asyncio.to_thread(pipeline.shoal, *words))
    return printed


def replayed(log: dict[int, list[StoredRecord]], replay: LogReplay) -> list[dict[str, Any]]:
    return [
        json.loads(encode_change(change, "shop"))
        for partition, records in log.items()
        for change in replay.apply(partition, records)
    ]


def by_id(changes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {change["id"]: change for change in changes}
    assert len(found) == len(changes), "an id was told twice"
    return found


def before_last_version(records: list[StoredRecord]) -> list[StoredRecord]:
    """A partition's log up to its last definitions."""
    at = [
        n
        for n, record in enumerate(records)
        if record.key is None
        and isinstance(found := decode_record(record.value or b""), Version)
        and found.kind == DEFINITIONS
    ]
    return records[: at[-1]]


def orders_in(log: dict[int, list[StoredRecord]]) -> int:
    """How many different orders events tell of, wherever they were forwarded to."""
    records = [decode_record(r.value or b"") for records in log.values() for r in records if r.key]
    return len({found.message_id for found in records if type(found) is OrderCompleted})


def counted_orders(replay: LogReplay) -> int:
    """What rows have kept for `count(order_completed)`, added up."""
    pack = load_pack(LATER)
    [key] = [key for key, m in pack.measures.items() if m.kind == "tally" and not m.steps[0].value]
    rows = (row for engine in replay.engines.values() for _, row in engine.store.rows())
    kept = (row.windows.get(key) for row in rows)
    return sum(found.count for found in kept if isinstance(found, Tally))


async def lived(pipeline: Pipeline, folder: Path) -> None:
    """Five parts of traffic with commands in between, and what the commands say."""
    later, broken, back = (folder / f"{name}.yaml" for name in ("later", "broken", "back"))
    for file, content in ((later, LATER), (broken, BROKEN), (back, FORMER)):
        file.write_bytes(content)
    events = traffic()
    fifth = len(events) // 5
    parts = [events[n * fifth : (n + 1) * fifth if n < 4 else None] for n in range(5)]
    backfill = ("segments", "backfill", "--json")
    await pipeline.send_keyed(parts[0], history_ends=False)
    await pipeline.until(pipeline.routed(fifth // 2))

    publish = ("segments", "publish", str(later), "--yes", "--json")
    told = json.loads(await meanwhile(pipeline, parts[1], *publish))
    assert told["announced"]
    assert {each["segment"] for each in told["measures"]} >= {"orderer", "idle", "wide"}

    filled = json.loads(await meanwhile(pipeline, parts[2], *backfill))
    assert filled["measures"] == len(load_pack(LATER).measures)
    assert (filled["beyond"], filled["since_ms"]) == (0, 0)

    await write_definitions(pipeline.settings, BROKEN, b"somebody")
    with pytest.raises(AssertionError, match=r"did you mean orders\.count"):
        pipeline.shoal("segments", "publish", str(broken), "--yes")
    again = json.loads(await meanwhile(pipeline, parts[3], *backfill))
    assert again["backfills"] == again["measures"] == 0

    restarted = pipeline.work()
    await until(restarted.is_ready)
    assert "stay in force" in restarted.log
    await meanwhile(pipeline, parts[4], "segments", "publish", str(back), "--yes")
    await pipeline.send_keyed([], history_ends=True)
    await pipeline.until(pipeline.at_clock(END_MS))


@pytest.mark.parametrize("workers", [1, 2])
def test_edits_a_backfill_a_broken_file_and_a_revert_replay_from_the_log(
    pipeline: Pipeline, tmp_path: Path, workers: int
) -> None:
    running = [pipeline.work() for _ in range(workers)]
    asyncio.run(lived(pipeline, tmp_path))
    pipeline.stop_workers()
    refusals = [worker.log.count("is left out, and nothing changes") for worker in running]
    assert sum(refusals) == 1

    log = asyncio.run(pipeline.log())
    replay = LogReplay(EngineSettings())
    offline = by_id(replayed(log, replay))
    assert by_id(asyncio.run(pipeline.changes())) == offline
    assert replay.counts.dead == 0
    by_edit = [c["data"] for c in offline.values() if c["data"]["cause"] == "definition"]
    assert all(data["initial"] for data in by_edit)
    assert {"orderer", "idle", "wide", "narrow", "buyer"} <= {data["segment"] for data in by_edit}
    assert not any(data["segment"] == "hidden" for data in by_edit)

    kinds = [decode_record(r.value or b"") for records in log.values() for r in records]
    assert {v.kind for v in kinds if isinstance(v, Version)} >= {DEFINITIONS, PAST}
    assert any(isinstance(found, Backfill) for found in kinds)
    completed = {partition: before_last_version(records) for partition, records in log.items()}
    before = LogReplay(EngineSettings())
    replayed(completed, before)
    assert counted_orders(before) == orders_in(completed) > 50


async def cut(pipeline: Pipeline) -> int:
    """Delete half of each partition of the log, as retention does; the broker's time there."""
    records = await pipeline.read("customer-events")
    admin = new_admin(pipeline.settings)
    await admin.start()
    latest_ms = 0
    try:
        for partition in range(pipeline.settings.partitions):
            own = [record for record in records if record.partition == partition]
            first = own[len(own) // 2]
            latest_ms = max(latest_ms, first.timestamp)
            place = TopicPartition(first.topic, partition)
            await admin.delete_records({place: RecordsToDelete(before_offset=first.offset)})
    finally:
        await admin.close()
    return latest_ms


def test_a_log_that_retention_has_cut_claims_nothing_from_before(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.work()
    later = tmp_path / "later.yaml"
    later.write_bytes(LATER)
    events = traffic()[:8_000]

    async def live() -> tuple[dict[str, Any], int]:
        await pipeline.send_keyed(events, history_ends=True)
        await pipeline.until(pipeline.at_clock(END_MS))
        publish = ("segments", "publish", str(later), "--yes")
        await asyncio.to_thread(pipeline.shoal, *publish)
        since_ms = await cut(pipeline)
        told = await asyncio.to_thread(pipeline.shoal, "segments", "backfill", "--json")
        return json.loads(told), since_ms

    told, since_ms = asyncio.run(live())
    pipeline.stop_workers()
    assert told["since_ms"] == since_ms + FUTURE_TOLERANCE_MS
    assert told["measures"] + told["beyond"] == len(load_pack(LATER).measures)
