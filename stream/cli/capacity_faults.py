"""What a death and a rolling restart at the peak do: a simulation in steps of a tenth of a second.

Workers are queues of events, each as fast as a core that takes full batches. A rebalance stops
all of them for a moment. Who has taken partitions over restores them first, at half speed for the
others. While a dead worker's transactions are open, readers of what they wrote to wait: with
fan-out that is every partition, with keyed input its own alone.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream.cli.capacity_plan import Plan, event_us

Floats = npt.NDArray[np.float64]

STEP_S = 0.1
BEGINS_S = 10.0
CAUGHT_UP_S = 1.0
"""A worker less than so much behind has caught up."""

LASTS_MAX_S = 24 * 3600.0
RESTORING_SPEED = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    lag_s         the most that an event waited, of the partitions concerned, and of the others
    backlog       events that waited at the worst moment, in all
    settled_s     from the beginning until nobody was behind; None: it never came to that
    """

    lag_s: float
    others_lag_s: float
    backlog: float
    settled_s: float | None


class Cluster:
    """Workers with backlogs; partitions are counted and carry the mean load.

    Parameters
    ----------
    hottest_ratio
        The load of the worker with the most to do, which is number 0 and the one that dies.
    """

    def __init__(self, plan: Plan, hottest_ratio: float = 1.0) -> None:
        figures = plan.figures
        full = figures.batch_records / (1 + figures.log_records)
        self.plan = plan
        self.partitions = np.full(plan.workers, plan.partitions / plan.workers)
        self.rate = figures.events / plan.partitions
        self.heat = np.ones(plan.workers)
        self.heat[0] = hottest_ratio
        self.speed = 1e6 / event_us(figures, plan.partitions, full)
        self.backlog: Floats = np.zeros(plan.workers)
        self.now_s = 0.0
        self.stopped_until: Floats = np.zeros(plan.workers)
        self.restoring_until: Floats = np.zeros(plan.workers)
        self.lag_s: Floats = np.zeros(plan.workers)
        self.most_backlog = 0.0

    def stop(self, who: npt.NDArray[np.bool_], seconds: float) -> None:
        """These do nothing for so long."""
        self.stopped_until[who] = np.maximum(self.stopped_until[who], self.now_s + seconds)

    def move(self, source: int | None, target: npt.NDArray[np.int_], count: float) -> None:
        """Deal `count` partitions to each of the targets, which restore them, with their backlog.

        They come from one worker, or evenly from all others.
        """
        share = np.zeros_like(self.partitions)
        if source is None:
            givers = np.setdiff1d(np.flatnonzero(self.partitions > 0), target)
            share[givers] = count * len(target) / len(givers)
        else:
            share[source] = count * len(target)
        taken = np.divide(
            share, self.partitions, out=np.zeros_like(share), where=self.partitions > 0
        )
        moved = (self.backlog * taken).sum()
        self.backlog *= 1 - taken
        self.partitions -= share
        self.partitions[target] += count
        self.backlog[target] += moved / len(target)
        whole = math.ceil(count - 1e-9)
        until = self.now_s + whole * self.plan.restore_s
        self.restoring_until[target] = np.maximum(self.restoring_until[target], until)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        for _ in range(max(1, round(seconds / STEP_S))):
            self.step()

    def step(self) -> None:
        """A tenth of a second."""
        arriving = self.partitions * self.rate * self.heat
        speed = np.where(self.now_s < self.restoring_until, RESTORING_SPEED, 1.0) * self.speed
        speed[(self.now_s < self.stopped_until) | (self.partitions <= 0)] = 0.0
        self.backlog = np.maximum(0.0, self.backlog + (arriving - speed) * STEP_S)
        self.now_s += STEP_S
        with np.errstate(divide="ignore", invalid="ignore"):
            lag = np.where(arriving > 0, self.backlog / arriving, 0.0)
        self.lag_s = np.maximum(self.lag_s, lag)
        self.most_backlog = max(self.most_backlog, float(self.backlog.sum()))

    def settle(self) -> bool:
        """Run until nobody is behind; False when that does not come within a day."""
        while self.now_s < LASTS_MAX_S:
            self.run(1.0)
            arriving = self.partitions * self.rate * self.heat
            if bool((self.backlog <= arriving * CAUGHT_UP_S).all()) and not self.is_busy():
                return True
            if not self.is_busy() and bool((arriving >= self.speed).any()):
                return False
        return False

    def is_busy(self) -> bool:
        """Whether something still stands still or restores."""
        latest = max(self.stopped_until.max(), self.restoring_until.max())
        return bool(self.now_s < latest)


def simulate_death(plan: Plan, hottest_ratio: float = 1.0) -> Outcome:
    """The worker with the most to do dies at the peak and does not come back."""
    cluster = Cluster(plan, hottest_ratio)
    if plan.workers < 2:
        return Outcome(math.inf, 0.0, math.inf, None)
    figures = plan.figures
    everybody = np.ones(plan.workers, dtype=bool)
    dead = everybody & (np.arange(plan.workers) == 0)
    cluster.run(BEGINS_S)
    # Its open transactions end when its partitions' next owners begin.
    waits_s = figures.session_timeout_s + plan.rebalance_s
    cluster.stop(everybody if figures.keyed_ratio < 1 else dead, waits_s)
    cluster.run(figures.session_timeout_s)
    cluster.stop(everybody, plan.rebalance_s)
    cluster.run(plan.rebalance_s)
    # As many as the assignor can give them whole: some survivors get one, the others none.
    pieces = max(1, round(cluster.partitions[0]))
    takers = 1 + np.arange(min(pieces, plan.workers - 1))
    cluster.move(0, takers, cluster.partitions[0] / len(takers))
    settled = cluster.settle()
    concerned = np.zeros(plan.workers, dtype=bool)
    concerned[[0, *takers]] = True
    return Outcome(
        float(cluster.lag_s[concerned].max()),
        float(cluster.lag_s[~concerned].max()) if (~concerned).any() else 0.0,
        cluster.most_backlog,
        cluster.now_s - BEGINS_S if settled else None,
    )


def simulate_rolling(plan: Plan, together: int) -> Outcome:
    """Restart all workers at the peak, `together` at a time, the next when all have caught up."""
    cluster = Cluster(plan)
    everybody = np.ones(plan.workers, dtype=bool)
    left = deque(range(plan.workers))
    if plan.workers <= together:
        return Outcome(math.inf, 0.0, math.inf, None)
    cluster.run(BEGINS_S)
    while left:
        gone = np.array([left.popleft() for _ in range(min(together, len(left)))])
        others = np.setdiff1d(np.arange(plan.workers), gone)
        share = float(cluster.partitions[gone].sum())
        cluster.stop(everybody, plan.rebalance_s)
        for worker in gone:
            cluster.move(int(worker), others, float(cluster.partitions[worker]) / len(others))
        cluster.run(plan.figures.start_s)
        cluster.stop(everybody, plan.rebalance_s)
        cluster.run(plan.rebalance_s)
        cluster.move(None, gone, share / len(gone))
        if not cluster.settle():
            return Outcome(float(cluster.lag_s.max()), 0.0, cluster.most_backlog, None)
    return Outcome(float(cluster.lag_s.max()), 0.0, cluster.most_backlog, cluster.now_s - BEGINS_S)
