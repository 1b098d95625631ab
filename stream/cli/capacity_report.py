"""All that `shoal capacity` computes of a load."""

from __future__ import annotations

from dataclasses import dataclass

from stream.cli.capacity_faults import Outcome, simulate_death, simulate_rolling
from stream.cli.capacity_figures import Figures
from stream.cli.capacity_limits import Heat, Limit, find_limits
from stream.cli.capacity_plan import Plan, compute
from stream.cli.capacity_skew import Skew, sample_skew

HOTTEST_MAX = 1.5
"""No more than so much room is planned on every worker for the one with the most to do: where one
customer makes a partition hot, more workers do not help, and the limits say so."""


@dataclass(frozen=True, slots=True)
class CapacityReport:
    """Figures, what they need, and what happens then.

    together  workers that are restarted at a time: those of a machine
    """

    plan: Plan
    skew: Skew
    limits: list[Limit]
    death: Outcome
    rolling: Outcome
    together: int


def report_on(figures: Figures, seed: int) -> CapacityReport:
    """Plan for equal customers, see how unequal they are, plan for that, and break it."""
    equal = compute(figures)
    skew = sample_skew(figures, equal.partitions, equal.workers, seed)
    hottest = min(HOTTEST_MAX, skew.worker_p99)
    plan = compute(figures, hottest)
    # Those of a machine; where there is one alone, one after the other.
    together = -(-plan.workers // plan.machines) if plan.machines > 1 else 1
    return CapacityReport(
        plan=plan,
        skew=skew,
        limits=find_limits(figures, hottest, Heat(skew.partition_p99, skew.top_rate)),
        death=simulate_death(plan, hottest),
        rolling=simulate_rolling(plan, together),
        together=together,
    )
