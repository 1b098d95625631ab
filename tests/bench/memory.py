"""What a worker's process holds in memory with many customers, at rest and after work."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import msgspec

from tests.bench import musts
from tests.bench.generator import Task
from tests.bench.log import LogPlan
from tests.bench.parts import Context
from tests.bench.report import Figure
from tests.bench.state import SIMULATED, Shop
from tests.bench.watch import ContenderFailedError
from tests.bench.worker import Worker

NAME = "memory"
EVENTS = 200_000
RATE = 10_000
"""More than any cache of unpacked rows holds: each event is another customer's."""

CONSUMED_WITHIN_S = 120.0
POLL_S = 0.2
SETTLE_S = 2.0


class Held(msgspec.Struct, frozen=True):
    """MB of 10^6 bytes with so many customers: when just ready, after work, and the most ever."""

    wanted: int
    rows: int
    ready_mb: float
    worked_mb: float
    peak_mb: float


async def measure(context: Context, shop: Shop, worker: Worker, wanted: int) -> Held:
    """Look at a worker that has just become ready, and again when it has worked."""
    await asyncio.sleep(SETTLE_S)
    ready_mb, _ = worker.memory_mb()
    await _work(context, shop, worker)
    worked_mb, peak_mb = worker.memory_mb()
    return Held(wanted, shop.rows, ready_mb, worked_mb, peak_mb)


async def _work(context: Context, shop: Shop, worker: Worker) -> None:
    """Events of customers all over the shop, until all are consumed."""
    plan = LogPlan(EVENTS, SIMULATED, context.options.mix)
    task = Task(
        broker=shop.bench.broker,
        plan=plan,
        start_ms=int(time.time() * 1_000) + 8_000,
        rate=RATE,
        seconds=EVENTS / RATE,
        clones=max(1, shop.clones),
        out=str(shop.bench.folder / "memory-sent"),
    )
    words = [sys.executable, "-m", "tests.bench.generator", msgspec.json.encode(task).decode()]
    before = await consumed(worker)
    await asyncio.to_thread(subprocess.run, words, check=True, timeout=CONSUMED_WITHIN_S)
    deadline_s = time.time() + CONSUMED_WITHIN_S
    while await consumed(worker) < before + EVENTS:
        worker.require_alive()
        if time.time() > deadline_s:
            raise ContenderFailedError("it did not consume what was sent", worker.child.log)
        await asyncio.sleep(POLL_S)
    await asyncio.sleep(SETTLE_S)


async def consumed(worker: Worker) -> float:
    """Raw records that the worker has taken."""
    return (await worker.metrics()).get('shoal_records_consumed_total{at="raw"}', 0.0)


def figures(shop: Shop, held: list[Held]) -> list[Figure]:
    """The whole process, and what one customer takes."""
    found = [
        Figure(
            section=NAME,
            name=musts.memory_name(one.wanted),
            does=f"the worker's process when {EVENTS:,} events of customers at random are folded",
            unit="MB",
            value=one.worked_mb,
            facts={
                "customers": one.rows,
                "MB when ready": one.ready_mb,
                "MB at most": one.peak_mb,
                "MB of an empty worker": shop.empty_mb,
                "bytes a customer": (one.worked_mb - shop.empty_mb) * 1e6 / one.rows,
                "bytes of key and packed row": shop.row_bytes,
            },
        )
        for one in held
    ]
    if len(held) > 1:
        few, many = held[0], held[-1]
        found.append(
            Figure(
                section=NAME,
                name="a further customer",
                does=f"from {few.wanted:,} to {many.wanted:,} customers: row, key, timer, index",
                unit="bytes",
                value=(many.worked_mb - few.worked_mb) * 1e6 / (many.rows - few.rows),
            )
        )
    return found
