"""Sets of rounds: run, counted together, and asked whether every kind of fault did happen."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.simulation.chaos.chaos_round import EVENTS_USUAL, live_round
from tests.simulation.chaos.verdict import Verdict

FAULTS = {
    "crash": ("crash before an effect", "crash after an effect"),
    "commit that nobody hears of": ("commit acknowledged to nobody", "commit without an answer"),
    "aborted transaction": ("transaction aborted", "write refused", "write acknowledged to nobody"),
    "transaction timed out by the broker": ("transaction timed out",),
    "open transaction ended by the next owner": ("open transaction ended by the next owner",),
    "write sent twice": ("batch known by its number",),
    "zombie owner, shut out": ("zombie came back", "writer shut out"),
    "rebalance": ("partition moved", "worker joined", "worker left"),
    "partitions read in another order": ("partition read before an older one",),
    "late event": ("late event folded",),
    "event sent twice": ("event sent twice", "duplicate left out"),
    "broken event": ("broken event",),
    "clock of a device wrong": ("clock of a device wrong",),
    "definitions changed": ("definitions in force",),
    "definitions that do not load": ("definitions that do not load",),
    "cluster model changed": ("model in force",),
    "statistics changed": ("statistics announced",),
    "ids merged": ("merge", "record forwarded"),
    "shared device, ids in a circle": ("shared device", "ids in a circle"),
    "customer erased": ("customer erased", "record of an erased customer refused"),
    "rows rebuilt from the changelog": ("rows rebuilt",),
    "local store behind after a crash": ("store behind after a crash", "store brought up"),
    "local store lost": ("store lost",),
    "changelog compacted": ("changelog compacted",),
}
"""What the table calls a fault, and all that must have happened for it to be claimed."""


@dataclass
class Outcome:
    """What one round came to; `problem` is empty where all holds."""

    seed: int
    problem: str = ""
    happened: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)


@dataclass
class Tally:
    """What a set of rounds came to."""

    rounds: int = 0
    red: list[Outcome] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.rounds += 1
        if outcome.problem:
            self.red.append(outcome)
        self.happened.update(outcome.happened)
        self.compared.update(outcome.compared)
        self.struck.update(
            fault for fault, notes in FAULTS.items() if all(outcome.happened[n] for n in notes[:1])
        )

    def never(self) -> list[str]:
        """Kinds of faults of which something never happened."""
        return [name for name, notes in FAULTS.items() if not all(self.happened[n] for n in notes)]


def run_round(seed: int, events: int = EVENTS_USUAL) -> Outcome:
    """Live one round and judge it."""
    logging.disable(logging.CRITICAL)
    outcome = Outcome(seed)
    try:
        verdict = Verdict(live_round(seed, events))
        verdict.judge()
        outcome.happened, outcome.compared = verdict.happened, verdict.compared
    except AssertionError as error:
        outcome.problem = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 whatever ends a round, its seed is to be told
        outcome.problem = traceback.format_exc()
    finally:
        logging.disable(logging.NOTSET)
    return outcome


def run_rounds(
    seeds: Iterable[int], events: int, jobs: int, told: Callable[[Outcome], None]
) -> Tally:
    """Run rounds in so many processes; `told` hears of each in the order of the seeds."""
    tally = Tally()
    seeds = list(seeds)
    if jobs == 1:
        for seed in seeds:
            outcome = run_round(seed, events)
            tally.add(outcome)
            told(outcome)
        return tally
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for outcome in pool.map(run_round, seeds, [events] * len(seeds), chunksize=4):
            tally.add(outcome)
            told(outcome)
    return tally


def command(seed: int, events: int) -> str:
    """What runs one round again."""
    sized = "" if events == EVENTS_USUAL else f" EVENTS={events}"
    return f"make chaos SEED={seed} ROUNDS=1{sized}"
