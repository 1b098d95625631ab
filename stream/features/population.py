"""Where a value stands among all customers: histograms that add up, and their quantiles.

Values are counted in buckets whose bounds grow by 2%, as in DDSketch (Masson, Rim and Lee, 2019):
a quantile is right to 1% of its value, and the histogram of a shop is the plain sum of its
partitions' histograms, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, floor, log

GROWTH = 1.02
_LOG_GROWTH = log(GROWTH)
CUSTOMERS_MIN = 20
"""Under so many customers a percentile says nothing and stays unknown."""


def bucket_of(value: float) -> int:
    """The bucket of a positive value: bucket b holds GROWTH**(b-1) < value <= GROWTH**b."""
    return ceil(round(log(value) / _LOG_GROWTH, 9))


def lower_bound(bucket: int) -> int:
    """The largest integer value below the bucket; a value above it is in the bucket or beyond.

    >>> bucket_of(lower_bound(800)), bucket_of(lower_bound(800) + 1)
    (799, 800)
    """
    bound = floor(GROWTH ** (bucket - 1))
    while bound > 0 and bucket_of(bound) >= bucket:
        bound -= 1
    while bucket_of(bound + 1) < bucket:
        bound += 1
    return bound


def add_counts(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The sum of histograms, without empty buckets."""
    total: dict[int, int] = {}
    for histogram in histograms:
        for bucket, count in histogram.items():
            total[bucket] = total.get(bucket, 0) + count
    return {bucket: count for bucket, count in total.items() if count}


def threshold(histogram: Mapping[int, int], rank: float) -> int | None:
    """A value above this one belongs to the top `1 - rank` of customers; None while unknown.

    The bucket in which the rank falls counts as reached, so slightly more than the top share may
    be above: by at most the customers of one 2% bucket.
    """
    total = sum(histogram.values())
    if total < CUSTOMERS_MIN:
        return None
    below = 0
    for bucket in sorted(histogram):
        below += histogram[bucket]
        if below > rank * total:
            return lower_bound(bucket)
    return lower_bound(max(histogram) + 1)
