"""Where a worker's time goes: `make profile`.

Three workers read the same log, one after the other: two under py-spy, which looks at them from
outside a few hundred times a second (a flame graph; a table), one under cProfile, which counts
every call and slows small functions down. All of it is left in build/bench. `--what replay`
profiles the offline core and `--what pieces` prints what single steps cost.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import pstats
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.contenders import Bench, Starter, measured_process, run_shoal
from tests.bench.log import plan_for, write_log
from tests.bench.machine import Cores, Unpinned
from tests.bench.offline import PROFILE_LINES
from tests.bench.options import add_options, read_options
from tests.bench.parts import CHILD_TIMEOUT_S, running_broker
from tests.bench.watch import Child

RESULTS = Path(__file__).parents[2] / "build" / "bench"
EVENTS = 300_000
SAMPLES_PER_S = 250
TABLE_LINES = 45
TABLE_WIDTH = 140
WAITING = ("(selectors.py)", "(threading.py)", "(concurrent/futures/thread.py)")
"""Files whose functions are at the end of a stack when a thread has nothing to do."""

STEP_S = 0.05
FOUND_WITHIN_S = 10.0
WRITTEN_WITHIN_S = 60.0

NO_PY_SPY = (
    "py-spy is missing: `make profile` installs it with the other development dependencies; on "
    "macOS it needs root. There is no flame graph and no table of samples; cProfile's follows."
)


class SpyFailedError(RuntimeError):
    """py-spy did not write what it saw."""


def main() -> int:
    """Profile what was asked for."""
    parser = argparse.ArgumentParser(
        prog="make profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--what", choices=("worker", "replay", "pieces"), default="worker")
    add_options(parser)
    parser.set_defaults(events=EVENTS)
    arguments = parser.parse_args()
    options = read_options(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    cores = Cores()
    cores.leave_one()
    RESULTS.mkdir(parents=True, exist_ok=True)
    plan = plan_for(options.events, options.customers, options.mix)
    if arguments.what == "worker":
        with running_broker(cores) as empty:
            facts = asyncio.run(write_log(empty.broker, plan))
            terminal = Console()
            out = terminal if terminal.is_terminal else Console(width=TABLE_WIDTH)
            _worker(replace(empty, facts=facts), out)
        return 0
    words = {
        "replay": ["tests.bench.offline", msgspec.json.encode(plan).decode(), "profile"],
        "pieces": ["pytest", "-q", "-m", "bench", "-s", "tests/bench"],
    }[arguments.what]
    with cores.measured_core():
        subprocess.run([sys.executable, "-m", *words], check=True, timeout=CHILD_TIMEOUT_S)
    return 0


def _worker(bench: Bench, out: Console) -> None:
    written: list[Path] = []
    if shutil.which("py-spy") is None:
        out.print(NO_PY_SPY)
    else:
        try:
            written += _spied(bench, out)
        except SpyFailedError as error:
            out.print(f"py-spy: {error}; cProfile's table follows", markup=False)
    into = RESULTS / "worker.prof"
    asyncio.run(run_shoal(bench, 3, partial(_under_cprofile, into)))
    pstats.Stats(str(into)).sort_stats("tottime").print_stats(PROFILE_LINES)
    out.print(f"written: {', '.join(map(str, [*written, into]))}", markup=False)


def _spied(bench: Bench, out: Console) -> list[Path]:
    flame, raw = RESULTS / "worker-flame.svg", RESULTS / "worker-stacks.txt"
    for number, (form, into) in enumerate((("flamegraph", flame), ("raw", raw))):
        into.unlink(missing_ok=True)
        run = asyncio.run(run_shoal(bench, number, _under_py_spy(form, into)))
        if not into.exists():
            raise SpyFailedError(f"{into} was not written")
        words = f"{into.name}: {run.events_per_s:,.0f} events/s with py-spy looking on"
        out.print(words, highlight=False)
    with raw.open() as stacks:
        shares = shares_of(stacks)
    table = RESULTS / "worker-table.txt"
    with table.open("w") as file:
        _print_shares(shares, Console(file=file, width=TABLE_WIDTH))
    _print_shares(shares, out)
    return [flame, raw, table]


@contextmanager
def _under_cprofile(
    into: Path, bench: Bench, group: str, command: list[str], env: dict[str, str]
) -> Iterator[Child]:
    python, *rest = command
    words = [python, "-m", "cProfile", "-o", str(into), *rest]
    with measured_process(bench, group, words, env) as child:
        yield child


def _under_py_spy(form: str, into: Path) -> Starter:
    @contextmanager
    def start(bench: Bench, group: str, command: list[str], env: dict[str, str]) -> Iterator[Child]:
        # As the parent of the process that it looks at it needs no privileges on Linux. It does
        # its work on another core.
        spy = ["py-spy", "record", "--rate", str(SAMPLES_PER_S), "--format", form]
        words = [*spy, "--output", str(into), "--", *command]
        with measured_process(replace(bench, cores=Unpinned()), group, words, env) as child:
            worker = _only_child(child)
            if bench.cores.are_apart:
                os.sched_setaffinity(worker, {bench.cores.measured})
            yield Child(child.process, child.log)
            _end(worker, child)

    return start


def _only_child(child: Child) -> int:
    """The process that py-spy has started."""
    tasks = Path(f"/proc/{child.process.pid}/task")
    deadline_s = time.monotonic() + FOUND_WITHIN_S
    while time.monotonic() < deadline_s and child.process.poll() is None:
        for task in tasks.glob("*/children"):
            if found := task.read_text().split():
                return int(found[0])
        time.sleep(STEP_S)
    words = child.log.read_text(errors="replace")[-500:]
    raise SpyFailedError(f"it started nothing that it could look at: {words}")


def _end(worker: int, child: Child) -> None:
    """End the worker in good order: py-spy then writes what it has seen."""
    os.kill(worker, 15)
    try:
        child.process.wait(WRITTEN_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.kill(worker, 9)
        raise SpyFailedError("it did not end with the worker") from None


def shares_of(stacks: Iterable[str]) -> list[tuple[str, float, float]]:
    """Function, its own share of the working samples, and its share with what it calls.

    Samples of a thread that waits, or imports, are left out.

    >>> shares_of(["main (a.py:3);fold (b.py:9) 3", "main (a.py:5) 1", "wait (threading.py:1) 9"])
    [('fold (b.py)', 0.75, 0.75), ('main (a.py)', 0.25, 1.0)]
    """
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.strip().rpartition(" ")
        frames = [_without_line(frame) for frame in stack.split(";")]
        if _is_no_work(frames):
            continue
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    samples = max(own.total(), 1)
    return [(frame, own[frame] / samples, whole[frame] / samples) for frame, _ in by_most(own)]


def _is_no_work(frames: list[str]) -> bool:
    return frames[-1].endswith(WAITING) or any("importlib" in frame for frame in frames)


def by_most(counts: Counter[str]) -> list[tuple[str, int]]:
    """Most first, equal ones by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _without_line(frame: str) -> str:
    name, colon, line = frame.rpartition(":")
    return f"{name})" if colon and line.rstrip(")").isdigit() else frame


def _print_shares(shares: list[tuple[str, float, float]], out: Console) -> None:
    table = Table(title="Where the worker's samples are")
    for head, justify in (("function", "left"), ("itself", "right"), ("with its calls", "right")):
        table.add_column(head, justify=justify)
    for frame, own, whole in shares[:TABLE_LINES]:
        table.add_row(frame, f"{own:.1%}", f"{whole:.1%}")
    out.print(table)


if __name__ == "__main__":
    sys.exit(main())
