"""Replay on one core: the core alone, in this process's memory, and the command over a file."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.bench import musts
from tests.bench.log import LogPlan
from tests.bench.parts import CHILD_TIMEOUT_S, Context, Measured, Section, decoded_child
from tests.bench.rates import Run
from tests.bench.report import Figure
from tests.bench.throughput import add_runs

NAME = "replay"
EVENTS_MAX = 600_000


def run(context: Context, _: list[str]) -> Measured:
    """Both, in turns."""
    plan = msgspec.structs.replace(context.plan(), events=min(context.options.events, EVENTS_MAX))
    core: list[Run] = []
    command: list[Run] = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        with context.console.status("writing the file"):
            count = _write(plan, log)
        for number in range(1, context.options.runs + 1):
            with context.console.status(f"replay, run {number}"):
                words = msgspec.json.encode(plan).decode()
                core.append(decoded_child(context.cores, Run, "tests.bench.offline", words))
                command.append(_command(context, log, count))
            context.tell(f"replay, run {number}: {command[-1].events_per_s:,.0f} events/s")
    whole = Figure(
        section=NAME,
        name=musts.REPLAY,
        does=f"the command over a file of {count:,} events, changes and members written",
        unit="events/s",
    )
    alone = Figure(
        section=NAME,
        name="the core alone",
        does="decode, order, fold, encoded changes: no start, no files",
        unit="events/s",
    )
    add_runs(whole, command)
    add_runs(alone, core)
    return Measured([whole, alone])


def _write(plan: LogPlan, path: Path) -> int:
    count = 0
    with path.open("wb") as file:
        for event in plan.simulated():
            file.write(event.value + b"\n")
            count += 1
    return count


def _command(context: Context, log: Path, count: int) -> Run:
    """From the start of the process to its end."""
    out = log.parent
    words = [
        "replay",
        str(log),
        "--changes",
        str(out / "changes"),
        "--members",
        str(out / "members"),
    ]
    started_s, used_before = time.monotonic(), _children_cpu_s()
    with context.cores.measured_core():
        subprocess.run(
            [sys.executable, "-m", "stream.cli.main", *words],
            check=True,
            capture_output=True,
            timeout=CHILD_TIMEOUT_S,
        )
    span_s = time.monotonic() - started_s
    cpu_s = _children_cpu_s() - used_before
    return Run(
        events_per_s=count / span_s,
        events=count,
        span_s=span_s,
        cpu_us=cpu_s / count * 1e6,
        core_ratio=cpu_s / span_s,
    )


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


SECTION = Section(NAME, (NAME,), run)
