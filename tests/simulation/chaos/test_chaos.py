"""The first rounds of `make chaos`, with every kind of fault; the same seed, the same round."""

from __future__ import annotations

import os

import pytest

from tests.form import IS_COMPILED
from tests.simulation.chaos.chaos_round import EVENTS_USUAL, live_round
from tests.simulation.chaos.rounds import Outcome, command, run_rounds

ROUNDS = 50 if IS_COMPILED else 200
"""On extension modules fewer: the same seeds, looked at for the same answers."""


def test_nothing_is_lost_doubled_or_out_of_order_in_any_round_of_faults():
    def tell(outcome: Outcome) -> None:
        if outcome.problem:
            again = command(outcome.seed, EVENTS_USUAL)
            pytest.fail(f"{outcome.problem[:4_000]}\nagain: {again}", pytrace=False)

    tally = run_rounds(range(1, ROUNDS + 1), EVENTS_USUAL, os.cpu_count() or 1, tell)
    assert tally.rounds == ROUNDS
    assert IS_COMPILED or tally.never() == []


@pytest.mark.parametrize("seed", [5, 8])
def test_the_same_seed_gives_the_same_round(seed: int):
    def all_of(lived) -> list[tuple[object, ...]]:
        return [
            (*place, entry and (entry.offset, entry.timestamp, entry.key, entry.value))
            for place, partition in lived.broker.partitions.items()
            for entry in partition.entries
        ]

    once, again = live_round(seed), live_round(seed)
    assert once.happened == again.happened
    assert all_of(once) == all_of(again)
