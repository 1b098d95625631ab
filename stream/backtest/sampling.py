"""A sample of the customers by hash: the same ones each time, whatever else is in the history."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from math import sqrt

from xxhash import xxh3_64_intdigest

_SEED = 0x5A3D1E
_HASHES = 1 << 64
Z_95 = 1.96


def place_of(customer: str) -> float:
    """Where a customer stands in 0 to 1, evenly spread and for good.

    A sample of a tenth is those under 0.1, so that it is part of every larger one.
    """
    return xxh3_64_intdigest(customer.encode(), _SEED) / _HASHES


def chosen(customers: Iterable[str], count: int) -> list[str]:
    """Up to `count` of the customers, at random and always the same ones."""
    return heapq.nsmallest(count, customers, key=lambda customer: (place_of(customer), customer))


def estimate(found: int, share: float) -> tuple[int, int]:
    """How many there are where a sample of this share holds `found`, and how far that may be off.

    The second is half of the 95% interval of a binomial draw, by its normal approximation.

    >>> estimate(100, 0.1), estimate(100, 1.0)
    ((1000, 186), (100, 0))
    """
    return round(found / share), round(Z_95 * sqrt(found * (1 - share)) / share)
