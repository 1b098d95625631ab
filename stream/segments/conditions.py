"""Conditions: a safe subset of Python expressions, parsed with `ast` and checked against the
feature registry.

A condition is a tree of `and`, `or`, `not` over leaves. A leaf compares two sides. A side is
arithmetic over numbers, durations, settings and features, or one of

    since(INSTANT)            time since an instant, alone on its side
    until(INSTANT)            time until an instant, alone on its side
    percentile(FEATURE)       where the customer stands among all, alone, against a number
    in_segment("NAME")        a leaf by itself
    trait("NAME", DEFAULT)    what the shop or the customer says, compared or by itself
    count(EVENT, ...)         and the other measures of past events (measures.py)
    bought(...), habit(...)   written shorter (sugar.py)

Durations are written `2 * DAY`; all times are milliseconds inside. Amounts of money are written in
units of the currency. What the stream does not carry is unknown, and so is what cannot be computed
from what it carries, such as a share of nothing; a leaf with an unknown side is unknown: neither
true nor false.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping

import msgspec

from stream.events.vocabulary import OWN
from stream.features.registry import Feature
from stream.segments.arithmetic import Arithmetic, expect_countable
from stream.segments.kinds import (
    DURATION,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    TRAIT,
    ConditionError,
    Duration,
    with_article,
)
from stream.segments.measures import Measure
from stream.segments.slips import unreadable
from stream.segments.sugar import expand
from stream.state.room import kept_text

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
    source, body = _read(text)
    parser = _Parser(source, settings)
    try:
        root = parser.tree(body, 0)
    except ConditionError as error:
        raise _counted(error, source) from None
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


def parse_number(text: str, settings: Mapping[str, float]) -> float:
    """The number of a text without features; a `Duration` where it is a time.

    Raises
    ------
    ConditionError
        As `parse`.
    """
    source, body = _read(text)
    arithmetic, used = Arithmetic(source, settings), list[str]()
    try:
        _, kind = arithmetic.value(body, used)
        constant = arithmetic.constant(body)
    except ConditionError as error:
        raise _counted(error, source) from None
    if used or constant is None or kind not in (NUMBER, DURATION):
        raise ConditionError(f"{text!r} is no number or duration such as 3 * DAY", 0)
    return Duration(constant) if kind == DURATION else constant


_BREAK = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|#[^\n]*|\s""")


def _read(text: str) -> tuple[str, ast.expr]:
    """The text as one line, with every character in its place, and its syntax tree."""
    stripped = text.strip()
    source = _BREAK.sub(lambda found: found[1] or " " * len(found[0]), stripped)
    if "\n" not in stripped and len(source.rstrip()) < len(stripped):
        # In a folded text the rest would be lost with it.
        raise ConditionError(
            "has a comment, which ends with a line; write it above, or the text after `|`",
            len(source.rstrip()),
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `"\d"` is a text as any other
            tree = ast.parse(source, mode="eval")
    except SyntaxError as error:
        raise unreadable(source, error) from None
    except (RecursionError, MemoryError, ValueError):
        raise ConditionError("does not read as a condition: too deep, or no text", 0) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node.value.encode()
            except UnicodeEncodeError:
                message = "holds half a character, which no UTF-8 has; take it out"
                raise _counted(ConditionError(message, node.col_offset), source) from None
    return source, tree.body


def _counted(error: ConditionError, source: str) -> ConditionError:
    """The error with its column in characters, where Python counts bytes."""
    return ConditionError(str(error), len(source.encode()[: error.column].decode(errors="ignore")))


def place_of(text: str, column: int) -> str:
    """Where a column of a condition's text stands: of one of several lines, in that line."""
    stripped = text.strip()
    before = stripped[:column].split("\n")
    if len(before) == 1 and "\n" not in stripped:
        return f"column {column + 1}"
    return f"its line {len(before)}, column {len(before[-1]) + 1}"


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
            case ast.Call(func=ast.Name(id="trait" | "sequence" | "first" | "last" as word)):
                arithmetic = self.arithmetic
                is_said = word != "sequence"
                flag = arithmetic.said(node, FLAG) if is_said else arithmetic.happened(node)
                code, _ = arithmetic.reading(flag, [])
                said = Side(code, (flag.name,), kind=FLAG)
                found = Comparison(text, said, "==", Side("True", kind=FLAG))
            case ast.Attribute() | ast.Name() | ast.Call():
                side = self.side(node)
                if side.kind != FLAG:
                    raise ConditionError(
                        f"{text!r} is {with_article(side.kind)}; compare it, as in cart.items > 0",
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
        if one.kind == other.kind == TEXT:
            one, other = self.cut(one, other), self.cut(other, one)
        if other.is_alone or (other.features and not (one.features or one.is_alone)):
            # What is compared stands on the left: evidence shows its value, not the constant's.
            one, other, sign = other, one, _MIRRORED[sign]
        if other.is_alone:
            raise ConditionError(
                "has since(), until() or percentile() on both sides; keep one of them",
                node.col_offset,
            )
        self.expect_comparable(one, sign, other, node)
        if one.code[:2] == "x_" and one.features[0].startswith("distinct:"):
            expect_countable(sign, other.constant or 0, node)
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
                f"compares a trait with {with_article(kind)}; traits are numbers, texts and flags",
                node.col_offset,
            )
        sides: list[Side] = []
        for at, side in (left, right):
            if side.kind == TRAIT and isinstance(at, ast.Call):
                feature = self.arithmetic.said(at, kind)
                code, _ = self.arithmetic.reading(feature, [])
                sides.append(Side(code, (feature.name,), kind=kind))
            else:
                sides.append(side)
        return sides[0], sides[1]

    def cut(self, side: Side, other: Side) -> Side:
        """The side; a text is cut as the one that a measure keeps and that it is compared with."""
        made = self.arithmetic.features
        if side.features or not any(name in made and made[name].measure for name in other.features):
            return side
        return msgspec.structs.replace(side, code=repr(kept_text(ast.literal_eval(side.code))))

    def text(self, node: ast.expr) -> str:
        """A part of the condition as evidence shows it."""
        return " ".join(self.arithmetic.text(node).split())

    def expect_comparable(self, one: Side, sign: str, other: Side, node: ast.expr) -> None:
        timeless = {one.kind, other.kind} == {NUMBER, DURATION} and 0 in (
            one.constant,
            other.constant,
        )
        if one.kind != other.kind and not timeless:
            hint = "; compare two of one kind"
            if INSTANT in (one.kind, other.kind):
                hint = "; write since() around the instant"
            if {one.kind, other.kind} == {NUMBER, DURATION}:
                hint = "; write a time like 30 * DAY"
            raise ConditionError(
                f"compares {with_article(one.kind)} with {with_article(other.kind)}{hint}",
                node.col_offset,
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
                        f"{word}() needs an instant and {text} is {with_article(feature.unit)}; "
                        f"`shoal segments features` lists instants",
                        of.col_offset,
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
                        f"{with_article(feature.unit)}; compare it by itself",
                        of.col_offset,
                    )
                return Side("", percentile=feature.name)
            case ast.Call(func=ast.Name(id="trait")):
                return Side("", kind=TRAIT)
            case ast.Call(func=ast.Name(id="first" | "last")) if (
                self.arithmetic.feature(node).unit == OWN
            ):
                return Side("", kind=TRAIT)
        used: list[str] = []
        code, kind = self.arithmetic.value(expand(node), used)
        constant = self.arithmetic.constant(node)
        return Side(code, tuple(dict.fromkeys(used)), constant=constant, kind=kind)
