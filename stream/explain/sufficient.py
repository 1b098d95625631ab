"""Which comparisons would have to turn, the fewest first, for a definition's verdict to be another.

Pure logic over the unit's trees: whether events can turn them, and what else those would turn, is
tried on copies of the row (ways.py).
"""

from __future__ import annotations

from itertools import product

from stream.segments.conditions import Tree
from stream.segments.unit import Unit

SETS_MAX = 24
LEAVES_MAX = 4
"""Of more comparisons that have to turn nobody wants to read."""

Turns = dict[int, bool]
"""Number of a leaf -> the truth that it must come to have."""

Truths = dict[int, bool | None]


def turning_sets(unit: Unit, position: int, truths: Truths, *, entering: bool) -> list[Turns]:
    """Sets of leaves whose turning makes the clause's segment be entered, or left.

    Of an exclusive group, leaving is for another segment to begin, of which this says nothing.
    """
    enter, leave = unit.trees[position]
    if not entering:
        if unit.exclusive:
            return []
        return _best(_ways(enter, truths, want=False) if leave is None
                     else _ways(leave, truths, want=True))  # fmt: skip
    found = _ways(enter, truths, want=True)
    if leave is not None:
        found = _both(found, _not_true(leave, truths))
    if unit.exclusive:
        for above, _ in unit.trees[:position]:
            found = _both(found, _not_true(above, truths))
    return _best(found)


def _not_true(tree: Tree, truths: Truths) -> list[Turns]:
    """What is unknown does not stand in the way."""
    return _ways(tree, truths, want=False, weak=True)


def _ways(tree: Tree | int, truths: Truths, *, want: bool, weak: bool = False) -> list[Turns]:
    """What has to turn for the tree to be `want`; `weak` is content where it is unknown."""
    if isinstance(tree, int):
        is_so = truths[tree] is want or (weak and truths[tree] is None)
        return [{}] if is_so else [{tree: want}]
    if tree.op == "not":
        return _ways(tree.parts[0], truths, want=not want, weak=weak)
    parts = [_ways(part, truths, want=want, weak=weak) for part in tree.parts]
    if (tree.op == "and") == want:
        found: list[Turns] = [{}]
        for part in parts:
            found = _both(found, part)
        return found
    return _best([each for part in parts for each in part])


def _both(some: list[Turns], others: list[Turns]) -> list[Turns]:
    """One of these and one of those, where they do not contradict each other."""
    joined = [
        one | other
        for one, other in product(some, others)
        if all(other.get(leaf, want) == want for leaf, want in one.items())
    ]
    return _best(joined)


def _best(found: list[Turns]) -> list[Turns]:
    """The smallest ones, each once."""
    kept: list[Turns] = []
    for each in sorted(found, key=lambda turns: (len(turns), sorted(turns.items()))):
        if len(each) <= LEAVES_MAX and each not in kept:
            kept.append(each)
    return kept[:SETS_MAX]
