"""What an event costs when two workers share the log, against one: CPU, for cores are scarce.

Workers join on an empty topic and are then frozen while the log is written, so that nobody begins
before everybody is there, and start-up is not counted. CPU counts from the first batch to the one
that leaves nothing to do, of all workers together.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from contextlib import AsyncExitStack, ExitStack
from typing import NamedTuple

import msgspec

from stream.shell.topic_admin import create_topics
from tests.bench import musts
from tests.bench.committed import is_done, work_span
from tests.bench.contenders import Bench
from tests.bench.log import (
    PARTITIONS,
    LogPlan,
    reader_of,
    remove_every_topic,
    settings_for,
    write_log,
)
from tests.bench.machine import Unpinned
from tests.bench.parts import Context, Measured, Section, running_broker
from tests.bench.rates import Sample, run_between, sample_at
from tests.bench.report import Figure
from tests.bench.throughput import OTHERS_RATIO_MAX
from tests.bench.watch import ContenderFailedError
from tests.bench.worker import Worker, running_worker

NAME = "scaling"
EVENTS_MAX = 300_000
COUNTS = (1, 2)
PATIENT = {"SHOAL_SESSION_TIMEOUT_MS": "60000"}
"""A frozen worker sends no heartbeats."""

SHARED_WITHIN_S = 60.0
DONE_WITHIN_S = 120.0
POLL_S = 0.05


class Ran(NamedTuple):
    """CPU microseconds an event, events a second, others' share of the measured core."""

    cpu_us: float
    events_per_s: float
    others_ratio: float


def run(context: Context, _: list[str]) -> Measured:
    """One worker, then two, and again."""
    found: dict[int, list[Ran]] = {count: [] for count in COUNTS}
    with running_broker(context.cores) as bench:
        for number in range(1, context.options.runs + 1):
            for count in COUNTS:
                with context.console.status(f"{count} workers, run {number}"):
                    ran = asyncio.run(_run(context, bench, count, number))
                found[count].append(ran)
                context.tell(f"{count} workers, run {number}: {ran.cpu_us:.1f} us an event")
    one, two = found[1], found[2]
    figures = [_figure(count, runs) for count, runs in found.items()]
    ratio = Figure(
        section=NAME,
        name=musts.TWO_WORKERS,
        does="CPU of an event, the least of the runs",
        unit="x",
        value=min(two).cpu_us / min(one).cpu_us,
        runs=[b.cpu_us / a.cpu_us for a, b in zip(one, two, strict=True)],
    )
    note = (
        "scaling: CPU is counted and not time: on two cores the second worker shares one with the "
        "broker."
    )
    return Measured([*figures, ratio], note)


def _figure(count: int, runs: list[Ran]) -> Figure:
    best = min(runs)
    return Figure(
        section=NAME,
        name=f"{count} worker{'s' * (count > 1)}",
        does="CPU of an event in the whole job, of all workers together",
        unit="us",
        value=best.cpu_us,
        runs=[run.cpu_us for run in runs],
        facts={"events/s": best.events_per_s, "others' share of the core": best.others_ratio},
        doubts=[f"others used {best.others_ratio:.0%} of the measured core during the best run"]
        if best.others_ratio > OTHERS_RATIO_MAX
        else [],
    )


async def _run(context: Context, bench: Bench, count: int, number: int) -> Ran:
    app = f"scaling-{count}-{number}"
    await create_topics(settings_for(bench.broker, app))
    try:
        async with AsyncExitStack() as running:
            # The first has the measured core; a second one shares the rest with the broker.
            others = dataclasses.replace(bench, cores=Unpinned())
            workers = [
                await running.enter_async_context(
                    running_worker(others if place else bench, app, PATIENT, f"{app}-{place}")
                )
                for place in range(count)
            ]
            await _all_share(workers)
            with ExitStack() as frozen:
                for worker in workers:
                    frozen.enter_context(worker.frozen())
                facts = await write_log(bench.broker, _plan(context))
            samples = await _samples(bench, workers, facts.clock_ms)
            async with reader_of(bench.broker) as reader:
                span = await work_span(reader)
        run = run_between(
            sample_at(samples, span.first_s, span.events),
            sample_at(samples, span.last_s, facts.events),
        )
        assert run.cpu_us is not None
        return Ran(run.cpu_us, run.events_per_s, run.others_ratio or 0.0)
    finally:
        await remove_every_topic(bench.broker)


def _plan(context: Context) -> LogPlan:
    plan = context.plan()
    return msgspec.structs.replace(plan, events=min(plan.events, EVENTS_MAX))


async def _all_share(workers: list[Worker]) -> None:
    """Wait until each worker is ready and has partitions of its own."""
    for worker in workers:
        await worker.ready_s()
    deadline_s = time.time() + SHARED_WITHIN_S
    wanted = PARTITIONS // len(workers)
    while True:
        owned = [(await worker.metrics()).get("shoal_partitions_owned") for worker in workers]
        if all(count == wanted for count in owned):
            break
        if time.time() > deadline_s:
            raise ContenderFailedError(f"partitions are shared as {owned}", workers[0].child.log)
        await asyncio.sleep(POLL_S)
    for worker in workers:
        await worker.ready_s()


async def _samples(bench: Bench, workers: list[Worker], clock_ms: int) -> list[Sample]:
    """CPU of all workers together, until the log is done."""
    samples: list[Sample] = []
    deadline_s = time.time() + DONE_WITHIN_S
    next_look_s = time.time() + 1.0
    async with reader_of(bench.broker) as reader:
        while True:
            now_s = time.time()
            first_s, *others_s = [worker.cpu_s() for worker in workers]
            used_s = first_s + sum(others_s)
            # Only the first is on the measured core; so what is left of it is the others'.
            core_s = bench.cores.busy_s()
            core_s = None if core_s is None else core_s + sum(others_s)
            samples.append(Sample(now_s, 0, used_s, core_s))
            for worker in workers:
                worker.require_alive()
            if now_s >= next_look_s:
                if await is_done(reader, clock_ms):
                    return samples
                next_look_s = time.time() + 0.5
            if now_s > deadline_s:
                raise ContenderFailedError("the log was not done in time", workers[0].child.log)
            await asyncio.sleep(POLL_S)


SECTION = Section(NAME, (NAME,), run)
