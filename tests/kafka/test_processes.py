"""`shoal worker --processes`: several workers under one parent, on a real broker."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.broker import Broker
from tests.kafka.installation import WorkerProcess, until
from tests.kafka.pipeline import Pipeline
from tests.kafka.test_equal_to_replay import WEEK_END_MS, assert_equal_to_own_log, week

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who is whose child"),
]


@pytest.fixture
def pipeline(kafka: Broker) -> Iterator[Pipeline]:
    found = Pipeline(kafka)
    asyncio.run(found.create())
    yield found
    found.end()


def children(parent: WorkerProcess) -> set[int]:
    """Process ids of a parent's children; those that have ended and are not waited for as well."""
    found = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text(encoding="ascii")
    return {int(pid) for pid in found.split()}


def both_work(parent: WorkerProcess) -> bool:
    """Both are ready, and each has a share of the partitions."""
    if not parent.is_ready():
        return False
    found = parent.metrics()
    owned = [found.get(f'shoal_partitions_owned{{process="{n}"}}', 0) for n in (0, 1)]
    return sum(owned) == 4 and min(owned) > 0


def test_two_processes_lose_and_repeat_nothing_when_one_is_killed(pipeline: Pipeline) -> None:
    events = week(400)
    parent = pipeline.work("--processes", "2")
    asyncio.run(until(lambda: both_work(parent)))
    before = children(parent)
    assert len(before) == 2
    asyncio.run(pipeline.send_keyed(events, history_ends=True))
    asyncio.run(pipeline.until(pipeline.routed(len(events) // 4)))
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    asyncio.run(until(lambda: len(children(parent) - before) == 1))
    asyncio.run(pipeline.until(pipeline.at_clock(WEEK_END_MS)))
    asyncio.run(until(lambda: both_work(parent)))
    found = parent.metrics()
    restarts = [found.get(f'shoal_process_restarts_total{{process="{n}"}}', 0) for n in (0, 1)]
    assert sorted(restarts) == [0, 1]
    assert "was ended by SIGKILL" in parent.log
    last = children(parent)
    assert parent.terminate() == 0, parent.log
    assert not [pid for pid in before | last if Path(f"/proc/{pid}").exists()]
    assert_equal_to_own_log(pipeline)
