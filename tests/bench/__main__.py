"""Speed, as numbers: `make bench`, or `python -m tests.bench --help`.

Runs go round: each contender once, then each again, so that a busy minute of the machine does not
fall upon one of them alone.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import pstats
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console

from tests.bench.contenders import (
    FAUST,
    PEER_COMMIT_MS,
    QUIX,
    STREAMS,
    STREAMS_REKEYED,
    Bench,
    Peer,
    run_peer,
    run_shoal,
)
from tests.bench.installed import PeerUnavailableError
from tests.bench.log import LogPlan, plan_for, write_log
from tests.bench.machine import Cores, describe
from tests.bench.offline import PROFILE_LINES
from tests.bench.rates import Run, TooFewCommitsError
from tests.bench.report import SHOAL, Report, Row, show, write_json
from tests.bench.watch import ContenderFailedError
from tests.kafka.broker import KAFKA_VERSION, BrokerUnavailableError, discard, new_broker

RESULTS = Path(__file__).parents[2] / "build" / "bench"
REPLAY_EVENTS_MAX = 200_000
CHILD_TIMEOUT_S = 300.0

EVENTS = 700_000
"""0.7 GB: the fastest contender, at 90,000 a second, then works for seconds after its warm-up."""

TABLE_WIDTH = 120
"""Where there is no terminal to fit."""

PEERS = ("streams", "streams-rekeyed", "quix", "faust")
THROUGHPUT = ("shoal", *PEERS, "floors")
GROUPS = {"throughput": THROUGHPUT, "peers": PEERS, "all": (*THROUGHPUT, "replay")}
PROFILES = ("profile", "profile-worker", "pieces")
"""Print their own numbers, and are not in the table."""

PARTS = (*THROUGHPUT, "replay", *PROFILES)

SHOAL_DOES = "decode, identity, segments, clusters: log, rows, changes in transactions"
COUNTS = "parses, counts by customer: state, changelog"
ROWS: dict[str, tuple[Peer, str, str]] = {
    "streams": (STREAMS, "Kafka Streams", f"{COUNTS}; 1 thread, RocksDB, cache 64 MB"),
    "streams-rekeyed": (STREAMS_REKEYED, "the same, re-keyed", f"{COUNTS}; by a topic of its own"),
    "quix": (QUIX, "Quix Streams", f"{COUNTS}; RocksDB"),
    "faust": (FAUST, "Faust, stock agent", f"{COUNTS}; one table write an event"),
}
FLOORS = {"getmany": "aiokafka getmany alone", "decode": "getmany and Shoal's typed decode"}

NOTES = (
    "events/s: the best run, and how far below it the slowest was. Shoal's counts from its first "
    "batch to the one that leaves nothing to do, by the meta records of its batches; a peer's by "
    "the offsets that its group had committed, after a warm-up.\n"
    "The topic is keyed by customer, and all peers but the re-keyed one rely on that; Shoal, which "
    "trusts no key, writes and reads its own log of customers.\n"
    f"Peers commit every {PEER_COMMIT_MS} ms, at least once; Shoal commits in transactions.\n"
    "The events' times are in the past: Shoal catches up, and its clock crosses their days."
)

console = Console(stderr=True)
RunOnce = Callable[[int], Awaitable[Run]]


def main() -> int:
    """Run the parts that were asked for, print the table, write the JSON."""
    arguments = _arguments()
    parts = _parts(arguments.only)
    plan = plan_for(arguments.events, arguments.customers)
    # It tells of leaders that are not there yet whenever a topic has just been made.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    cores = Cores()
    cores.leave_one()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for part in parts:
        if part in PROFILES:
            _profile(part, plan, cores)
    if set(parts) <= set(PROFILES):
        return 0
    report = Report(
        taken=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        machine=describe(cores, KAFKA_VERSION),
        rows=[],
    )
    on_kafka = [part for part in parts if part in THROUGHPUT]
    if on_kafka:
        report.notes += NOTES.splitlines()
        _on_kafka(report, on_kafka, plan, cores, arguments.runs)
    if "replay" in parts:
        report.rows.append(_replay(plan, cores, arguments.runs))
    report.compare()
    out = Console()
    show(report, out if out.is_terminal else Console(width=TABLE_WIDTH))
    console.print(f"written to {write_json(report, RESULTS)}", highlight=False)
    return 0 if all(row.runs for row in report.rows) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", default="all", help=f"of {', '.join((*GROUPS, *PARTS))}; comma")
    parser.add_argument("--events", type=int, default=EVENTS, help="default: %(default)s")
    parser.add_argument("--customers", type=int, help="default: one for 50 events")
    parser.add_argument("--runs", type=int, default=3, help="default: %(default)s")
    return parser.parse_args()


def _parts(only: str) -> list[str]:
    wanted: set[str] = set()
    for word in only.split(","):
        if word not in GROUPS and word not in PARTS:
            sys.exit(
                f"make bench: there is no {word!r}; ONLY may be {', '.join((*GROUPS, *PARTS))}"
            )
        wanted |= set(GROUPS.get(word, (word,)))
    return [part for part in PARTS if part in wanted]


@contextmanager
def _filled_broker(plan: LogPlan, cores: Cores) -> Iterator[Bench]:
    try:
        broker = new_broker().start()
    except BrokerUnavailableError as error:
        sys.exit(f"make bench: {error}")
    folder = broker.folder / "runs"
    folder.mkdir()
    try:
        with console.status("writing the log"):
            facts = asyncio.run(write_log(broker.address, plan))
        yield Bench(broker.address, facts, cores, folder)
    finally:
        discard(broker)


def _on_kafka(report: Report, parts: list[str], plan: LogPlan, cores: Cores, runs: int) -> None:
    with _filled_broker(plan, cores) as bench:
        report.log = bench.facts
        todo = [(row, once) for part in parts for row, once in _rows(part, bench)]
        report.rows += [row for row, _ in todo]
        for number in range(1, runs + 1):
            for row, once in todo:
                if row.problem is None:
                    _run_once(row, once, number)


def _rows(part: str, bench: Bench) -> list[tuple[Row, RunOnce]]:
    if part == "shoal":
        return [(Row(SHOAL, SHOAL_DOES), partial(run_shoal, bench))]
    if part in ROWS:
        peer, name, does = ROWS[part]
        return [(Row(name, does, is_peer=True), partial(run_peer, bench, peer))]
    return [
        (Row(f"floor: {floor}", does), partial(_floor, bench, floor))
        for floor, does in FLOORS.items()
    ]


def _run_once(row: Row, once: RunOnce, number: int) -> None:
    with console.status(f"{row.name}, run {number}"):
        try:
            run = asyncio.run(_awaited(once, number))
        except (PeerUnavailableError, ContenderFailedError, TooFewCommitsError) as error:
            row.problem = str(error)
            console.print(f"{row.name}: {error}", highlight=False, markup=False)
            return
    row.runs.append(run)
    console.print(f"{row.name}, run {number}: {run.events_per_s:,.0f} events/s", highlight=False)


async def _awaited(once: RunOnce, number: int) -> Run:
    return await once(number)


async def _floor(bench: Bench, floor: str, _: int) -> Run:
    return _child_run(bench.cores, "tests.bench.floors", floor, bench.broker)


def _replay(plan: LogPlan, cores: Cores, runs: int) -> Row:
    events = min(plan.events, REPLAY_EVENTS_MAX)
    row = Row("replay, offline", f"decode, order, fold of {events:,} events: no Kafka, no files")
    for number in range(1, runs + 1):
        words = ("tests.bench.offline", str(events), str(plan.customers))
        _run_once(row, partial(_replay_once, cores, words), number)
    return row


async def _replay_once(cores: Cores, words: tuple[str, ...], _: int) -> Run:
    return _child_run(cores, *words)


def _child_run(cores: Cores, *words: str) -> Run:
    """A run that a process of its own measures and prints as JSON."""
    with cores.measured_core():
        process = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.PIPE)
    try:
        output, _ = process.communicate(timeout=CHILD_TIMEOUT_S)
    finally:
        process.kill()
    return msgspec.json.decode(output, type=Run)


def _profile(part: str, plan: LogPlan, cores: Cores) -> None:
    """Where the time goes: offline, in a whole worker, or piece by piece."""
    if part == "profile-worker":
        into = RESULTS / "worker.prof"
        with _filled_broker(plan, cores) as bench:
            asyncio.run(run_shoal(bench, 0, into))
        pstats.Stats(str(into)).sort_stats("tottime").print_stats(PROFILE_LINES)
        return
    events = str(min(plan.events, REPLAY_EVENTS_MAX))
    words = {
        "profile": ["tests.bench.offline", events, str(plan.customers), "profile"],
        "pieces": ["pytest", "-q", "-m", "bench", "-s", "tests/bench"],
    }
    with cores.measured_core():
        subprocess.run([sys.executable, "-m", *words[part]], check=True, timeout=CHILD_TIMEOUT_S)


if __name__ == "__main__":
    sys.exit(main())
