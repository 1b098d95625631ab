"""`make chaos-kafka`: seeded rounds of faults on a real broker, and their table.

It ends with 0 where every round was clean, with 1 where one was not, and then prints how to repeat
it: the seed of a round chooses its kind, its traffic and its moments; what the machine does in
between is its own. 2: called wrongly.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.kafka.faults.ground import Ground
from tests.kafka.faults.kinds import KINDS
from tests.kafka.faults.round import Kind, Outcome, run_round

RESULTS = Path(__file__).parents[3] / "build" / "chaos-kafka.jsonl"


def main() -> int:
    """Run the rounds that were asked for, print each and then the table."""
    arguments = _arguments()
    kinds = [kind for kind in KINDS if arguments.kind in {None, kind.name}]
    # Clients tell of every connection that a round takes from them.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    outcomes = asyncio.run(_run(kinds, arguments.rounds, arguments.seed))
    print(table(outcomes))
    red = [outcome for outcome in outcomes if not outcome.is_clean]
    for outcome in red:
        print(f"red: {repeat_command(outcome)}")
    return 1 if red else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos-kafka", description=__doc__)
    parser.add_argument("--rounds", type=int, default=len(KINDS), help="default: one of each kind")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; default: 1")
    names = [kind.name for kind in KINDS]
    parser.add_argument("--kind", choices=names, help="rounds of this kind alone")
    return parser.parse_args()


async def _run(kinds: Sequence[Kind], rounds: int, seed: int) -> list[Outcome]:
    outcomes = []
    RESULTS.parent.mkdir(exist_ok=True)
    with Ground() as ground, RESULTS.open("ab") as results:
        for number in range(rounds):
            kind = kinds[(seed + number) % len(kinds)]
            outcome = await run_round(kind, ground.of(kind), ground.proxy, seed + number)
            outcomes.append(outcome)
            results.write(msgspec.json.encode(outcome) + b"\n")
            results.flush()
            print(line(number + 1, outcome), flush=True)
    return outcomes


def line(number: int, outcome: Outcome) -> str:
    """What is said of a round as soon as it is over."""
    verdict = outcome.verdict
    result = "ok" if outcome.is_clean else "RED"
    said = [f"{number:4}  {outcome.kind:16} seed {outcome.seed:<8} {result:3}"]
    said.append(f"{outcome.seconds:5.1f} s  {verdict.raw} events, {verdict.changes} changes")
    said += [f"{name} {value:.2f} s" for name, value in outcome.times.items()]
    if outcome.deaths:
        said.append(f"{outcome.deaths} ended by themselves")
    said += outcome.notes
    text = "  ".join(said)
    if outcome.is_clean:
        return text
    why = outcome.error or "; ".join(verdict.words())
    return f"{text}\n{why}\nkept in {outcome.kept}\nto repeat: {repeat_command(outcome)}"


def repeat_command(outcome: Outcome) -> str:
    """Runs a round of the same kind and seed again."""
    return f'make chaos-kafka ROUNDS=1 SEED={outcome.seed} KIND="{outcome.kind}"'


def table(outcomes: Sequence[Outcome]) -> str:
    """Kinds of faults, how often, and what came of them, as Markdown."""
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        kinds[outcome.kind].append(outcome)
    meanings = {kind.name: kind.meaning for kind in KINDS}
    lines = [
        "| fault | rounds | changes | lost | extra | disordered | red | measured |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(f"{name}: {meanings.get(name, '')}", each) for name, each in kinds.items()]
    return "\n".join([*lines, _row("**all**", outcomes, is_total=True)])


def _row(name: str, outcomes: Sequence[Outcome], *, is_total: bool = False) -> str:
    verdicts = [outcome.verdict for outcome in outcomes]
    cells = [
        len(outcomes),
        sum(v.changes for v in verdicts),
        sum(len(v.lost) for v in verdicts),
        sum(len(v.extra) + len(v.repeated) + len(v.differing) for v in verdicts),
        sum(len(v.disordered) for v in verdicts),
        sum(not outcome.is_clean for outcome in outcomes),
    ]
    times = {} if is_total else _spans(outcomes)
    measured = ", ".join(f"{what} {low:.1f}-{high:.1f} s" for what, (low, high) in times.items())
    return f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} | {measured} |"


def _spans(outcomes: Sequence[Outcome]) -> dict[str, tuple[float, float]]:
    times: dict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        for what, seconds in outcome.times.items():
            times[what].append(seconds)
    return {what: (min(values), max(values)) for what, values in times.items()}


if __name__ == "__main__":
    sys.exit(main())
