"""Conditions: a safe subset of Python expressions, parsed with `ast` and checked against the
feature registry.

A condition is a tree of `and`, `or`, `not` over leaves. A leaf compares two sides. A side is
arithmetic over numbers, durations, settings and features, or one of

    since(INSTANT)            time since an instant, alone on its side
    until(INSTANT)            time until an instant, alone on its side
    percentile(FEATURE)       where the customer stands among all, alone, against a number
    in_segment("NAME")        a leaf by itself
    trait("NAME")             what the shop or the customer says, compared or by itself
    count(EVENT, ...)         and the other measures of past events (measures.py)
    bought(...), habit(...)   written shorter (sugar.py)

Durations are written `2 * DAY`; all times are milliseconds inside. Amounts of money are written in
units of the currency. What the stream does not carry is unknown, and so is what cannot be computed
from what it carries, such as a share of nothing; a leaf with an unknown side is unknown: neither
true nor false.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

import msgspec

from stream.features.registry import Feature
from stream.segments.arithmetic import Arithmetic
from stream.segments.kinds import (
    DURATION,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    TRAIT,
    ConditionError,
)
from stream.segments.measures import Measure
from stream.segments.sugar import expand

DEPTH_MAX = 20
LEAVES_MAX = 31
"""Leaves that are decided together: two bits each in a row's 64-bit number, which has one more for
a change that waits (engine/lifecycle.py)."""

_COMPARISONS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
COUNTABLE = frozenset({"count", "duration", "micros"})
"""Units of whole numbers, of which it can be said where one stands among all."""

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Side(msgspec.Struct, frozen=True):
    """One side of a comparison as code over feature variables `f_...`.

    `kind` is number, duration, instant, flag or text; the sides of a comparison are of one kind.
    """

    code: str
    features: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    percentile: str | None = None
    constant: float | None = None
    kind: str = NUMBER

    @property
    def is_alone(self) -> bool:
        """Whether nothing is computed with it."""
        return bool(self.since or self.until or self.percentile)


class Comparison(msgspec.Struct, frozen=True):
    """A leaf: `left OP right`; a since() or percentile() stands on the left."""

    text: str
    left: Side
    op: str
    right: Side


class InSegment(msgspec.Struct, frozen=True):
    """A leaf: membership of another segment, by the row's dictionary of that name."""

    text: str
    segment: str
    where: str = "segments"


class Calendar(msgspec.Struct, frozen=True):
    """A leaf that turns true at an instant, for everybody."""

    text: str
    at_ms: int


Leaf = Comparison | InSegment | Calendar


class Tree(msgspec.Struct, frozen=True):
    """`and`, `or`, `not` over trees and leaf numbers."""

    op: str
    parts: tuple[Tree | int, ...]


class Condition(msgspec.Struct, frozen=True):
    """A tree over leaves; `features` are those that it makes itself, `measures` what they need."""

    tree: Tree
    leaves: tuple[Leaf, ...]
    features: tuple[Feature, ...] = ()
    measures: tuple[Measure, ...] = ()


def parse(text: str, settings: Mapping[str, float]) -> Condition:
    """The condition of a text.

    Raises
    ------
    ConditionError
        With the column of the offending name and the nearest right one.
    """
    source = text.strip()
    try:
        tree = ast.parse(source, mode="eval")
    except SyntaxError as error:
        column = max((error.offset or 1) - 1, 0)
        raise ConditionError(f"does not read as a condition: {error.msg}", column) from None
    except (RecursionError, MemoryError, ValueError):
        raise ConditionError("does not read as a condition: too deep, or no text", 0) from None
    parser = _Parser(source, settings)
    root = parser.tree(tree.body, 0)
    if isinstance(root, int):
        root = Tree("and", (root,))
    arithmetic = parser.arithmetic
    measures = {read.measure.key: read.measure for read in arithmetic.measures.reads.values()}
    return Condition(
        root,
        tuple(parser.leaves),
        tuple(arithmetic.features.values()),
        tuple(measures.values()),
    )


class _Parser:
    def __init__(self, source: str, settings: Mapping[str, float]) -> None:
        self.source = source
        self.arithmetic = Arithmetic(source, settings)
        self.leaves: list[Leaf] = []

    def tree(self, node: ast.expr, depth: int) -> Tree | int:
        if depth > DEPTH_MAX:
            raise ConditionError(f"is nested deeper than {DEPTH_MAX}; split it", node.col_offset)
        node = expand(node)
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return Tree("and", tuple(self.tree(value, depth + 1) for value in values))
            case ast.BoolOp(values=values):
                return Tree("or", tuple(self.tree(value, depth + 1) for value in values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Tree("not", (self.tree(operand, depth + 1),))
            case _:
                return self.leaf(node)

    def leaf(self, node: ast.expr) -> int:
        text = self.text(node)
        found: Leaf
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                found = self.comparison(text, node, left, type(op), right)
            case ast.Call(
                func=ast.Name(id="in_segment"), args=[ast.Constant(value=str(name))], keywords=[]
            ):
                found = InSegment(text, name)
            case ast.Call(func=ast.Name(id="trait" | "sequence" as word)):
                arithmetic = self.arithmetic
                of_trait = word == "trait"
                flag = arithmetic.trait(node, FLAG) if of_trait else arithmetic.happened(node)
                code, _ = arithmetic.reading(flag, [])
                said = Side(code, (flag.name,), kind=FLAG)
                found = Comparison(text, said, "==", Side("True", kind=FLAG))
            case ast.Attribute() | ast.Name():
                side = self.side(node)
                if side.kind != FLAG:
                    raise ConditionError(
                        f"{text!r} is a {side.kind}; compare it, as in cart.items > 0",
                        node.col_offset,
                    )
                found = Comparison(text, side, "==", Side("True", kind=FLAG))
            case _:
                raise ConditionError(
                    f"{text!r} is no comparison; write one like cart.items > 0", node.col_offset
                )
        if found in self.leaves:
            return self.leaves.index(found)
        if len(self.leaves) >= LEAVES_MAX:
            raise ConditionError(f"has more than {LEAVES_MAX} comparisons", node.col_offset)
        self.leaves.append(found)
        return len(self.leaves) - 1

    def comparison(
        self, text: str, node: ast.Compare, left: ast.expr, op: type[ast.cmpop], right: ast.expr
    ) -> Comparison:
        if op not in _COMPARISONS:
            raise ConditionError("compares with an operator that is not offered", node.col_offset)
        one, other, sign = self.side(left), self.side(right), _COMPARISONS[op]
        if TRAIT in (one.kind, other.kind):
            one, other = self.trait_sides((left, one), (right, other), node)
        if other.is_alone or (other.features and not (one.features or one.is_alone)):
            # What is compared stands on the left: evidence shows its value, not the constant's.
            one, other, sign = other, one, _MIRRORED[sign]
        if other.is_alone:
            raise ConditionError(
                "has since(), until() or percentile() on both sides", node.col_offset
            )
        self.expect_comparable(one, sign, other, node)
        if (one.since or one.until) and sign in ("==", "!="):
            raise ConditionError("compares a time for equality; use >= or <", node.col_offset)
        rank = other.constant
        if one.percentile and (sign not in (">=", "<") or rank is None or not 0 <= rank <= 1):
            raise ConditionError(
                "percentile() goes with >= or < and a number from 0 to 1, as in "
                "percentile(orders.revenue) >= 0.9",
                node.col_offset,
            )
        return Comparison(text, one, sign, other)

    def trait_sides(
        self, left: tuple[ast.expr, Side], right: tuple[ast.expr, Side], node: ast.expr
    ) -> tuple[Side, Side]:
        """Both sides, where a trait is of the kind that the other one has."""
        kinds = {left[1].kind, right[1].kind} - {TRAIT}
        kind = kinds.pop() if kinds else TEXT
        if kind not in (NUMBER, TEXT, FLAG):
            raise ConditionError(
                f"compares a trait with a {kind}; traits are numbers, texts and flags",
                node.col_offset,
            )
        sides: list[Side] = []
        for at, side in (left, right):
            if side.kind == TRAIT and isinstance(at, ast.Call):
                feature = self.arithmetic.trait(at, kind)
                code, _ = self.arithmetic.reading(feature, [])
                sides.append(Side(code, (feature.name,), kind=kind))
            else:
                sides.append(side)
        return sides[0], sides[1]

    def text(self, node: ast.expr) -> str:
        """A part of the condition as evidence shows it."""
        if getattr(node, "is_expanded", False):
            return ast.unparse(node)
        return ast.get_source_segment(self.source, node) or ""

    def expect_comparable(self, one: Side, sign: str, other: Side, node: ast.expr) -> None:
        timeless = {one.kind, other.kind} == {NUMBER, DURATION} and 0 in (
            one.constant,
            other.constant,
        )
        if one.kind != other.kind and not timeless:
            hint = "; write since() around the instant" if INSTANT in (one.kind, other.kind) else ""
            if {one.kind, other.kind} == {NUMBER, DURATION}:
                hint = "; write a time like 30 * DAY"
            raise ConditionError(
                f"compares a {one.kind} with a {other.kind}{hint}", node.col_offset
            )
        if one.kind in (FLAG, TEXT) and sign not in ("==", "!="):
            raise ConditionError(f"compares a {one.kind} by {sign}; use == or !=", node.col_offset)

    def side(self, node: ast.expr) -> Side:
        match node:
            case ast.Call(func=ast.Name(id="since" | "until" as word), args=[of], keywords=[]):
                feature = self.arithmetic.feature(of)
                if feature.unit != "instant":
                    text = ast.get_source_segment(self.source, of)
                    raise ConditionError(
                        f"{word}() needs an instant and {text} is a {feature.unit}", of.col_offset
                    )
                if word == "since":
                    return Side("", since=feature.name, kind=DURATION)
                return Side("", until=feature.name, kind=DURATION)
            case ast.Call(func=ast.Name(id="percentile"), args=[of], keywords=[]):
                feature = self.arithmetic.feature(of)
                if feature.measure:
                    raise ConditionError(
                        "percentile() goes with the features of `shoal segments features`, "
                        "not with measures of events", of.col_offset,
                    )  # fmt: skip
                if feature.unit not in COUNTABLE:
                    raise ConditionError(
                        f"percentile() needs a count, duration or amount and {feature.name} is "
                        f"a {feature.unit}",
                        of.col_offset,
                    )
                return Side("", percentile=feature.name)
            case ast.Call(func=ast.Name(id="trait")):
                return Side("", kind=TRAIT)
        used: list[str] = []
        code, kind = self.arithmetic.value(expand(node), used)
        constant = self.arithmetic.constant(node)
        return Side(code, tuple(dict.fromkeys(used)), constant=constant, kind=kind)
