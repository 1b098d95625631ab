"""Which new cluster is which old one: by the customers that they share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

SAME_MIN = 0.2
"""Least part of what two clusters hold together that they must share to be the same one (Jaccard).
A cluster split into three equal parts lives on in one of them (1/3); one that died does not pass
its id to whatever formed elsewhere and took over its last few points."""


def matched(
    shared: Sequence[Sequence[float]], held: Sequence[float] | None = None
) -> list[int | None]:
    """For each new cluster the index of the old one that it continues, None for a new one.

    `shared[new][old]` is the weight that both hold, `held[new]` what the new one holds in all, if
    that is more than what it shares with old ones.

    >>> matched([[0.0, 90.0], [80.0, 5.0], [10.0, 2.0]])
    [1, 0, None]
    """
    held = held or [sum(row) for row in shared]
    found: list[int | None] = []
    for new, old in enumerate(assigned(shared)):
        if old is None:
            found.append(None)
            continue
        both = shared[new][old]
        either = held[new] + sum(row[old] for row in shared) - both
        found.append(old if both > 0.0 and both >= SAME_MIN * either else None)
    return found


def assigned(shared: Sequence[Sequence[float]]) -> list[int | None]:
    """The one-to-one assignment that leaves the most weight under its old id.

    It is what the Hungarian method finds. With at most 6 clusters on a side all 720 are tried in
    2 ms, while scipy.optimize takes a worker 45 MB. Of equal ones the first wins. Where there are
    more new clusters than old ones, None is left to some.
    """
    new_count = len(shared)
    old_count = len(shared[0]) if shared else 0
    size = max(new_count, old_count)
    gain = [
        [shared[new][old] if new < new_count and old < old_count else 0.0 for old in range(size)]
        for new in range(size)
    ]
    chosen = max(
        permutations(range(size)),
        key=lambda olds: sum(gain[new][old] for new, old in enumerate(olds)),
    )
    return [old if old < old_count else None for old in chosen[:new_count]]
