"""Conditions: a safe subset of Python expressions, parsed with `ast` and checked against the
feature registry.

A condition is a tree of `and`, `or`, `not` over leaves. A leaf compares two sides. A side is
arithmetic over numbers, durations, settings and features, or one of

    since(INSTANT)            time since an instant, alone on its side
    percentile(FEATURE)       where the customer stands among all, alone, against a number
    in_segment("NAME")        a leaf by itself

Durations are written `2 * DAY`; all times are milliseconds inside. What the stream does not carry
is unknown, and a leaf with an unknown side is unknown: neither true nor false.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from difflib import get_close_matches

import msgspec

from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from stream.features.catalogue import FEATURES

UNITS = {
    "SECOND": SECOND_MS,
    "MINUTE": MINUTE_MS,
    "HOUR": HOUR_MS,
    "DAY": DAY_MS,
    "WEEK": 7 * DAY_MS,
}
DEPTH_MAX = 20
LEAVES_MAX = 64
"""Leaves of a definition: two bits each in the row."""

_COMPARISONS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class ConditionError(ValueError):
    """A condition that does not read; `column` is where, counted from 0."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


class Side(msgspec.Struct, frozen=True):
    """One side of a comparison as code over feature variables `f_...`."""

    code: str
    features: tuple[str, ...] = ()
    since: str | None = None
    percentile: str | None = None
    constant: float | None = None


class Comparison(msgspec.Struct, frozen=True):
    """A leaf: `left OP right`; a since() or percentile() stands on the left."""

    text: str
    left: Side
    op: str
    right: Side


class InSegment(msgspec.Struct, frozen=True):
    """A leaf: membership of another segment."""

    text: str
    segment: str


Leaf = Comparison | InSegment


class Tree(msgspec.Struct, frozen=True):
    """`and`, `or`, `not` over trees and leaf numbers."""

    op: str
    parts: tuple[Tree | int, ...]


class Condition(msgspec.Struct, frozen=True):
    tree: Tree
    leaves: tuple[Leaf, ...]


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
    parser = _Parser(source, settings)
    root = parser.tree(tree.body, 0)
    if isinstance(root, int):
        root = Tree("and", (root,))
    return Condition(root, tuple(parser.leaves))


class _Parser:
    def __init__(self, source: str, settings: Mapping[str, float]) -> None:
        self.source = source
        self.settings = settings
        self.leaves: list[Leaf] = []

    def tree(self, node: ast.expr, depth: int) -> Tree | int:
        if depth > DEPTH_MAX:
            raise ConditionError(f"is nested deeper than {DEPTH_MAX}; split it", node.col_offset)
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
        text = ast.get_source_segment(self.source, node) or ""
        found: Leaf
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                found = self.comparison(text, node, left, type(op), right)
            case ast.Call(func=ast.Name(id="in_segment"), args=[ast.Constant(value=str(name))]):
                found = InSegment(text, name)
            case ast.Attribute() | ast.Name():
                side = self.side(node)
                found = Comparison(text, side, "==", Side("True"))
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
        if other.since or other.percentile:
            one, other, sign = other, one, _MIRRORED[sign]
        if other.since or other.percentile:
            raise ConditionError("has since() or percentile() on both sides", node.col_offset)
        if one.since and sign in ("==", "!="):
            raise ConditionError("compares a time for equality; use >= or <", node.col_offset)
        if one.percentile and (sign not in (">=", "<") or other.constant is None):
            raise ConditionError(
                "percentile() goes with >= or < and a number, as in "
                "percentile(orders.revenue) >= 0.9",
                node.col_offset,
            )
        return Comparison(text, one, sign, other)

    def side(self, node: ast.expr) -> Side:
        match node:
            case ast.Call(func=ast.Name(id="since"), args=[argument]):
                name = self.feature(argument)
                if FEATURES[name].unit != "instant":
                    raise ConditionError(
                        f"since() needs an instant and {name} is a {FEATURES[name].unit}",
                        argument.col_offset,
                    )
                return Side("", (), since=name)
            case ast.Call(func=ast.Name(id="percentile"), args=[argument]):
                return Side("", (), percentile=self.feature(argument))
            case ast.Call(func=ast.Name(id=name)):
                raise ConditionError(
                    f"{name}() is not offered; there are since, percentile and in_segment",
                    node.col_offset,
                )
        used: list[str] = []
        code = self.arithmetic(node, used)
        return Side(code, tuple(dict.fromkeys(used)), constant=self.constant(node))

    def constant(self, node: ast.expr) -> float | None:
        """The number that a side without features stands for."""
        match node:
            case ast.Constant(value=int() | float() as value):
                return value
            case ast.UnaryOp(operand=operand):
                inner = self.constant(operand)
                return None if inner is None else -inner
            case ast.BinOp(left=left, op=op, right=right):
                one, other = self.constant(left), self.constant(right)
                if one is None or other is None:
                    return None
                if isinstance(op, ast.Div) and other == 0:
                    raise ConditionError("divides by zero", node.col_offset)
                return _OPERATORS[type(op)](one, other)
            case ast.Name(id=name):
                return UNITS.get(name, self.settings.get(name))
            case _:
                return None

    def arithmetic(self, node: ast.expr, used: list[str]) -> str:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return repr(value)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"(-{self.arithmetic(operand, used)})"
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                one, other = self.arithmetic(left, used), self.arithmetic(right, used)
                return f"({one} {_ARITHMETIC[type(op)]} {other})"
            case ast.Name(id=name) if name in UNITS:
                return repr(UNITS[name])
            case ast.Name(id=name) if name in self.settings:
                return repr(self.settings[name])
            case ast.Attribute():
                name = self.feature(node)
                used.append(name)
                return variable(name)
            case _:
                raise self.unknown(node)

    def feature(self, node: ast.expr) -> str:
        text = ast.get_source_segment(self.source, node) or ""
        if text not in FEATURES:
            raise self.unknown(node)
        return text

    def unknown(self, node: ast.expr) -> ConditionError:
        text = ast.get_source_segment(self.source, node) or ""
        names = [*FEATURES, *UNITS, *self.settings]
        near = get_close_matches(text, names, 1, 0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        return ConditionError(f"{text!r} is no feature, unit or setting{hint}", node.col_offset)


def variable(feature: str) -> str:
    """The name of a feature's value in compiled code."""
    return "f_" + feature.replace(".", "_")
