"""Retention has cut the log: a snapshot of the rows and what is left of the log are the oracle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from stream.clock import DAY_MS, instant_ms
from stream.shell.connection import new_admin
from stream.simulation.traffic import TrafficConfig, generate
from tests.kafka.broker import Broker
from tests.kafka.pipeline import Pipeline

pytestmark = pytest.mark.kafka

WEEK_END_MS = instant_ms("2026-11-02T00:00:00Z")


@pytest.fixture
def pipeline(kafka: Broker) -> Iterator[Pipeline]:
    found = Pipeline(kafka, partitions=2)
    asyncio.run(found.create())
    yield found
    found.end()


async def cut(pipeline: Pipeline, before: dict[int, int]) -> None:
    """Delete the log's records before these offsets, as retention does."""
    admin = new_admin(pipeline.settings)
    await admin.start()
    topic = pipeline.topic("customer-events")
    await admin.delete_records(
        {TopicPartition(topic, p): RecordsToDelete(before_offset=o) for p, o in before.items()}
    )
    await admin.close()


def by_id(changes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {change["id"]: change for change in changes}


def test_a_snapshot_and_the_retained_log_give_the_changes_since(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = TrafficConfig(seed=3, customers=60, start_ms=WEEK_END_MS - 7 * DAY_MS, days=7)
    events = [(event.key, event.value) for event in generate(config)]
    half = len(events) // 2
    pipeline.work()
    asyncio.run(pipeline.send_keyed(events[:half], history_ends=False))
    asyncio.run(pipeline.until(pipeline.routed(half)))
    pipeline.stop_workers()
    pipeline.shoal("topics", "dump", "--snapshot", "--out", "snapshot.jsonl")
    before = by_id(asyncio.run(pipeline.changes()))
    ends = {partition: log[-1].offset + 1 for partition, log in asyncio.run(pipeline.log()).items()}
    pipeline.work()
    asyncio.run(pipeline.send_keyed(events[half:], history_ends=True))
    asyncio.run(pipeline.until(pipeline.at_clock(WEEK_END_MS)))
    pipeline.stop_workers()
    asyncio.run(cut(pipeline, ends))

    pipeline.shoal("topics", "dump", "--retained", "--out", "retained.jsonl")
    words = ("--log", "snapshot.jsonl", "retained.jsonl", "--changes", "changes.jsonl")
    pipeline.shoal("replay", *words, "--shop", pipeline.settings.shop)
    found = by_id([json.loads(line) for line in Path("changes.jsonl").read_bytes().splitlines()])
    told = by_id(asyncio.run(pipeline.changes()))
    assert before
    assert found.keys() == told.keys() - before.keys()
    assert found == {each: told[each] for each in found}

    pipeline.shoal("topics", "dump", "--out", "whole.jsonl")
    summary = json.loads(pipeline.shoal("replay", "--log", "whole.jsonl", "--json"))
    assert summary["lines"] == 0, "the log was cut, so rows stand in for all of it"
    assert sum(summary["members"].values()) > 0
