"""Merges the micro-clusters of all partitions into four to six clusters that keep their identity.

Weighted k-means on the micro-clusters' centres has the same optimum as on their points, as far as
the points of a micro-cluster belong together: the scatter within adds a constant. From the same
summaries and the same previous model come the same bytes, in whatever order the summaries are: they
are sorted first, and the numbers that go out are rounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import dist
from typing import NamedTuple

import numpy as np

from stream.clustering.identity import matched
from stream.clustering.kmeans import (
    Fit,
    Floats,
    fit,
    settle,
    silhouettes,
    squared_distances,
)
from stream.clustering.model import ClusterModel, Trait, decode_model, encode_model
from stream.clustering.naming import named, ranked, worded
from stream.clustering.summary import HALF_LIFE_MS, Summary, decode_summary

K_MIN = 4
K_MAX = 6
"""Fewer say too little, more are not remembered by those who work with them."""

K_STICKINESS = 0.05
"""Another number of clusters is taken when its silhouette is better by this much: a tenth of what a
shop's clusters reach. From day to day the differences between the silhouettes of 4, 5 and 6 move by
less than 0.01, by 0.02 where a fit reaches another optimum."""

OPTIMUM_STICKINESS = 0.03
"""Another optimum than the one reached from the present centroids is taken when it explains the
points better by this ratio: a fifth of all customers would move. With both, 17 versions of a
simulated shop's first four weeks moved 0.3% of the other customers at most; with 0.01 and 0.02 one
of them moved 22%."""

SHARE_MIN = 0.02
"""A handful of odd customers is no segment: a k that gives a cluster less than this share of the
weight is passed over, and where every k does, the odd ones are set aside."""

CLUSTER_WEIGHT_MIN = 30.0
"""A cluster weighs more than any one customer can, so that nobody is told apart by it: with points
all day long 0.69 a day (`news`) fade with a half-life of 30 days, to a sum of 0.69 x 43. Who was
erased fades at that rate too; no id stands in what is learned."""

ODD_ROUNDS_MAX = 5
"""How often odd ones are set aside before a model is given up for now; each time at most 5 times 2%
of the weight."""

WEIGHT_MIN = 200.0
"""Least weight to form a model: some 30 points for each of 6 clusters, so that a mean of features
that deviate by 0.2 is known to about 0.04."""

MICRO_MIN = 2 * K_MAX
"""Least number of micro-clusters: with fewer the customers hardly differ."""

MOVED_MIN = 0.01
"""A model whose centroids all moved less than this (1% of a feature's range) is not announced:
every version costs a sweep over all customers."""

NOISE_ERRORS = 2.0
"""Nor one that moved less than so many standard errors, spread / sqrt(weight), of the centroid."""

REACH = 2.0
"""Points beyond so many spreads of a former cluster were never its own, even if none was nearer:
what forms far out is a new cluster."""

DECIMALS = 6
"""Digits of what goes out: the last bits of a sum may differ between processors, these do not."""

SEED = 20_260_401

Row = tuple[tuple[float, ...], float, tuple[float, ...]]
"""Centre, weight and scatter of a micro-cluster."""


class Pool(NamedTuple):
    """The micro-clusters of all partitions as of one instant: a row each, in canonical order."""

    centres: Floats
    weights: Floats
    scatters: Floats
    as_of_ms: int


def merge(
    summaries: Sequence[bytes], previous: bytes | None, features: tuple[str, ...]
) -> bytes | None:
    """The next cluster model.

    Parameters
    ----------
    summaries
        What the partitions' learners have learned. Of several of one partition the latest counts.
    previous
        The model in force: its clusters keep their ids and, while they fit, their names. One of
        other features only keeps its ids from being given again.
    features
        Names of the vector's features; micro-clusters of another length are left out.

    Returns
    -------
    bytes or None
        Content of a version (`decode_model` reads it), or None where there is nothing to announce:
        too little data (`WEIGHT_MIN`, `MICRO_MIN`), or nothing that moved (`MOVED_MIN`). 512
        micro-clusters of 8 partitions take about 0.1 s.

    Raises
    ------
    UnreadableSummaryError, UnreadableModelError
        Bytes of another kind or of a later version.
    """
    pool = pooled(summaries, len(features))
    former = decode_model(previous) if previous is not None else None
    if len(pool.weights) < MICRO_MIN or float(pool.weights.sum()) < WEIGHT_MIN:
        return None
    comparable = former if former is not None and former.features == features else None
    clustered = _clustered(pool, comparable)
    if clustered is None:
        return None
    next_number = former.next_number if former is not None else 1
    model = _described(*clustered, features, comparable, next_number)
    if comparable is not None and not _moved(model, comparable):
        return None
    return encode_model(model)


def pooled(summaries: Sequence[bytes], dimensions: int) -> Pool:
    """The micro-clusters of all partitions, with their weights as of the latest event time."""
    latest: dict[int, Summary] = {}
    for summary in sorted(map(decode_summary, sorted(summaries)), key=_progress):
        latest[summary.partition] = summary
    as_of_ms = max((summary.last_ms for summary in latest.values()), default=0)
    rows = sorted(
        row for summary in latest.values() for row in _rows(summary, as_of_ms, dimensions)
    )
    return Pool(
        centres=np.array([centre for centre, _, _ in rows]).reshape(-1, dimensions),
        weights=np.array([weight for _, weight, _ in rows]),
        scatters=np.array([scatter for _, _, scatter in rows]).reshape(-1, dimensions),
        as_of_ms=as_of_ms,
    )


def _progress(summary: Summary) -> tuple[int, int]:
    return summary.last_ms, summary.seen


def _rows(summary: Summary, as_of_ms: int, dimensions: int) -> Iterator[Row]:
    faded = 2.0 ** ((summary.landmark_ms - as_of_ms) / HALF_LIFE_MS)
    for kept in summary.clusters:
        weight = kept.weight * faded
        if weight > 0.0 and len(kept.centre) == dimensions:
            yield kept.centre, weight, tuple(faded * scatter for scatter in kept.scatter)


def _clustered(pool: Pool, former: ClusterModel | None) -> tuple[Pool, Fit] | None:
    """The clusters, and the micro-clusters they were made of: those of odd customers are left out.

    None where there are fewer than `K_MIN` different points, or hardly any but odd ones.
    """
    for _ in range(ODD_ROUNDS_MAX):
        different = len(np.unique(pool.centres, axis=0))
        fits = {k: _fitted(pool, k, former) for k in range(K_MIN, K_MAX + 1) if k <= different}
        if not fits:
            return None
        shares = {k: _held(pool, one) / pool.weights.sum() for k, one in fits.items()}
        least = max(SHARE_MIN, CLUSTER_WEIGHT_MIN / float(pool.weights.sum()))
        substantial = {k: one for k, one in fits.items() if shares[k].min() >= least}
        if substantial:
            return pool, substantial[_number(pool, substantial, former)]
        usual = shares[K_MIN][fits[K_MIN].labels] >= least
        pool = Pool(pool.centres[usual], pool.weights[usual], pool.scatters[usual], pool.as_of_ms)
    return None


def _number(pool: Pool, fits: dict[int, Fit], former: ClusterModel | None) -> int:
    """The number of clusters that stand apart best, the former one if another is hardly better."""
    judged = silhouettes(pool.centres, pool.weights, list(fits.values()))
    apart = dict(zip(fits, judged, strict=True))
    chosen = max(apart, key=lambda k: apart[k])
    former_k = len(former.ids) if former is not None else chosen
    return former_k if apart.get(former_k, -1.0) + K_STICKINESS >= apart[chosen] else chosen


def _fitted(pool: Pool, k: int, former: ClusterModel | None) -> Fit:
    anew = fit(pool.centres, pool.weights, k, SEED)
    if former is None or len(former.ids) != k:
        return anew
    onward = settle(pool.centres, pool.weights, np.array(former.centroids))
    return onward if onward.inertia <= anew.inertia * (1.0 + OPTIMUM_STICKINESS) else anew


def _held(pool: Pool, fitted: Fit) -> Floats:
    """The weight of each cluster."""
    held = np.bincount(fitted.labels, weights=pool.weights, minlength=len(fitted.centroids))
    return held.astype(np.float64)


def _described(
    pool: Pool, fitted: Fit, features: tuple[str, ...], former: ClusterModel | None, number: int
) -> ClusterModel:
    """The model with ids and names: clusters that go on come first, in their former order.

    `number` is the one that the first new cluster gets.
    """
    weights = _held(pool, fitted)
    continued = _continued(pool, fitted, former)
    order = sorted(
        range(len(weights)),
        key=lambda new: (continued.get(new, K_MAX), -weights[new], *fitted.centroids[new]),
    )
    ids = []
    former_traits: list[tuple[Trait, ...] | None] = []
    for new in order:
        if former is not None and new in continued:
            ids.append(former.ids[continued[new]])
            former_traits.append(former.traits[continued[new]])
        else:
            ids.append(f"c{number}")
            former_traits.append(None)
            number += 1
    centroids = fitted.centroids[order]
    rankings = [ranked(row, features) for row in _deviations(pool, centroids)]
    traits = named(rankings, former_traits)
    return ClusterModel(
        features=features,
        ids=tuple(ids),
        names=worded(traits, ids),
        traits=tuple(traits),
        centroids=tuple(tuple(row) for row in centroids.round(DECIMALS).tolist()),
        weights=tuple(weights[order].round(DECIMALS).tolist()),
        spreads=tuple(_spreads(pool, fitted)[order].round(DECIMALS).tolist()),
        next_number=number,
        as_of_ms=pool.as_of_ms,
    )


def _continued(pool: Pool, fitted: Fit, former: ClusterModel | None) -> dict[int, int]:
    """New cluster -> the former one that it continues.

    What is beyond the reach of every former cluster is counted as shared with one more, nobody's.
    """
    if former is None:
        return {}
    squared = squared_distances(pool.centres, np.array(former.centroids))
    nearest = squared.argmin(axis=1)
    reach = REACH * np.array(former.spreads)
    nobody = len(former.ids)
    olds = np.where(np.sqrt(squared.min(axis=1)) <= reach[nearest], nearest, nobody)
    shared = np.zeros((len(fitted.centroids), nobody + 1))
    np.add.at(shared, (fitted.labels, olds), pool.weights)
    found = matched(shared[:, :nobody].tolist(), shared.sum(axis=1).tolist())
    return {new: old for new, old in enumerate(found) if old is not None}


def _spreads(pool: Pool, fitted: Fit) -> Floats:
    squared = squared_distances(pool.centres, fitted.centroids).min(axis=1) * pool.weights
    sums = squared + pool.scatters.sum(axis=1)
    totals = np.bincount(fitted.labels, weights=sums, minlength=len(fitted.centroids))
    spreads: Floats = np.sqrt(totals / _held(pool, fitted))
    return spreads


def _deviations(pool: Pool, centroids: Floats) -> list[list[float]]:
    """Of each centroid from everybody's mean, in everybody's standard deviations."""
    total = pool.weights.sum()
    shares = pool.weights[:, None] / total
    mean = (pool.centres * shares).sum(axis=0)
    between = ((pool.centres - mean) ** 2 * shares).sum(axis=0)
    deviation = np.sqrt(between + pool.scatters.sum(axis=0) / total)
    z: Floats = (centroids - mean) / np.where(deviation > 0.0, deviation, 1.0)
    rounded: list[list[float]] = z.round(DECIMALS).tolist()
    return rounded


def _moved(model: ClusterModel, former: ClusterModel) -> bool:
    if model.ids != former.ids:
        return True
    noise = [
        NOISE_ERRORS * spread / weight**0.5
        for spread, weight in zip(model.spreads, model.weights, strict=True)
    ]
    pairs = zip(model.centroids, former.centroids, noise, strict=True)
    return any(dist(new, old) >= max(MOVED_MIN, error) for new, old, error in pairs)
