"""The whole job against its peers and floors, over the same log, each alone on the measured core.

Runs go round: each contender once, then each again, so that a busy minute of the machine does not
fall upon one of them alone.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from tests.bench import musts
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
from tests.bench.log import write_log
from tests.bench.parts import FAILURES, Context, Measured, Section, decoded_child, running_broker
from tests.bench.rates import Run, best
from tests.bench.report import Figure

NAME = "throughput"
PEERS = ("streams", "streams-rekeyed", "quix", "faust")
PARTS = ("shoal", *PEERS, "floors")
OTHERS_RATIO_MAX = 0.05
"""More of the measured core than this used by others makes a figure doubtful."""

RunOnce = Callable[[int], Awaitable[Run]]


class Contender(msgspec.Struct):
    """Who runs: `peer` is the name of the figure that tells how many times as fast Shoal is."""

    name: str
    does: str
    once: RunOnce
    peer: str | None = None
    runs: list[Run] = []
    problem: str | None = None


DOES = "decode, identity, segments, clusters: log, rows, changes in transactions"
COUNTS = "parses, counts by customer: state, changelog"
PEER_ROWS: dict[str, tuple[Peer, str, str, str]] = {
    "streams": (
        STREAMS,
        "Kafka Streams, key trusted",
        f"{COUNTS}; 1 thread, RocksDB, cache 64 MB",
        musts.STREAMS,
    ),
    "streams-rekeyed": (
        STREAMS_REKEYED,
        "Kafka Streams, re-keyed",
        f"{COUNTS}; by a topic of its own",
        musts.STREAMS_REKEYED,
    ),
    "quix": (QUIX, "Quix Streams", f"{COUNTS}; RocksDB", musts.QUIX),
    "faust": (FAUST, "Faust, stock agent", f"{COUNTS}; one table write an event", musts.FAUST),
}
FLOORS = {"getmany": "aiokafka getmany alone", "decode": "getmany and Shoal's typed decode"}

NOTE = (
    f"throughput: the best run counts; the spread is from the slowest to the fastest. Shoal's "
    f"counts from its first batch to the one that leaves nothing to do, by the meta records of its "
    f"batches; a peer's by the offsets that its group had committed, after a warm-up. Peers commit "
    f"every {PEER_COMMIT_MS} ms, at least once; Shoal commits in transactions. The topic is keyed "
    f"by customer, and all peers but the re-keyed one rely on that; Shoal, which trusts no key, "
    f"writes and reads its own log of customers. The events' times are in the past: Shoal catches "
    f"up, and its clock crosses their days."
)


def run(context: Context, parts: list[str]) -> Measured:
    """Fill a broker, and let everybody read it."""
    with running_broker(context.cores) as empty:
        with context.console.status("writing the log"):
            facts = asyncio.run(write_log(empty.broker, context.plan()))
        bench = dataclasses.replace(empty, facts=facts)
        todo = [contender for part in parts for contender in _contenders(part, bench)]
        for number in range(1, context.options.runs + 1):
            for contender in todo:
                if contender.problem is None:
                    _run_once(context, contender, number)
    figures = [_figure(contender) for contender in todo]
    return Measured([*figures, *_ratios(todo)], NOTE, facts)


def _contenders(part: str, bench: Bench) -> list[Contender]:
    if part == "shoal":
        return [Contender(musts.SHOAL, DOES, partial(run_shoal, bench))]
    if part in PEER_ROWS:
        peer, name, does, ratio = PEER_ROWS[part]
        return [Contender(name, does, partial(run_peer, bench, peer), ratio)]
    return [
        Contender(f"floor: {floor}", does, partial(_floor, bench, floor))
        for floor, does in FLOORS.items()
    ]


def _run_once(context: Context, contender: Contender, number: int) -> None:
    with context.console.status(f"{contender.name}, run {number}"):
        try:
            run = asyncio.run(_awaited(contender.once, number))
        except FAILURES as error:
            contender.problem = str(error)
            context.tell(f"{contender.name}: {error}")
            return
    contender.runs.append(run)
    context.tell(f"{contender.name}, run {number}: {run.events_per_s:,.0f} events/s")


async def _awaited(once: RunOnce, number: int) -> Run:
    return await once(number)


async def _floor(bench: Bench, floor: str, _: int) -> Run:
    return decoded_child(bench.cores, Run, "tests.bench.floors", floor, bench.broker)


def _figure(contender: Contender) -> Figure:
    figure = Figure(
        section=NAME,
        name=contender.name,
        does=contender.does,
        unit="events/s",
        problem=contender.problem,
    )
    if contender.runs:
        add_runs(figure, contender.runs)
    return figure


def add_runs(figure: Figure, runs: list[Run]) -> None:
    """Fill in the best run, and what the others say of it."""
    fastest = best(runs)
    figure.value = fastest.events_per_s
    figure.runs = [run.events_per_s for run in runs]
    figure.cpu_us = fastest.cpu_us
    figure.facts = dict(fastest.facts)
    if fastest.wall_s is not None:
        figure.facts["s with its start"] = fastest.wall_s
    if fastest.core_ratio is not None:
        figure.facts["share of the core"] = fastest.core_ratio
    others = fastest.others_ratio or 0.0
    if others > OTHERS_RATIO_MAX:
        figure.doubts.append(
            f"others used {others:.0%} of the measured core during the best run; CPU per event is "
            f"the better figure then"
        )


def _ratios(contenders: list[Contender]) -> list[Figure]:
    """How many times as fast as each peer Shoal is."""
    shoal = next((c for c in contenders if c.name == musts.SHOAL), None)
    if shoal is None:
        return []
    return [_ratio(shoal, peer, peer.peer) for peer in contenders if peer.peer is not None]


def _ratio(shoal: Contender, peer: Contender, name: str) -> Figure:
    figure = Figure(section=NAME, name=name, unit="times", does="events/s of the best runs")
    if not shoal.runs or not peer.runs:
        figure.problem = "one of the two has no run"
        return figure
    ours, theirs = best(shoal.runs), best(peer.runs)
    figure.value = ours.events_per_s / theirs.events_per_s
    # Round by round: both ran within the same minute or two.
    figure.runs = [
        a.events_per_s / b.events_per_s for a, b in zip(shoal.runs, peer.runs, strict=False)
    ]
    if ours.cpu_us is not None and theirs.cpu_us is not None:
        figure.facts = {"times by CPU": theirs.cpu_us / ours.cpu_us}
    return figure


SECTION = Section(NAME, PARTS, run)
