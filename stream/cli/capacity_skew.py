"""How unequal partitions and workers are when customers are: a Monte-Carlo of who is where.

Customers' activity is Zipf-like: the i-th most active sends in proportion to i ** -exponent, but
none more than a bound (beyond it is a robot). The most active are placed one by one, by a hash;
of the others there are so many on each partition that the normal distribution describes their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream.cli.capacity_figures import Figures

Floats = npt.NDArray[np.float64]

PLACED_ONE_BY_ONE = 50_000
ROUNDS = 200
STEPS = 80


@dataclass(frozen=True, slots=True)
class Skew:
    """Over the mean, in the middle and the worst 1% of the draws.

    top_rate  events a second of the most active customer
    """

    partition: float
    partition_p99: float
    worker: float
    worker_p99: float
    top_rate: float


def sample_skew(figures: Figures, partitions: int, workers: int, seed: int = 1) -> Skew:
    """Draw where the customers are, `ROUNDS` times; the same seed gives the same."""
    random = np.random.default_rng(seed)
    head, mass, square = activity(figures)
    hottest_partition, hottest_worker = [], []
    for _ in range(ROUNDS):
        loads = loads_of(head, mass, square, partitions, random)
        mean = loads.mean()
        hottest_partition.append(loads.max() / mean)
        # As the assignor does: as many partitions for each, whatever they carry.
        dealt = np.array_split(random.permutation(loads), workers)
        hottest_worker.append(max(part.sum() for part in dealt) / (mean * partitions / workers))
    top = float(head[0]) if len(head) else 0.0
    return Skew(
        float(np.median(hottest_partition)),
        float(np.quantile(hottest_partition, 0.99)),
        float(np.median(hottest_worker)),
        float(np.quantile(hottest_worker, 0.99)),
        top,
    )


def activity(figures: Figures) -> tuple[Floats, float, float]:
    """Events a second of the most active customers, and sum and sum of squares of all others'."""
    count = max(1, int(figures.customers))
    exponent, most = figures.activity_exponent, figures.customer_rate_max
    ranks = np.arange(1, min(count, PLACED_ONE_BY_ONE) + 1, dtype=np.float64)
    last = float(ranks[-1])

    def rates(scale: float) -> tuple[Floats, float, float]:
        head = np.minimum(scale * ranks**-exponent, most)
        # Where even those after the head are at the bound, the bound is what they send.
        bent = min(count, max(last, (scale / most) ** (1 / exponent) if exponent else count))
        flat = bent - last if scale * last**-exponent > most else 0.0
        start = last + flat
        mass = flat * most + scale * power_sum(start, count, exponent)
        square = flat * most**2 + scale**2 * power_sum(start, count, 2 * exponent)
        return head, mass, square

    low, high = 0.0, figures.events
    while (found := rates(high))[0].sum() + found[1] < figures.events and high < 1e18:
        low, high = high, 2 * high
    for _ in range(STEPS):
        middle = (low + high) / 2
        head, mass, _square = rates(middle)
        low, high = (low, middle) if head.sum() + mass > figures.events else (middle, high)
    return rates(high)


def power_sum(after: float, last: float, exponent: float) -> float:
    """The sum of i ** -exponent for after < i <= last, by the integral between half ranks.

    >>> round(power_sum(100, 200, 0.8), 6) == round(sum(i**-0.8 for i in range(101, 201)), 6)
    False
    >>> abs(power_sum(100, 200, 0.8) / sum(i**-0.8 for i in range(101, 201)) - 1) < 1e-5
    True
    """
    if last <= after:
        return 0.0
    low, high = after + 0.5, last + 0.5
    if abs(exponent - 1) < 1e-9:
        return float(np.log(high / low))
    return float((high ** (1 - exponent) - low ** (1 - exponent)) / (1 - exponent))


def loads_of(
    head: Floats, mass: float, square: float, partitions: int, random: np.random.Generator
) -> Floats:
    """Events a second of each partition, in one draw."""
    placed = random.integers(partitions, size=len(head))
    loads = np.bincount(placed, weights=head, minlength=partitions)
    deviation = np.sqrt(square / partitions * (1 - 1 / partitions))
    rest = random.normal(mass / partitions, deviation, size=partitions)
    return np.asarray(loads + np.maximum(0.0, rest), dtype=np.float64)
