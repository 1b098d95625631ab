"""Who runs: the process of each contender, started on the measured core and watched."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stream.events.topics import CHANGES, DEAD_LETTERS, EVENTS
from stream.shell.child import start_child, stop_child
from stream.shell.topic_admin import create_topics
from tests.bench.committed import is_done, work_span
from tests.bench.installed import PEERS, quix_python, streams_class_path
from tests.bench.log import (
    PARTITIONS,
    LogFacts,
    admin_of,
    count_records,
    reader_of,
    remove_results,
    settings_for,
)
from tests.bench.machine import Cores
from tests.bench.rates import Run, run_between, sample_at, steady_run
from tests.bench.watch import Child, ContenderFailedError, Offsets, Watcher, all_read

PEER_COMMIT_MS = 1_000
"""Between a peer's commits. Shoal commits at least every 100 ms under load."""

WARM_UP_S = 3.0
"""Of a peer, after its first commit: the JVM compiles."""

PEER_TIME_MAX_S = 15.0
"""A peer is watched for so long: its rate is steady, and stock Faust would take minutes."""

SHOAL_TIME_MAX_S = 180.0
STOP_PATIENCE_S = 15.0
WORKER = [sys.executable, "-m", "stream.cli.main", "worker"]


@dataclass(frozen=True)
class Bench:
    """What every run needs: the broker's address, the log in it, the cores, and a folder."""

    broker: str
    facts: LogFacts
    cores: Cores
    folder: Path


@contextmanager
def measured_process(
    bench: Bench, group: str, command: list[str], env: dict[str, str] | None = None
) -> Iterator[Child]:
    """Run a command on the measured core, its output in a file; ended when the block ends."""
    log = bench.folder / f"{group}.log"
    # What the caller's shell says of some other Shoal is not for this one.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SHOAL_")}
    with log.open("wb") as output:
        with bench.cores.measured_core():
            process = start_child(command, env={**inherited, **(env or {})}, output=output)
        try:
            yield Child(process, log)
        finally:
            stop_child(process, STOP_PATIENCE_S)


Starter = Callable[[Bench, str, list[str], dict[str, str]], AbstractContextManager[Child]]


async def run_shoal(bench: Bench, number: int, starter: Starter = measured_process) -> Run:
    """The whole job: from the first commit to the one that leaves nothing to do.

    `starter` runs the worker's command, so that a profiler may run it instead.
    """
    app = f"shoal-{number}"
    await create_topics(settings_for(bench.broker, app))
    env = {
        "SHOAL_BROKER": bench.broker,
        "SHOAL_APP": app,
        "SHOAL_PARTITIONS": str(PARTITIONS),
        "SHOAL_HTTP_PORT": "0",
    }
    async with admin_of(bench.broker) as admin, reader_of(bench.broker) as reader:
        is_read = all_read(EVENTS.name, bench.facts.events)

        async def done(offsets: Offsets) -> bool:
            return await is_read(offsets) and await is_done(reader, bench.facts.clock_ms)

        started_s = time.time()
        with starter(bench, app, WORKER, env) as child:
            watcher = Watcher(admin, app, EVENTS.name, child, bench.cores)
            if not await watcher.until(done, SHOAL_TIME_MAX_S):
                read = watcher.samples[-1].events
                raise ContenderFailedError(f"{read:,} in {SHOAL_TIME_MAX_S:.0f} s", child.log)
            facts = watcher.facts()
        span = await work_span(reader)
    run = run_between(
        sample_at(watcher.samples, span.first_s, span.events),
        sample_at(watcher.samples, span.last_s, bench.facts.events),
    )
    run.wall_s = span.last_s - started_s
    for topic in (CHANGES, DEAD_LETTERS):
        facts[topic.name] = float(await count_records(bench.broker, topic.name))
    run.facts = facts
    await remove_results(bench.broker)
    return run


@dataclass(frozen=True)
class Peer:
    """How a peer is started, and the topic whose committed offsets tell how far it is.

    command     words up to the arguments that all peers take: broker, topic, group, folder for
                state, milliseconds between commits
    arguments   words after these
    counted     suffix of an internal topic after the group's name; None: the log itself
    """

    name: str
    command: Callable[[], list[str]]
    arguments: tuple[str, ...] = ()
    counted: str | None = None


def _streams() -> list[str]:
    return ["java", "-Xmx1g", "-cp", streams_class_path(), "KeyedCount"]


STREAMS = Peer("streams", _streams, ("trusted",))
STREAMS_REKEYED = Peer("streams-rekeyed", _streams, ("rekeyed",), "-counts-repartition")
QUIX = Peer("quix", lambda: [str(quix_python()), str(PEERS / "quix_count.py")])
FAUST = Peer("faust", lambda: [sys.executable, str(PEERS / "faust_count.py")])


async def run_peer(bench: Bench, peer: Peer, number: int) -> Run:
    """A peer's steady rate over the same bytes."""
    group = f"{peer.name}-{number}"
    state = bench.folder / f"{group}-state"
    arguments = [bench.broker, EVENTS.name, group, str(state), str(PEER_COMMIT_MS)]
    counted = EVENTS.name if peer.counted is None else group + peer.counted
    words = [*peer.command(), *arguments, *peer.arguments]
    started_s = time.time()
    with measured_process(bench, group, words) as child:
        async with admin_of(bench.broker) as admin:
            watcher = Watcher(admin, group, counted, child, bench.cores)
            await watcher.until(all_read(counted, bench.facts.events), PEER_TIME_MAX_S)
            facts = watcher.facts()
    run = steady_run(watcher.samples, bench.facts.events, WARM_UP_S)
    run.wall_s = watcher.samples[-1].time_s - started_s
    run.facts |= facts
    await remove_results(bench.broker)
    return run
