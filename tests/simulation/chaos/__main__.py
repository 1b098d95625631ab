"""`make chaos`: seeded rounds of faults over the worker's own code in memory, and their table.

A red round prints what is wrong, its seed, and the command that runs it again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.simulation.chaos.chaos_round import EVENTS_USUAL
from tests.simulation.chaos.rounds import FAULTS, Outcome, Tally, command, run_rounds

PROBLEM_CHARACTERS_MAX = 4_000


def main() -> int:
    """Run the rounds that were asked for; 1 where one is red or a fault never happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; default: 1")
    parser.add_argument("--rounds", type=int, default=200, help="default: 200, as in CI")
    parser.add_argument("--events", type=int, default=EVENTS_USUAL, help="raw events of a round")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    asked = parser.parse_args()
    began_s, spent_s = time.monotonic(), os.times()

    def tell(outcome: Outcome) -> None:
        if outcome.problem:
            print(f"\nRED: seed {outcome.seed}: {outcome.problem[:PROBLEM_CHARACTERS_MAX]}")
            print(f"again: {command(outcome.seed, asked.events)}", flush=True)
        elif sys.stderr.isatty():
            print(f"\rseed {outcome.seed} is green", end="", file=sys.stderr)

    seeds = range(asked.seed, asked.seed + asked.rounds)
    jobs = max(1, min(asked.jobs, asked.rounds // 8))
    tally = run_rounds(seeds, asked.events, jobs, tell)
    now = os.times()
    cpu_s = sum(now[:4]) - sum(spent_s[:4])
    _print(tally, time.monotonic() - began_s, cpu_s)
    never = tally.never() if asked.rounds >= 100 else []
    if never:
        print(f"never happened: {', '.join(never)}")
    return 1 if tally.red or never else 0


def _print(tally: Tally, wall_s: float, cpu_s: float) -> None:
    print("\n| fault | rounds with it | times |\n|---|--:|--:|")
    for fault, notes in FAULTS.items():
        print(f"| {fault} | {tally.struck[fault]:,} | {tally.happened[notes[0]]:,} |")
    compared = tally.compared
    print(
        f"\n{tally.rounds:,} rounds, {len(tally.red)} red; {compared['raw records']:,} raw and "
        f"{compared['records']:,} logged records, {compared['changes']:,} changes, "
        f"{compared['actions']:,} actions, {compared['rows']:,} rows, "
        f"{compared['customers']:,} customers compared; {wall_s:.0f} s, {cpu_s:.0f} s of CPU"
    )


if __name__ == "__main__":
    sys.exit(main())
