"""Independent streams of randomness from one seed, each a function of what it is for.

A stream is named by numbers (which use, whose, the how manieth), never by the order in which
streams are asked for: so customer 7 does the same in a shop of 10 as in one of 10,000, and no
stream needs to be kept. `Random.seed` of an integer is stable over Python versions and knows no
hash of the process.
"""

from __future__ import annotations

CATALOGUE = 1
PORTRAIT = 2
SCENE = 3
FAULTS = 4
HABITS = 5

INDEX_MAX = 1 << 40
STEP_MAX = 1 << 20


def seed_of(seed: int, use: int, index: int, step: int = 0) -> int:
    """An integer for `Random.seed`, different for each combination.

    >>> seed_of(1, SCENE, 7, 0) == seed_of(1, SCENE, 6, 1)
    False
    """
    return (((seed << 4 | use) << 40) + index << 20) + step
