"""Arithmetic in conditions: numbers, durations, settings and features into code with a kind.

A value is a number, a duration, an instant, a flag or a text. Kinds follow the dimensions: a number
times a duration is a duration, one duration through another a number, an instant less an instant a
duration, an instant moved by a duration an instant. `30` is no time: `30 * DAY` is.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from xxhash import xxh3_64_hexdigest

from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from stream.events.records import MICROS
from stream.events.vocabulary import OWN
from stream.features.catalogue import FEATURES
from stream.features.registry import Feature
from stream.features.traits import TRAIT_NAME_MAX, of_kind, trait
from stream.segments.kinds import (
    DURATION,
    FLAG,
    INSTANT,
    KIND_OF_UNIT,
    NUMBER,
    NUMBER_MAX,
    TEXT,
    ConditionError,
    Duration,
    constant_of,
    with_article,
)
from stream.segments.measures import FUNCTIONS_OF_EVENTS, MeasureParser
from stream.segments.not_yet import why_not_yet
from stream.segments.sugar import expand
from stream.state.room import DISTINCT_MAX

UNITS = {
    "SECOND": SECOND_MS,
    "MINUTE": MINUTE_MS,
    "HOUR": HOUR_MS,
    "DAY": DAY_MS,
    "WEEK": 7 * DAY_MS,
}
ARITHMETIC_DEPTH_MAX = 50
"""Each level is a pair of brackets in compiled code, of which Python reads 200."""

CONSTANT_MAX = 1e18
"""Of what is computed from numbers: the milliseconds of 30 million years."""

_NAME = re.compile(r"[\w.]+")
_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}

OFFERED = ", ".join(
    sorted((*FUNCTIONS_OF_EVENTS, "since", "until", "percentile", "in_segment", "trait"))
)
_RESULTS = {
    (NUMBER, "+", NUMBER): NUMBER,
    (NUMBER, "-", NUMBER): NUMBER,
    (NUMBER, "*", NUMBER): NUMBER,
    (NUMBER, "/", NUMBER): NUMBER,
    (DURATION, "+", DURATION): DURATION,
    (DURATION, "-", DURATION): DURATION,
    (NUMBER, "*", DURATION): DURATION,
    (DURATION, "*", NUMBER): DURATION,
    (DURATION, "/", NUMBER): DURATION,
    (DURATION, "/", DURATION): NUMBER,
    (INSTANT, "-", INSTANT): DURATION,
    (INSTANT, "+", DURATION): INSTANT,
    (INSTANT, "-", DURATION): INSTANT,
}
"""What comes of two kinds; what is not here is a slip."""


class Arithmetic:
    """Reads the sides of the comparisons of one condition."""

    def __init__(self, source: str, settings: Mapping[str, float]) -> None:
        self.source = source
        self.settings = settings
        self.measures = MeasureParser(source, settings, self.duration)
        self.features: dict[str, Feature] = {}
        """What the condition reads beside the registered features: its measures and traits."""

    def value(self, node: ast.expr, used: list[str], depth: int = 0) -> tuple[str, str]:
        """Code of a value and its kind; the features that it reads are added to `used`.

        Raises
        ------
        ConditionError
            For what is no arithmetic, with the nearest right name.
        """
        if depth > ARITHMETIC_DEPTH_MAX:
            message = f"computes deeper than {ARITHMETIC_DEPTH_MAX}; split it"
            raise ConditionError(message, node.col_offset)
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                code, kind = self.value(operand, used, depth + 1)
                if kind not in (NUMBER, DURATION):
                    raise self.slip(operand, kind)
                return f"(-{code})", kind
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                self.constant(node)
                return self.operation(left, _ARITHMETIC[type(op)], right, used, depth + 1)
            case ast.Constant() | ast.Name(id="true" | "false"):
                value = constant_of(node)
                return repr(value), self.kind_of(value, node)
            case ast.Name(id=name) if name in UNITS:
                return repr(UNITS[name]), DURATION
            case ast.Name(id=name) if name in self.settings:
                setting = self.settings[name]
                return repr(setting), DURATION if isinstance(setting, Duration) else NUMBER
            case _:
                return self.read(node, used)

    def kind_of(self, value: object, node: ast.expr) -> str:
        """The kind of a constant."""
        match value:
            case bool():
                return FLAG
            case str():
                return TEXT
            case int() | float() if abs(value) < NUMBER_MAX:
                return NUMBER
        raise ConditionError(f"{value!r} is no number below {NUMBER_MAX:g}", node.col_offset)

    def misplaced(self, name: str, node: ast.expr) -> ConditionError:
        """A call where a number should stand."""
        message = f"{name}() is not offered; there are {OFFERED}"
        if name in ("since", "until", "percentile"):
            message = f"{name}() stands alone on its side; move the rest to the other one"
        elif name in ("in_segment", "bought", "habit"):
            message = f'{name}() stands by itself, as in {name}("NAME"); join it by and, or'
        return ConditionError(message, node.col_offset)

    def operation(
        self, left: ast.expr, sign: str, right: ast.expr, used: list[str], depth: int
    ) -> tuple[str, str]:
        """Two values of kinds that go together."""
        one, kind = self.value(left, used, depth)
        other, other_kind = self.value(right, used, depth)
        if sign == "/" and self.constant(right) == 0:
            message = "divides by zero; divide by what is never nothing, or compare the two"
            raise ConditionError(message, right.col_offset)
        result = _RESULTS.get((kind, sign, other_kind))
        if result is None:
            at = left if kind in (FLAG, TEXT) else right
            raise self.slip(at, kind if at is left else other_kind)
        return f"({one} {sign} {other})", result

    def slip(self, node: ast.expr, kind: str) -> ConditionError:
        """A value of a kind that nothing can be computed with at its place."""
        text = self.text(node)
        hint = "; compare it instead"
        if kind == NUMBER:
            hint = "; a time is written like 30 * DAY"
        elif kind == INSTANT:
            hint = "; subtract another instant, or write since()"
        return ConditionError(
            f"computes with {text!r}, which is {with_article(kind)} and does not go there{hint}",
            node.col_offset,
        )

    def read(self, node: ast.expr, used: list[str]) -> tuple[str, str]:
        """Code of what is neither a number nor computed, and its kind."""
        match node:
            case ast.Attribute():
                return self.reading(self.feature(node), used)
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS_OF_EVENTS:
                found = self.feature(node)
                if found.unit == OWN:
                    found = self.said(node, NUMBER)
                return self.reading(found, used)
            case ast.Call(func=ast.Name(id="trait")):
                return self.reading(self.said(node, NUMBER), used)
            case ast.Call(func=ast.Name(id="ratio_to_past")):
                return self.value(expand(node), used)
            case ast.Call(func=ast.Name(id=name)):
                raise self.misplaced(name, node)
        raise self.unknown(node)

    def reading(self, feature: Feature, used: list[str]) -> tuple[str, str]:
        """Code of a feature's value and its kind."""
        used.append(feature.name)
        code = variable(feature.name)
        if feature.unit == "micros":
            code = f"({code} / {MICROS})"
        return code, KIND_OF_UNIT.get(feature.unit, NUMBER)

    def feature(self, node: ast.expr) -> Feature:
        """The feature of a name or of a measure's call."""
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in FUNCTIONS_OF_EVENTS
        ):
            found = self.measures.read(node)
            self.features[found.name] = found
            return found
        text = self.text(node)
        if text not in FEATURES:
            raise self.unknown(node)
        return FEATURES[text]

    def happened(self, node: ast.Call) -> Feature:
        """The flag of a sequence that stands by itself."""
        found = self.measures.happened(node)
        self.features[found.name] = found
        return found

    def said(self, node: ast.Call, kind: str) -> Feature:
        """What somebody says, of the kind that it is compared with: a trait, or the first or latest
        property of a shop's own event.
        """
        if isinstance(node.func, ast.Name) and node.func.id == "trait":
            found = self.trait(node, kind)
        else:
            found = self.feature(node)
            if found.unit == OWN:
                found = of_kind(found, kind)
            elif found.unit != FLAG:
                kind = with_article(KIND_OF_UNIT.get(found.unit, NUMBER))
                message = f"{self.text(node)!r} is {kind}; compare it"
                raise ConditionError(message, node.col_offset)
        self.features[found.name] = found
        return found

    def trait(self, node: ast.Call, kind: str) -> Feature:
        """The feature of a trait that is compared with a value of a kind."""
        match node:
            case ast.Call(args=[ast.Constant(value=str(name)), *rest], keywords=[]) if (
                0 < len(name) <= TRAIT_NAME_MAX and len(rest) <= 1
            ):
                default = None if not rest else self.default(rest[0], kind)
                return trait(name, kind, default)
        raise ConditionError(
            'trait() names one, as in trait("vip"), and what it is for who has none, as in '
            'trait("vip", false)', node.col_offset,
        )  # fmt: skip

    def default(self, node: ast.expr, kind: str) -> float | str:
        """What a trait is for a customer who has none."""
        match node:
            case ast.Constant() | ast.Name(id="true" | "false"):
                value = constant_of(node)
            case _:
                raise ConditionError("is a number, a text, true or false", node.col_offset)
        found = self.kind_of(value, node)
        if found != kind or not isinstance(value, int | float | str):
            message = f"is a {found}, and the trait is compared with a {kind}"
            raise ConditionError(message, node.col_offset)
        return value

    def duration(self, node: ast.expr) -> float:
        """The milliseconds of a duration without features."""
        used: list[str] = []
        _, kind = self.value(node, used)
        constant = self.constant(node)
        if kind != DURATION or constant is None or used:
            message = "a time without features goes here; write one like 30 * DAY"
            raise ConditionError(message, node.col_offset)
        return constant

    def text(self, node: ast.expr) -> str:
        """A part of the condition as it is written, or as what was written shorter says it."""
        if getattr(node, "is_expanded", False):
            return ast.unparse(node)
        return ast.get_source_segment(self.source, node) or ""

    def unknown(self, node: ast.expr) -> ConditionError:
        text = self.text(node)
        if (missing := why_not_yet(text)) is not None:
            return ConditionError(missing, node.col_offset)
        names = {name.lower(): name for name in (*FEATURES, *UNITS, *self.settings)}
        is_name = _NAME.fullmatch(text) is not None
        near = get_close_matches(text.lower(), names, 1, 0.6) if is_name else ()
        hint = f"; did you mean {names[near[0]]}?" if near else ""
        return ConditionError(f"{text!r} is no feature, unit or setting{hint}", node.col_offset)

    def constant(self, node: ast.expr) -> float | None:
        """The number that a side without features stands for."""
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return value
            case ast.UnaryOp(operand=operand):
                inner = self.constant(operand)
                return None if inner is None else -inner
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return self._computed(self.constant(left), type(op), self.constant(right), node)
            case ast.Name(id=name):
                return UNITS.get(name, self.settings.get(name))
        return None

    def _computed(
        self, one: float | None, op: type[ast.operator], other: float | None, node: ast.expr
    ) -> float | None:
        """Two constants together; what divides by zero is refused where it stands."""
        if one is None or other is None or (op is ast.Div and other == 0):
            return None
        found = _OPERATORS[op](one, other)
        if not abs(found) <= CONSTANT_MAX:
            message = f"is beyond {CONSTANT_MAX:g}; write a smaller number"
            raise ConditionError(message, node.col_offset)
        return found


def expect_countable(sign: str, number: float, node: ast.expr) -> None:
    """Different values are counted to `DISTINCT_MAX`: of as many it is known that they are at least
    so many, of more nothing.

    Raises
    ------
    ConditionError
        For a number that a count of them is compared with and never tells.
    """
    if number > DISTINCT_MAX or (number == DISTINCT_MAX and sign not in (">=", "<")):
        message = f"distinct() counts to {DISTINCT_MAX}; compare it with less"
        raise ConditionError(message, node.col_offset)


def variable(feature: str) -> str:
    """The name of a feature's value in compiled code.

    >>> variable("cart.items"), variable("trait:flag:vip")
    ('f_cart_items', 'x_70bb0cb34392044e')
    """
    if feature in FEATURES:
        return "f_" + feature.replace(".", "_")
    return "x_" + xxh3_64_hexdigest(feature.encode())
