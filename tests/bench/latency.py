"""From an event, or a timer's due time, to the committed change as a consumer sees it.

The worker has the measured core; broker, generator and consumer the rest. An event's latency
counts from the instant at which it was due to be sent, which is its event time too: the change
that it causes says that time, so cause and change need no bookkeeping to be matched.
"""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.clock import LATENESS_MS, instant_ms
from stream.events.topics import CHANGES
from stream.shell.topic_admin import create_topics
from tests.bench import musts
from tests.bench.contenders import Bench
from tests.bench.generator import PROBE_PREFIX, PROBE_SEGMENT, Sent, Task
from tests.bench.log import PARTITIONS, plan_for, remove_every_topic, settings_for
from tests.bench.parts import FAILURES, Context, Measured, Section, running_broker
from tests.bench.rates import Sample, run_between
from tests.bench.report import Figure, unmeasured
from tests.bench.schedule import by_window, quantile, told_quantiles
from tests.bench.throughput import OTHERS_RATIO_MAX
from tests.bench.watch import ContenderFailedError
from tests.bench.worker import Worker, running_worker

NAME = "latency"
WARM_UP_S = 10
BROKER_WARM_UP_S = 15
PREPARED_PER_S = 40_000
"""Events that the generator makes a second, before the first is due; half of what was measured."""

PROBES_PER_S = 50
AFTER_THE_LAST_S = 10
"""For a timer's change to come after the timer was due; the lateness is 5 s of it."""


class ChangeData(msgspec.Struct):
    cause: str
    segment: str
    at: str | None = None


class Change(msgspec.Struct):
    """What counts of a change on the topic."""

    subject: str
    time: str
    data: ChangeData


@dataclass
class Observed:
    """Latencies in ms, each with the instant from which it counts, and what there is to say.

    behind    of the same events from the broker's append on
    """

    events: list[tuple[float, float]] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)
    timers: list[tuple[float, float]] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


def run(context: Context, _: list[str]) -> Measured:
    """One rate after the other, each with a new worker on empty topics."""
    figures: list[Figure] = []
    with running_broker(context.cores) as bench:
        with context.console.status("warming the broker"):
            asyncio.run(_warm(context, bench))
        for rate in context.options.rates:
            try:
                with context.console.status(f"latency at {rate:,} events/s"):
                    found = asyncio.run(_at_rate(context, bench, rate))
            except FAILURES as error:
                figures.append(unmeasured(NAME, musts.event_name(rate, "p99"), str(error), "ms"))
                continue
            of = f"every event counts from when it was due, at {rate:,} events/s"
            figures += figures_of(found.events, "ms", lambda q, r=rate: musts.event_name(r, q), of)
            figures[-1].facts |= found.facts
            figures[-1].doubts += found.doubts
            name = f"timer due to change, {rate:,}/s, "
            figures += figures_of(found.timers, "ms", lambda q, n=name: n + q, timer_words())
            context.tell(f"latency at {rate:,} events/s: {len(found.events):,} changes")
    return Measured(figures)


async def _warm(context: Context, bench: Bench) -> None:
    """Let the broker's JVM compile what it will do: in service it has been up for weeks."""
    options = msgspec.structs.replace(context.options, seconds=BROKER_WARM_UP_S)
    brief = dataclasses.replace(context, options=options)
    await _at_rate(brief, bench, max(options.rates))


async def _at_rate(context: Context, bench: Bench, rate: int) -> Observed:
    app = f"latency-{rate}"
    await create_topics(settings_for(bench.broker, app))
    try:
        async with running_worker(bench, app) as worker:
            await worker.ready_s()
            return await observe(context, bench, worker, rate)
    finally:
        await remove_every_topic(bench.broker)


async def observe(
    context: Context, bench: Bench, worker: Worker, rate: int, clones: int = 1
) -> Observed:
    """Send traffic to a worker that is ready, and look at what it tells."""
    options = context.options
    span_s = WARM_UP_S + options.seconds
    events = rate * span_s
    plan = plan_for(events, options.customers, options.mix)
    start_ms = int((time.time() + 3 + events / PREPARED_PER_S) * 1_000)
    from_ms = start_ms + WARM_UP_S * 1_000
    out = bench.folder / f"sent-{start_ms}"
    task = Task(
        broker=bench.broker,
        plan=plan,
        start_ms=start_ms,
        rate=rate,
        seconds=span_s,
        probes_per_s=PROBES_PER_S,
        probes_from_ms=from_ms,
        clones=clones,
        out=str(out),
    )
    end_s = start_ms / 1_000 + span_s
    with _generating(task, worker) as sent:
        heard, first, last = await _heard(
            bench, worker, end_s + AFTER_THE_LAST_S, (from_ms / 1_000, end_s)
        )
    found = matched(heard, sent[0], from_ms)
    # How much of the core the worker had, and how much others had: as of a run's events.
    shares = run_between(first, last)
    found.facts["worker's share of its core"] = shares.core_ratio or 0.0
    found.facts["others' share of it"] = others = shares.others_ratio or 0.0
    if others > OTHERS_RATIO_MAX:
        found.doubts.append(f"others used {others:.0%} of the measured core meanwhile")
    return found


@contextmanager
def _generating(task: Task, worker: Worker) -> Iterator[list[Sent]]:
    """Run the generator within the block; what it has sent is there when the block has ended."""
    words = [sys.executable, "-m", "tests.bench.generator", msgspec.json.encode(task).decode()]
    generator = subprocess.Popen(words)
    sent: list[Sent] = []
    try:
        yield sent
        if generator.wait(AFTER_THE_LAST_S) != 0:
            raise ContenderFailedError("the generator failed", worker.child.log)
    finally:
        generator.kill()
        generator.wait()
    sent.append(msgspec.msgpack.decode(Path(task.out).read_bytes(), type=Sent))


async def _heard(
    bench: Bench, worker: Worker, until_s: float, span_s: tuple[float, float]
) -> tuple[list[tuple[float, bytes]], Sample, Sample]:
    """Changes with the time in ms at which they came; CPU at the span's beginning and end."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bench.broker, isolation_level="read_committed", auto_offset_reset="latest"
    )
    await consumer.start()
    heard: list[tuple[float, bytes]] = []
    samples: list[Sample] = []
    try:
        consumer.assign([TopicPartition(CHANGES.name, p) for p in range(PARTITIONS)])
        await consumer.seek_to_end()
        while (now_s := time.time()) < until_s:
            found = await consumer.getmany(timeout_ms=50)
            now_ms = time.time() * 1_000
            for records in found.values():
                heard += [(now_ms, record.value) for record in records]
            worker.require_alive()
            if len(samples) < len(span_s) and now_s >= span_s[len(samples)]:
                # One event at the end: it is the shares of the core that are wanted.
                samples.append(Sample(now_s, len(samples), worker.cpu_s(), bench.cores.busy_s()))
    finally:
        await consumer.stop()
    first, last = samples
    return heard, first, last


def matched(heard: Iterable[tuple[float, bytes]], sent: Sent, from_ms: int) -> Observed:
    """Find each change's cause, and how long the change took from there.

    A change that an event causes has that event's time and customer, or another customer where
    the row forwards. One whose event came late to its row says so (`at`) and is left out.
    """
    found = Observed()
    append_ms = dict(zip(zip(sent.keys, sent.due_ms, strict=True), sent.append_ms, strict=True))
    due = set(sent.due_ms)
    awaited = set(sent.probe_due_ms)
    decode = msgspec.json.Decoder(Change).decode
    forwarded = left_out = 0
    for heard_ms, value in heard:
        change = decode(value)
        at_ms = instant_ms(change.time)
        if change.data.cause == "timer" and change.subject.startswith(PROBE_PREFIX):
            if change.data.segment == PROBE_SEGMENT and at_ms in awaited:
                awaited.remove(at_ms)
                found.timers.append((at_ms, heard_ms - at_ms))
        elif change.data.cause == "event" and at_ms >= from_ms:
            if at_ms not in due or change.data.at is not None:
                left_out += 1
                continue
            found.events.append((at_ms, heard_ms - at_ms))
            appended_ms = append_ms.get((change.subject.encode(), at_ms))
            if appended_ms is None:
                forwarded += 1
            else:
                found.behind.append(heard_ms - appended_ms)
    _add_facts(found, sent, from_ms)
    found.facts |= {
        "changes of an event": len(found.events),
        "of these by a forwarding row": forwarded,
        "changes left out": left_out,
        "timers": len(found.timers),
        "timers never seen": len(awaited),
    }
    if awaited:
        found.doubts.append(f"{len(awaited):,} timers had not been told when the part ended")
    return found


def _add_facts(found: Observed, sent: Sent, from_ms: int) -> None:
    lags = sorted(
        lag for lag, due in zip(sent.send_lag_ms, sent.due_ms, strict=True) if due >= from_ms
    )
    waits = sorted(
        append - due
        for append, due in zip(sent.append_ms, sent.due_ms, strict=True)
        if due >= from_ms
    )
    behind = sorted(found.behind)
    for name, ordered in (
        ("due to sent", lags),
        ("due to append", waits),
        ("append to change", behind),
    ):
        if ordered:
            found.facts[f"{name} p50 ms"] = quantile(ordered, 0.5)
            found.facts[f"{name} p99 ms"] = quantile(ordered, 0.99)


def figures_of(
    samples: list[tuple[float, float]], unit: str, name: object, does: str
) -> list[Figure]:
    """A figure for each quantile that the samples can tell; spread over thirds of the span."""
    assert callable(name)
    told = told_quantiles(len(samples))
    if "p50" not in told:
        return [unmeasured(NAME, name("p50"), f"{len(samples)} changes were seen", unit)]
    ordered = sorted(value for _, value in samples)
    return [
        Figure(
            section=NAME,
            name=name(label),
            does=does,
            unit=unit,
            value=quantile(ordered, share),
            runs=by_window(samples, share),
        )
        for label, share in told.items()
    ]


def timer_words() -> str:
    """What the latency of a timer is of: the clock waits for late events by design."""
    return f"of it {LATENESS_MS:,} ms are the allowed lateness, which the clock waits by design"


SECTION = Section(NAME, (NAME,), run)
