"""Conditions into code: one function a unit, one pass over its leaves.

A unit is a definition alone, or all definitions of an exclusive group. Its function evaluates
every leaf of one row at one instant and returns

    bits     two bits a leaf: 0 unknown, 1 false, 3 true
    flip_ms  the earliest later instant at which time alone turns a leaf, or NEVER_MS
    verdict  for a single definition 1 in, -1 out, 0 as it is; for a group the number of the
             first definition that holds, or -1 for as it is

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
from stream.segments.arithmetic import variable
from stream.segments.conditions import (
    LEAVES_MAX,
    Comparison,
    Condition,
    InSegment,
    Leaf,
    Side,
    Tree,
)
from stream.state.fold import EVERYTHING, TIME
from stream.state.row import Row

UNKNOWN, FALSE, TRUE = 0, 1, 3

Value = float | int | str | bool | None
Evaluate = Callable[[Row, int, Mapping[str, int]], tuple[int, int, int]]
Values = Callable[[Row, int, Mapping[str, int]], tuple[Value, ...]]


class Clause(msgspec.Struct, frozen=True):
    """A definition's part in a unit: which leaves its two conditions read."""

    segment: str
    leaves: tuple[int, ...]


class LeafCode(msgspec.Struct, frozen=True):
    """One leaf in code.

    lines     statements that set l0, l1, ... of its number, and lower `flip` where it is timed
    features  names of those that it reads
    parts     of the row, that it reads; `TIME` where time alone can turn it
    """

    lines: tuple[str, ...]
    features: tuple[str, ...]
    parts: int


class Unit(msgspec.Struct, frozen=True):
    """Compiled definitions that are decided together.

    parts         of the row, that its leaves read
    leaves        code of the leaves, by their number
    verdict_code  expression of the verdict
    """

    clauses: tuple[Clause, ...]
    texts: tuple[str, ...]
    parts: int
    population: tuple[tuple[str, float], ...]
    exclusive: bool
    evaluate: Evaluate
    values: Values
    source: str
    leaves: tuple[LeafCode, ...]
    verdict_code: str
    depends: frozenset[str] = frozenset()


class Rule(msgspec.Struct, frozen=True):
    """A parsed definition, ready to compile."""

    segment: str
    enter: Condition
    exit: Condition | None

    @property
    def depends(self) -> frozenset[str]:
        """The segments that its conditions ask for."""
        leaves = (*self.enter.leaves, *(self.exit.leaves if self.exit else ()))
        return frozenset(leaf.segment for leaf in leaves if isinstance(leaf, InSegment))


class TooManyLeavesError(ValueError):
    """Definitions that are decided together ask more than a row has room for."""


def percentile_key(feature: str, rank: float) -> str:
    """The name under which a population version holds the threshold."""
    return f"{feature}:{rank:g}"


def compile_unit(rules: tuple[Rule, ...], *, exclusive: bool) -> Unit:
    """The unit of one rule, or of all rules of an exclusive group in their order.

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
    features = tuple(dict.fromkeys(name for leaf in leaves for name in _features(leaf)))
    coded = tuple(
        LeafCode(tuple(_leaf_lines(n, leaf)), tuple(_features(leaf)), _parts(leaf))
        for n, leaf in enumerate(leaves)
    )
    verdict_code = _group_verdict(trees) if exclusive else _single_verdict(*trees[0])
    source = "\n".join(
        [
            "def evaluate(row, now, thresholds):",
            *feature_loads(features),
            "    flip = NEVER_MS",
            *(line for leaf in coded for line in leaf.lines),
            f"    return {bits_code(range(len(coded)))}, flip, {verdict_code}",
            "",
            *_values_lines(leaves, features),
        ]
    )
    scope = run_source(source + "\n", clauses[0].segment)
    return Unit(
        clauses=tuple(clauses),
        texts=tuple(leaf.text for leaf in leaves),
        parts=reduce(or_, (leaf.parts for leaf in coded)),
        population=tuple(_population(leaves)),
        exclusive=exclusive,
        evaluate=scope["evaluate"],
        values=scope["values"],
        source=source,
        leaves=coded,
        verdict_code=verdict_code,
        depends=frozenset().union(*(rule.depends for rule in rules)),
    )


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


def _features(leaf: Leaf) -> list[str]:
    if isinstance(leaf, InSegment):
        return []
    own = [leaf.left.since, leaf.left.percentile]
    return [*(name for name in own if name), *leaf.left.features, *leaf.right.features]


def _parts(leaf: Leaf) -> int:
    """What can turn the leaf; a membership may change whenever something is decided."""
    if isinstance(leaf, InSegment):
        return EVERYTHING | TIME
    parts = TIME if leaf.left.since else 0
    for name in _features(leaf):
        parts |= FEATURES[name].parts
    return parts


def bits_code(numbers: Iterable[int]) -> str:
    """Expression of these leaves' bits; none overlap, and `+` costs half of what `|` does."""
    return " + ".join(f"l{number}" for number in numbers)


def _population(leaves: list[Leaf]) -> list[tuple[str, float]]:
    return [
        (leaf.left.percentile, _rank(leaf))
        for leaf in leaves
        if isinstance(leaf, Comparison) and leaf.left.percentile
    ]


def _rank(leaf: Comparison) -> float:
    assert leaf.right.constant is not None
    return float(leaf.right.constant)


def run_source(source: str, name: str, **known: Any) -> dict[str, Any]:
    """Compile statements of our own making, and what they define; they may use what is known."""
    scope = {**FUNCTIONS, "ceil": ceil, "floor": floor, "NEVER_MS": NEVER_MS, **known}
    exec(compile(source, f"<{name}>", "exec"), scope)  # noqa: S102 own text
    return scope


def _values_lines(leaves: list[Leaf], features: tuple[str, ...]) -> list[str]:
    return [
        "def values(row, now, thresholds):",
        *feature_loads(features),
        *(line for number, leaf in enumerate(leaves) for line in _value_lines(number, leaf)),
        f"    return ({', '.join(f'v{number}' for number in range(len(leaves)))},)",
    ]


def feature_loads(names: Iterable[str]) -> list[str]:
    """Statements that load the features, each of them and each part of the row once."""
    lines = [f"    {variable(name)} = {FEATURES[name].code}" for name in dict.fromkeys(names)]
    text = "\n".join(lines)
    for part in ("sessions", "cart", "checkout", "browse", "orders", "messages"):
        if text.count(f"row.{part}") > 1:
            text = f"    p_{part} = row.{part}\n" + text.replace(f"row.{part}", f"p_{part}")
    return text.split("\n") if text else []


def _mark(number: int, truth: int) -> int:
    """What `l<number>` holds for a truth: its two bits, in their place already."""
    return truth << (2 * number)


def _single_verdict(enter: Tree, leave: Tree | None) -> str:
    out = _true(leave) if leave is not None else _false(enter)
    return f"(-1 if {out} else 1 if {_true(enter)} else 0)"


def _group_verdict(trees: list[tuple[Tree, Tree | None]]) -> str:
    found = "".join(f"{number} if {_true(enter)} else " for number, (enter, _) in enumerate(trees))
    return f"({found}-1)"


def _leaf_lines(number: int, leaf: Leaf) -> list[str]:
    """Statements that set `l<number>` and lower `flip`."""
    if isinstance(leaf, InSegment):
        yes, no = _mark(number, TRUE), _mark(number, FALSE)
        return [f"    l{number} = {yes} if {leaf.segment!r} in row.segments else {no}"]
    nullable = [name for name in _features(leaf) if FEATURES[name].nullable]
    guard = " or ".join(f"{variable(name)} is None" for name in dict.fromkeys(nullable))
    if leaf.left.since:
        core = _time_leaf(number, leaf)
    elif leaf.left.percentile:
        core = _percentile_leaf(number, leaf)
    else:
        yes, no = _mark(number, TRUE), _mark(number, FALSE)
        core = [f"l{number} = {yes} if {leaf.left.code} {leaf.op} {leaf.right.code} else {no}"]
    if _computes(leaf.left) or _computes(leaf.right):
        core = _attempted(core, f"l{number} = 0")
    if not guard:
        return ["    " + line for line in core]
    return [
        f"    if {guard}:",
        f"        l{number} = 0",
        "    else:",
        *("        " + x for x in core),
    ]


def _computes(side: Side) -> bool:
    """Whether the side is arithmetic over features, which the customer's values may not allow."""
    return bool(side.features) and side.code.startswith("(")


def _attempted(lines: list[str], otherwise: str) -> list[str]:
    """The lines, or `otherwise` for what has no result, such as a share of nothing."""
    return [
        "try:",
        *("    " + line for line in lines),
        "except (ArithmeticError, ValueError):",
        "    " + otherwise,
    ]


def _time_leaf(number: int, leaf: Comparison) -> list[str]:
    """`since(x) >= d` turns true at ceil(x + d), `since(x) > d` one millisecond past x + d."""
    x = variable(leaf.left.since or "")
    constant, code = leaf.right.constant, leaf.right.code
    if leaf.op in (">=", "<"):
        instant = f"{x} + {f'ceil({code})' if constant is None else ceil(constant)}"
    else:
        instant = f"{x} + {f'floor({code}) + 1' if constant is None else floor(constant) + 1}"
    yes, no = _mark(number, TRUE), _mark(number, FALSE)
    past, before = (yes, no) if leaf.op in (">=", ">") else (no, yes)
    return [
        f"at = {instant}",
        "if now >= at:",
        f"    l{number} = {past}",
        "else:",
        f"    l{number} = {before}",
        "    if at < flip:",
        "        flip = at",
    ]


def _percentile_leaf(number: int, leaf: Comparison) -> list[str]:
    key = percentile_key(leaf.left.percentile or "", _rank(leaf))
    yes, no = _mark(number, TRUE), _mark(number, FALSE)
    above, below = (yes, no) if leaf.op == ">=" else (no, yes)
    value = variable(leaf.left.percentile or "")
    return [
        f"threshold = thresholds.get({key!r})",
        "if threshold is None:",
        f"    l{number} = 0",
        "else:",
        f"    l{number} = {above} if {value} > threshold else {below}",
    ]


def _value_lines(number: int, leaf: Leaf) -> list[str]:
    lines = [f"v{number} = {_value(leaf)}"]
    if isinstance(leaf, Comparison) and _computes(leaf.left):
        lines = _attempted(lines, f"v{number} = None")
    return ["    " + line for line in lines]


def _value(leaf: Leaf) -> str:
    """What evidence shows for a leaf: a duration in seconds, a value as it is."""
    if isinstance(leaf, InSegment):
        return f"{leaf.segment!r} in row.segments"
    if leaf.left.since:
        name = variable(leaf.left.since)
        return f"(None if {name} is None else (now - {name}) // 1000)"
    if leaf.left.percentile:
        return _shown(leaf.left.percentile)
    if len(leaf.left.features) == 1 and leaf.left.code == variable(leaf.left.features[0]):
        return _shown(leaf.left.features[0])
    return _guarded(leaf.left)


def _shown(name: str) -> str:
    unit, value = FEATURES[name].unit, variable(name)
    if unit == "micros":
        return f"(None if {value} is None else {value} / 1000000)"
    if unit == "duration":
        return f"(None if {value} is None else {value} // 1000)"
    if unit == "ratio":
        return f"(None if {value} is None else round({value}, 6))"
    return value


def _guarded(side: Side) -> str:
    nullable = [variable(name) for name in side.features if FEATURES[name].nullable]
    # What is computed may be beyond 64 bits, which JSON's readers cannot take.
    shown = f"round(float({side.code}), 6)" if _computes(side) else side.code
    if not nullable:
        return shown
    return f"(None if {' or '.join(f'{name} is None' for name in nullable)} else {shown})"


def _true(tree: Tree | int) -> str:
    """Code for: known to be true."""
    if isinstance(tree, int):
        return f"l{tree} == {_mark(tree, TRUE)}"
    if tree.op == "not":
        return _false(tree.parts[0])
    return "(" + f" {tree.op} ".join(_true(part) for part in tree.parts) + ")"


def _false(tree: Tree | int) -> str:
    """Code for: known to be false."""
    if isinstance(tree, int):
        return f"l{tree} == {_mark(tree, FALSE)}"
    if tree.op == "not":
        return _true(tree.parts[0])
    joined = " or " if tree.op == "and" else " and "
    return "(" + joined.join(_false(part) for part in tree.parts) + ")"


def value_of(feature: str) -> Callable[[Row], float | None]:
    """A function that gives one feature of a row."""
    code = compile(f"lambda row: {FEATURES[feature].code}", f"<{feature}>", "eval")
    return eval(code, dict(FUNCTIONS))  # type: ignore[no-any-return]  # noqa: S307 registry's code
