"""Customers of known kinds as vectors, and what a clustering of them is worth.

Nothing here uses the program: truth comes from numpy's seeded generator, agreement from pair
counts, and the batch k-means to compare with is written anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Vector = tuple[float, ...]

FEATURES = (
    "orders",
    "basket",
    "views",
    "discount",
    "evening",
    "weekend",
    "returns",
    "categories",
    "mobile",
    "gap",
)
START_MS = 1_767_225_600_000  # 2026-01-01


def ari(labels_a: Sequence[Hashable], labels_b: Sequence[Hashable]) -> float:
    """Adjusted Rand index by Hubert and Arabie's pair counts: 1 the same partition, 0 by chance."""

    def pairs(counts: Counter[Hashable]) -> float:
        return sum(n * (n - 1) / 2 for n in counts.values())

    both = pairs(Counter(zip(labels_a, labels_b, strict=True)))
    in_a, in_b = pairs(Counter(labels_a)), pairs(Counter(labels_b))
    by_chance = in_a * in_b / (len(labels_a) * (len(labels_a) - 1) / 2)
    most = (in_a + in_b) / 2
    return 1.0 if most == by_chance else (both - by_chance) / (most - by_chance)


def spheres(seed: int, kinds: int, count: int, deviation: float = 0.12) -> tuple[Floats, list[int]]:
    """Normal clouds of different widths and shares around centres that are well apart."""
    draw = np.random.default_rng(seed)
    while True:
        centres = draw.uniform(0.1, 0.9, (kinds, len(FEATURES)))
        gaps = np.sqrt(((centres[:, None] - centres[None]) ** 2).sum(axis=2))
        if gaps[~np.eye(kinds, dtype=bool)].min() > 0.7:
            break
    truth = draw.choice(kinds, count, p=draw.dirichlet(np.full(kinds, 8.0)))
    widths = draw.uniform(0.5, 1.5, (kinds, len(FEATURES)))[truth] * deviation
    return centres[truth] + draw.normal(0.0, 1.0, (count, len(FEATURES))) * widths, truth.tolist()


def shoppers(seed: int, kinds: int, count: int) -> tuple[Floats, list[int]]:
    """Customers whose counts are Poisson, whose shares are binomial, who differ in how active they
    are, and whose kinds differ in some features only: skewed, discrete, of unequal variance."""
    draw = np.random.default_rng(seed)
    usual = np.array([5.0, 60.0, 25.0, 0.3, 0.35, 0.3, 0.12, 2.5, 0.5, 25.0])
    is_share = np.array(
        [name in {"discount", "evening", "weekend", "returns", "mobile"} for name in FEATURES]
    )
    kind = np.repeat(usual[None], kinds, axis=0)
    for row in kind:
        for feature in draw.choice(len(FEATURES), draw.integers(4, 7), replace=False):
            high = draw.random() < 0.5
            if is_share[feature]:
                row[feature] = draw.uniform(0.6, 0.85) if high else draw.uniform(0.03, 0.1)
            else:
                row[feature] *= draw.uniform(2.5, 5.0) if high else 1.0 / draw.uniform(2.0, 4.0)
    truth = draw.choice(kinds, count, p=draw.dirichlet(np.full(kinds, 6.0)))
    rates = kind[truth].T
    active = draw.lognormal(0.0, 0.4, count)
    orders = 1 + draw.poisson(rates[0] * active)
    views = orders + draw.poisson(rates[2] * active)

    def scaled(amounts: Floats, most: float) -> Floats:
        return np.minimum(np.log1p(amounts) / most, 1.5)

    def share(rate: Floats, trials: npt.NDArray[np.int64]) -> Floats:
        return (draw.binomial(trials, rate) + 0.5) / (trials + 1)

    columns = [
        scaled(orders, 4.0),
        scaled(rates[1] * draw.lognormal(0.0, 0.4, count), 7.0),
        scaled(views, 6.0),
        share(rates[3], orders),
        share(rates[4], views),
        share(rates[5], views),
        share(rates[6], orders),
        scaled(draw.poisson(rates[7] * np.sqrt(active)), 3.0),
        share(rates[8], views),
        scaled(rates[9] * draw.lognormal(0.0, 0.5, count), 6.0),
    ]
    return np.column_stack(columns), truth.tolist()


def vectors(points: Floats) -> list[Vector]:
    return [tuple(row) for row in points.tolist()]


def batch_kmeans(points: Floats, kinds: int, seed: int, starts: int = 5) -> list[int]:
    """Labels by plain k-means over all points at once, the best of some k-means++ starts."""
    draw = np.random.default_rng(seed)
    best_cost, best_labels = np.inf, np.zeros(len(points), dtype=np.intp)
    for _ in range(starts):
        centres = points[[draw.integers(len(points))]]
        while len(centres) < kinds:
            nearest = _squared(points, centres).min(axis=1)
            following = draw.choice(len(points), p=nearest / nearest.sum())
            centres = np.vstack([centres, points[following]])
        for _ in range(40):
            labels = _squared(points, centres).argmin(axis=1)
            centres = np.vstack(
                [
                    points[labels == k].mean(axis=0) if (labels == k).any() else centres[k]
                    for k in range(kinds)
                ]
            )
        squared = _squared(points, centres)
        if squared.min(axis=1).sum() < best_cost:
            best_cost, best_labels = squared.min(axis=1).sum(), squared.argmin(axis=1)
    return best_labels.tolist()


def _squared(points: Floats, centres: Floats) -> Floats:
    return np.stack([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
