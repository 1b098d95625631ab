"""What a segment definition costs an event: the offline core under packs of several sizes.

A process of its own: TASK as JSON; prints the CPU microseconds of each pack and round. Events are
decoded before, so the figures are of ordering, folding and deciding.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import msgspec

from stream.engine.settings import EngineSettings
from stream.events.decoded import Decoded
from stream.simulation.offline import Offline
from tests.bench.log import LogPlan
from tests.bench.offline import well_formed
from tests.bench.packs import pack_of, pack_size
from tests.bench.parts import Context, Measured, Section, decoded_child
from tests.bench.report import Figure

NAME = "segments"
EVENTS_MAX = 60_000
TURNS = (0, 1, 2, 4)
"""Packs as multiples of the built-in one."""


class Task(msgspec.Struct, frozen=True):
    plan: LogPlan
    sizes: tuple[int, ...]
    rounds: int


def run(context: Context, _: list[str]) -> Measured:
    """One process, in which each pack has its turn in each round."""
    plan = msgspec.structs.replace(context.plan(), events=min(context.options.events, EVENTS_MAX))
    sizes = tuple(turn * pack_size() for turn in TURNS)
    words = msgspec.json.encode(Task(plan, sizes, context.options.runs)).decode()
    with context.console.status("segments"):
        found = decoded_child(context.cores, dict[int, list[float]], "tests.bench.segments", words)
    figures = [
        Figure(
            section=NAME,
            name=f"{size} definitions",
            does="order, fold and decide an event, offline" if size else "order and fold alone",
            unit="us",
            value=min(found[size]),
            runs=found[size],
        )
        for size in sizes
    ]
    return Measured([*figures, _slope(found)])


def _slope(found: dict[int, list[float]]) -> Figure:
    least, *_, most = (size for size in found if size)
    each = [
        (high - low) / (most - least)
        for low, high in zip(found[least], found[most], strict=True)
    ]  # fmt: skip
    return Figure(
        section=NAME,
        name="a further definition",
        does=f"from {least} to {most} definitions",
        unit="us a definition",
        value=(min(found[most]) - min(found[least])) / (most - least),
        runs=each,
    )


def cpu_us(decoded: Sequence[Decoded], definitions: bytes) -> tuple[float, int]:
    """CPU microseconds an event, and the changes that the events made."""
    offline = Offline(EngineSettings(), definitions)
    changes = 0
    started_s = time.process_time()
    for one in decoded:
        for _ in offline.apply(one):
            changes += 1
    for _ in offline.finish():
        changes += 1
    return (time.process_time() - started_s) / len(decoded) * 1e6, changes


def measure(task: Task) -> dict[int, list[float]]:
    """CPU microseconds an event, by definitions, of each round."""
    values = (event.value for event in task.plan.simulated())
    decoded = sorted(well_formed(values, None), key=lambda one: one.time_ms)
    texts = {size: pack_of(size) for size in task.sizes}
    found: dict[int, list[float]] = {size: [] for size in task.sizes}
    known: dict[int, int] = {}
    for _ in range(task.rounds):
        for size, text in texts.items():
            each_us, changes = cpu_us(decoded, text)
            assert known.setdefault(size, changes) == changes, "a run left traces in the next"
            found[size].append(each_us)
    return found


SECTION = Section(NAME, (NAME,), run)

if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.argv[1], type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(measure(wanted)))
