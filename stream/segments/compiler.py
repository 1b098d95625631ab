"""Conditions into code: one function a unit, one pass over its leaves.

A unit is a definition alone, or all definitions of an exclusive group. Its function evaluates
every leaf of one row at one instant and returns

    bits     two bits a leaf: 0 unknown, 1 false, 3 true
    flip_ms  the earliest later instant at which time alone turns a leaf, or NEVER_MS
    verdict  for a single definition 1 in, -1 out, 0 as it is; for a group the number of the
             first definition that holds; where none does, -1 less a bit for each of which it is
             known that it does not: its members leave, those of the others stay

Each time leaf `since(x) >= d` is inverted to the instant x + d, so that nothing is ever polled.
The code is made of text that the condition parser has checked, never of a definition's own text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from math import ceil, floor
from operator import or_
from typing import Any

import msgspec

from stream.clock import NEVER_MS
from stream.features.catalogue import FEATURES, FUNCTIONS
from stream.features.registry import Feature, Registry
from stream.segments.conditions import (
    LEAVES_MAX,
    Comparison,
    Condition,
    InSegment,
    Leaf,
    Tree,
)
from stream.segments.leaf_code import (
    FALSE,
    TRUE,
    LeafCode,
    feature_loads,
    leaf_code,
    mark,
    past_loads,
    rank_of,
    value_lines,
)
from stream.segments.measures import Measure
from stream.segments.stay import Stay
from stream.segments.unit import Clause, Unit
from stream.state.fold import CONSENT, TIME
from stream.state.row import Row


class Rule(msgspec.Struct, frozen=True):
    """A parsed definition, ready to compile; nobody is told of a silent one."""

    segment: str
    enter: Condition
    exit: Condition | None
    stay: Stay | None = None
    is_silent: bool = False
    jitter_ms: int = 0

    @property
    def depends(self) -> frozenset[str]:
        """The segments that its conditions ask for."""
        leaves = (leaf for condition in self.conditions for leaf in condition.leaves)
        return frozenset(leaf.segment for leaf in leaves if isinstance(leaf, InSegment))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The one to enter, and the one to leave where there is one."""
        return (self.enter,) if self.exit is None else (self.enter, self.exit)

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features that its conditions make themselves."""
        return tuple(feature for condition in self.conditions for feature in condition.features)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What its conditions need to be kept of events."""
        return tuple(measure for condition in self.conditions for measure in condition.measures)


class TooManyLeavesError(ValueError):
    """Definitions that are decided together ask more than a row has room for."""


def compile_unit(
    rules: tuple[Rule, ...], *, exclusive: bool, parts_of: Mapping[str, int] | None = None
) -> Unit:
    """The unit of one rule, or of all rules of an exclusive group in their order.

    `parts_of` tells of the segments that they ask for which parts of a row can turn them.

    Raises
    ------
    TooManyLeavesError
        For more than `LEAVES_MAX` different comparisons.
    """
    leaves: list[Leaf] = []
    clauses: list[Clause] = []
    trees: list[tuple[Tree, Tree | None]] = []
    for rule in rules:
        numbers: list[int] = []
        enter = _renumber(rule.enter, leaves, numbers)
        leave = _renumber(rule.exit, leaves, numbers) if rule.exit is not None else None
        clauses.append(Clause(rule.segment, tuple(dict.fromkeys(numbers))))
        trees.append((enter, leave))
    if len(leaves) > LEAVES_MAX:
        raise TooManyLeavesError(f"{len(leaves)} different comparisons; {LEAVES_MAX} are decided")
    registry = registry_of(rules)
    coded = tuple(leaf_code(n, leaf, registry, parts_of) for n, leaf in enumerate(leaves))
    features = tuple(dict.fromkeys(feature for leaf in coded for feature in leaf.features))
    verdict_code = _group_verdict(trees) if exclusive else _single_verdict(*trees[0])
    truths = [line for leaf in coded for line in leaf.lines]
    shown = [line for n, leaf in enumerate(leaves) for line in value_lines(n, leaf, registry)]
    source = "\n".join(
        [
            "def evaluate(row, now, thresholds):",
            *past_loads(truths),
            *feature_loads(features, truths),
            "    flip = NEVER_MS",
            *truths,
            f"    return {bits_code(range(len(coded)))}, flip, {verdict_code}",
            "",
            "def values(row, now, thresholds):",
            *feature_loads(features, shown),
            *shown,
            f"    return ({', '.join(f'v{number}' for number in range(len(leaves)))},)",
        ]
    )
    scope = run_source(source + "\n", clauses[0].segment)
    return Unit(
        clauses=tuple(clauses),
        texts=tuple(leaf.text for leaf in leaves),
        # A change that waits is asked for again by a timer, whatever its leaves read.
        parts=reduce(or_, (leaf.parts for leaf in coded), TIME if rules[0].stay else 0),
        population=tuple(_population(leaves)),
        exclusive=exclusive,
        evaluate=scope["evaluate"],
        values=scope["values"],
        source=source,
        leaves=coded,
        verdict_code=verdict_code,
        depends=frozenset().union(*(rule.depends for rule in rules)),
        measures=tuple(dict.fromkeys(measure for rule in rules for measure in rule.measures)),
        stay=rules[0].stay,
        is_silent=rules[0].is_silent,
        asked=tuple(leaves),
        trees=tuple(trees),
        consent_bits=sum(mark(n, TRUE) for n, leaf in enumerate(coded) if asks_for_consent(leaf)),
    )


def registry_of(rules: tuple[Rule, ...]) -> Registry:
    """All features that the rules can read: the registered ones, and those that they make."""
    made = {feature.name: feature for rule in rules for feature in rule.features}
    return {**FEATURES, **made}


def _renumber(condition: Condition, leaves: list[Leaf], numbers: list[int]) -> Tree:
    """The condition's tree over the unit's common list of leaves."""
    mapped: list[int] = []
    for leaf in condition.leaves:
        if leaf not in leaves:
            leaves.append(leaf)
        mapped.append(leaves.index(leaf))
    numbers.extend(mapped)

    def walk(tree: Tree) -> Tree:
        parts = tuple(mapped[p] if isinstance(p, int) else walk(p) for p in tree.parts)
        return Tree(tree.op, parts)

    return walk(condition.tree)


def asks_for_consent(leaf: LeafCode) -> bool:
    """Whether it is the leaf of a definition's `needs`."""
    return any(feature.parts == CONSENT for feature in leaf.features)


def bits_code(numbers: Iterable[int]) -> str:
    """Expression of these leaves' bits; none overlap, and `+` costs half of what `|` does."""
    return " + ".join(f"l{number}" for number in numbers)


def _population(leaves: list[Leaf]) -> list[tuple[str, float]]:
    return [
        (leaf.left.percentile, rank_of(leaf))
        for leaf in leaves
        if isinstance(leaf, Comparison) and leaf.left.percentile
    ]


def run_source(source: str, name: str, **known: Any) -> dict[str, Any]:
    """Compile statements of our own making, and what they define; they may use what is known."""
    scope = {**FUNCTIONS, "ceil": ceil, "floor": floor, "NEVER_MS": NEVER_MS, **known}
    exec(compile(source, f"<{name}>", "exec"), scope)  # noqa: S102 own text
    return scope


def _single_verdict(enter: Tree, leave: Tree | None) -> str:
    out = _true(leave) if leave is not None else _false(enter)
    return f"(-1 if {out} else 1 if {_true(enter)} else 0)"


def _group_verdict(trees: list[tuple[Tree, Tree | None]]) -> str:
    found = "".join(f"{number} if {_true(enter)} else " for number, (enter, _) in enumerate(trees))
    ended = "".join(
        f" - ({1 << number} if {_false(enter)} else 0)" for number, (enter, _) in enumerate(trees)
    )
    return f"({found}-1{ended})"


def is_known_out(verdict: int, position: int) -> bool:
    """Whether a group's verdict says of its definition at a position that it does not hold.

    >>> is_known_out(-1 - 0b10, 1), is_known_out(-1 - 0b10, 0), is_known_out(1, 0)
    (True, False, False)
    """
    return verdict < 0 and bool((-1 - verdict) >> position & 1)


def said_of(unit: Unit, verdict: int, position: int) -> int:
    """What a unit's verdict says of its definition at a position: 1 in, -1 out, 0 as it is."""
    if not unit.exclusive:
        return verdict
    if verdict == position:
        return 1
    return -1 if verdict >= 0 or is_known_out(verdict, position) else 0


def _true(tree: Tree | int) -> str:
    """Code for: known to be true."""
    if isinstance(tree, int):
        return f"l{tree} == {mark(tree, TRUE)}"
    if tree.op == "not":
        return _false(tree.parts[0])
    return "(" + f" {tree.op} ".join(_true(part) for part in tree.parts) + ")"


def _false(tree: Tree | int) -> str:
    """Code for: known to be false."""
    if isinstance(tree, int):
        return f"l{tree} == {mark(tree, FALSE)}"
    if tree.op == "not":
        return _true(tree.parts[0])
    joined = " or " if tree.op == "and" else " and "
    return "(" + joined.join(_false(part) for part in tree.parts) + ")"


def value_of(feature: str) -> Callable[[Row], float | None]:
    """A function that gives one feature of a row."""
    code = compile(f"lambda row: {FEATURES[feature].code}", f"<{feature}>", "eval")
    return eval(code, dict(FUNCTIONS))  # type: ignore[no-any-return]  # noqa: S307 registry's code
