"""What an event costs by the number of customers, and what timers cost where many are pending.

The offline engine, in a process of its own: TASK as JSON; prints what it found. Some customers are
simulated for a week. Then everybody is cloned, row for row, until there are as many customers as
wanted, and the following week is played by all of them at once: each clone does what its customer
did in another window of that week. So all sizes fold the same events in all, with a shop's own
rate of events and timers a customer, and what grows is how many others there are beside each.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from stream.clock import DAY_MS, HOUR_MS
from stream.engine.effects import StoredRecord
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.decoded import Decoded
from stream.events.records import Tick, encode_record
from stream.shell.definition_file import read_definitions
from stream.simulation.offline import Offline
from stream.simulation.traffic import SimulatedEvent
from tests.bench.clones import cloned, suffix, templates, with_suffix
from tests.bench.log import FIRST_MS, LogPlan
from tests.bench.offline import well_formed
from tests.bench.options import Mix
from tests.bench.parts import Context, Measured, Section, decoded_child
from tests.bench.report import Figure
from tests.bench.schedule import at_present, opening_of

NAME = "customers"
SIZES = (10_000, 100_000, 1_000_000)
SIMULATED = 3_000
"""Customers who are simulated: about as many rows, and 140,000 events a week."""

TURN_MS = FIRST_MS + 7 * DAY_MS + 12 * HOUR_MS
"""Where history ends: at noon, so that short windows are free of a day's new quantiles."""

WEEK_MS = 7 * DAY_MS
TICK_MS = 250
QUIET_TICKS = 400
WAVE_MS = 10 * 60_000
WAVES = 6


T = TypeVar("T")


class Task(msgspec.Struct, frozen=True):
    mix: Mix
    sizes: tuple[int, ...]
    timers: int
    rounds: int


class Folded(msgspec.Struct):
    """Of one number of customers: what an event took."""

    rows: int
    events: int
    event_us: float
    window_h: float


class Ticked(msgspec.Struct):
    """With so many timers pending: what a tick took, and each row that it woke."""

    rows: int
    pending: int
    tick_us: float
    woken: int
    wake_us: float


class Found(msgspec.Struct):
    """Of all rounds."""

    folded: dict[int, list[Folded]]
    ticked: list[Ticked]


def run(context: Context, _: list[str]) -> Measured:
    """All sizes in each round."""
    options = context.options
    task = Task(options.mix, SIZES, options.timers, options.runs)
    words = msgspec.json.encode(task).decode()
    with context.console.status("customers"):
        found = decoded_child(context.cores, Found, "tests.bench.customers", words)
    figures = [_event_figure(size, runs) for size, runs in found.folded.items()]
    few, many = found.folded[min(SIZES)], found.folded[max(SIZES)]
    growth = Figure(
        section=NAME,
        name=f"{max(SIZES):,} / {min(SIZES):,} customers",
        does="CPU of an event",
        unit="x",
        value=_least(many, "event_us") / _least(few, "event_us"),
        runs=[high.event_us / low.event_us for low, high in zip(few, many, strict=True)],
    )
    return Measured([*figures, growth, *_timer_figures(found.ticked)])


def _least(runs: Sequence[Folded | Ticked], name: str) -> float:
    return min(getattr(one, name) for one in runs)


def _event_figure(size: int, runs: list[Folded]) -> Figure:
    first = runs[0]
    return Figure(
        section=NAME,
        name=f"{size:,} customers",
        does="order, fold and decide an event, offline, and the timers that come due meanwhile",
        unit="us",
        value=_least(runs, "event_us"),
        runs=[one.event_us for one in runs],
        facts={"rows": first.rows, "events": first.events, "hours of the shop": first.window_h},
    )


def _timer_figures(runs: list[Ticked]) -> list[Figure]:
    first = runs[0]
    of = f"offline engine, {first.pending:,} timers pending"
    return [
        Figure(
            section=NAME,
            name="a tick that wakes nobody",
            does=of,
            unit="us",
            value=_least(runs, "tick_us"),
            runs=[one.tick_us for one in runs],
        ),
        Figure(
            section=NAME,
            name="a row that a timer wakes",
            does=of,
            unit="us",
            value=_least(runs, "wake_us"),
            runs=[one.wake_us for one in runs],
            facts={"rows": first.rows, "rows woken": first.woken},
        ),
    ]


def measure(task: Task) -> dict[int, list[Found]]:
    """Every size in every round, each in a fork of the process that has the history."""
    plan = LogPlan(sys.maxsize, SIMULATED, task.mix, days=(TURN_MS + WEEK_MS - FIRST_MS) / DAY_MS)
    events = [e for e in plan.simulated() if opening_of(e) is not None]
    past = [e for e in events if e.time_ms < TURN_MS]
    coming = [e for e in events if TURN_MS <= e.time_ms < TURN_MS + WEEK_MS]
    offline = Offline(EngineSettings(), read_definitions(None))
    (engine,) = [offline.engine]
    for one in sorted(well_formed((e.value for e in past), None), key=lambda d: d.time_ms):
        for _ in offline.apply(one):
            pass
    for _ in offline.finish(TURN_MS):
        pass
    found = Found({size: [] for size in task.sizes}, [])
    for _ in range(task.rounds):
        for size in task.sizes:
            fold = partial(_folded, offline, engine, coming, size)
            found.folded[size].append(_forked(fold, Folded))
        found.ticked.append(_forked(partial(_ticked, engine, task.timers), Ticked))
    return found


def _forked(measure_it: Callable[[], T], type_: type[T]) -> T:
    """Measure in a copy of this process: the history is shared, and nobody changes it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, msgspec.json.encode(measure_it()))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123 a descriptor, not a path
        output = pipe.read()
    os.waitpid(child, 0)
    return msgspec.json.decode(output, type=type_)


def _clone(engine: PartitionEngine, copies: int) -> int:
    """Give everybody so many rows in all; how many there are then."""
    rows = dict(engine.store.packed)
    pattern = templates(rows)
    for number in range(copies - 1):
        for key, value in cloned(pattern, number):
            engine.restore(key, value)
    engine.restored()
    return len(rows) * copies


def _folded(
    offline: Offline, engine: PartitionEngine, coming: list[SimulatedEvent], size: int
) -> Folded:
    # At least two: the events are the clones'.
    copies = max(2, round(size / len(engine.store.packed)))
    rows = _clone(engine, copies)
    window_ms = WEEK_MS // (copies - 1)
    decoded = sorted(together(coming, window_ms), key=lambda one: one.time_ms)
    started_s = time.process_time()
    for one in decoded:
        for _ in offline.apply(one):
            pass
    used_s = time.process_time() - started_s
    return Folded(rows, len(decoded), used_s / len(decoded) * 1e6, window_ms / HOUR_MS)


def _ticked(engine: PartitionEngine, timers: int) -> Ticked:
    engine.restored()
    rows = _clone(engine, max(1, round(timers / engine.timers.pending)))
    pending = engine.timers.pending
    tick_us, woken, wake_us = _ticks(engine)
    return Ticked(rows, pending, tick_us, woken, wake_us)


def together(coming: list[SimulatedEvent], window_ms: int) -> Iterator[Decoded]:
    """The week's events as if all its windows were the first one, each window a clone's."""
    values = []
    for event in coming:
        number, within_ms = divmod(event.time_ms - TURN_MS, window_ms)
        opening = opening_of(event)
        assert opening is not None
        value = at_present(opening, TURN_MS + within_ms, event.received_ms - event.time_ms)
        values.append(with_suffix(value, suffix(number)))
    return well_formed(values, None)


def _ticks(engine: PartitionEngine) -> tuple[float, int, float]:
    """CPU of a tick that wakes nobody; rows that waves of timers woke, and CPU of each."""
    quiet = []
    for _ in range(QUIET_TICKS):
        used_s, rows = _tick(engine, TICK_MS)
        if not rows:
            quiet.append(used_s)
    quiet_us = sorted(quiet)[len(quiet) // 2] * 1e6 if quiet else 0.0
    woken, used_all_s = 0, 0.0
    for _ in range(WAVES):
        step_ms = WAVE_MS
        while True:
            used_s, rows = _tick(engine, step_ms)
            used_all_s += used_s
            woken += rows
            if not rows:
                break
            step_ms = 1
    return quiet_us, woken, used_all_s / max(1, woken) * 1e6


def _tick(engine: PartitionEngine, step_ms: int) -> tuple[float, int]:
    """CPU of a tick so much later than the clock, and the rows that it woke."""
    at_ms = engine.clock_ms + step_ms
    value = encode_record(Tick(clock_ms=at_ms))
    record = StoredRecord(engine.next_offset, at_ms, None, value)
    started_s = time.process_time()
    effects = engine.fold([record])
    used_s = time.process_time() - started_s
    return used_s, sum(not key.startswith(b"\0") for key in effects.rows)


SECTION = Section(NAME, (NAME,), run)

if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.argv[1], type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(measure(wanted)))
