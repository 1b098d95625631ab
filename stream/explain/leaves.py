"""One comparison at an instant: its truth, why it is unknown, its value, when time turns it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from stream.clock import NEVER_MS, rfc3339
from stream.explain.ageing import copied
from stream.features.catalogue import FUNCTIONS
from stream.features.registry import Feature
from stream.segments.arithmetic import variable
from stream.segments.compiler import run_source
from stream.segments.conditions import Comparison, Leaf, Side
from stream.segments.kinds import DURATION, INSTANT, NUMBER
from stream.segments.leaf_code import (
    PAST_PREFIX,
    TRUE,
    UNKNOWN,
    LeafCode,
    feature_loads,
    past_loads,
    percentile_key,
    rank_of,
)
from stream.segments.unit import Unit, Value
from stream.state.fold import deadline_ms, expire
from stream.state.row import Row
from stream.state.windows import whole_ms

STEPS_MAX = 500
"""Instants that are looked at for one comparison; a window of 64 buckets has fewer."""

Thresholds = Mapping[str, int]
_Single = Callable[[Row, int, Thresholds], tuple[int, int]]

UNITS = {"micros": "currency", "duration": "seconds", "instant": "milliseconds since 1970"}
"""Units of features whose values are not shown in their own name."""


class LeafState(msgspec.Struct, frozen=True):
    """A comparison of a definition, at an instant.

    truth    None is unknown; `why` says why
    value    what its left side is, in `unit`; as in the evidence of a change
    turns_ms when time alone turns it, where it does
    missing  how much its value is short of turning it, in the same unit, where a number is
    """

    leaf: str
    truth: bool | None
    value: Value
    unit: str
    why: str | None = None
    turns_ms: int | None = None
    missing: float | None = None
    clause: str = "enter"


def truth_of(bits: int, number: int) -> bool | None:
    """The truth of a leaf among a unit's bits."""
    known = bits >> (2 * number) & TRUE
    return None if known == UNKNOWN else known == TRUE


def leaf_state(
    unit: Unit, number: int, row: Row, now_ms: int, thresholds: Thresholds, clause: str
) -> LeafState:
    """The state of one leaf; its truth and value are the unit's own."""
    leaf, code = unit.asked[number], unit.leaves[number]
    bits, _, _ = unit.evaluate(row, now_ms, thresholds)
    truth = truth_of(bits, number)
    value = unit.values(row, now_ms, thresholds)[number]
    missing = None if truth is None else missing_of(leaf, code, row, now_ms, thresholds)
    return LeafState(
        leaf=unit.texts[number],
        truth=truth,
        value=value,
        unit=unit_of(leaf, code),
        why=None if truth is not None else why_unknown(leaf, code, row, now_ms, thresholds),
        turns_ms=turns_ms(number, code, row, now_ms, thresholds),
        missing=missing,
        clause=clause,
    )


def unit_of(leaf: Leaf, code: LeafCode) -> str:
    """What the value of a leaf is measured in."""
    if not isinstance(leaf, Comparison):
        return "flag"
    side = leaf.left
    if side.since or side.until:
        return "seconds"
    name = side.percentile or _alone(side)
    if name is not None:
        unit = {f.name: f.unit for f in code.features}[name]
        return UNITS.get(unit, unit)
    return {DURATION: "seconds", INSTANT: UNITS["instant"]}.get(side.kind, side.kind)


def _alone(side: Side) -> str | None:
    """The feature that a side is, where it is one and nothing is computed."""
    if len(side.features) != 1:
        return None
    name = side.features[0]
    return name if side.code in (variable(name), f"({variable(name)} / 1000000)") else None


# -- why it is unknown ----------------------------------------------------------------------------


def why_unknown(
    leaf: Leaf, code: LeafCode, row: Row, now_ms: int, thresholds: Thresholds
) -> str | None:
    """Why a leaf is neither true nor false, in the order in which the engine asks."""
    if not isinstance(leaf, Comparison):
        return None
    for feature in code.features:
        if feature.nullable and value_of(feature, row, now_ms) is None:
            return _absent(feature, leaf, row, thresholds)
    for feature in code.features:
        if feature.is_lower_bound_at_first:
            kept_ms = thresholds.get(PAST_PREFIX + feature.measure)
            at_ms = whole_ms(row.first_ms, kept_ms, feature.reach_ms)
            if kept_ms is not None and now_ms < at_ms:
                since = f"partial: kept since {rfc3339(kept_ms)}"
                return since if at_ms >= NEVER_MS else f"{since}, whole from {rfc3339(at_ms)}"
    if leaf.left.percentile and threshold_of(leaf, thresholds) is None:
        return "no threshold yet"
    return "it cannot be computed from these values"


def _absent(feature: Feature, leaf: Comparison, row: Row, thresholds: Thresholds) -> str:
    """What is known of a feature without a value."""
    if feature.name.startswith("trait:"):
        return f"trait({feature.name.split(':', 2)[2]!r}) is not known"
    if feature.name.startswith(("first:", "last:", "done:")):
        kept_ms = thresholds.get(PAST_PREFIX + feature.measure)
        is_partial = kept_ms is not None and row.first_ms < kept_ms
        return f"never seen since {rfc3339(kept_ms or 0)}" if is_partial else "never seen"
    if feature.unit == "instant" and feature.name.startswith(_LASTING):
        return f"{feature.name} was never seen"
    return f"{leaf.text if feature.measure else feature.name} has no value now"


_LASTING = ("orders.", "seen.", "messages.")
"""Parts of a row that stay once they have begun: what they lack was never there."""


def threshold_of(leaf: Comparison, thresholds: Thresholds) -> int | None:
    """The value above which a customer reaches the rank that a percentile asks for."""
    return thresholds.get(percentile_key(leaf.left.percentile or "", rank_of(leaf)))


# -- values ---------------------------------------------------------------------------------------


@lru_cache(maxsize=4_096)
def _compiled(code: str) -> Any:
    return compile(code, "<feature>", "eval")


def value_of(feature: Feature, row: Row, now_ms: int) -> Any:
    """A feature of a row at an instant, as the registry has it; None is unknown."""
    scope = {**FUNCTIONS, "row": row, "now": now_ms}
    return eval(_compiled(feature.code), scope)  # noqa: S307 the registry's code


def side_value(side: Side, code: LeafCode, row: Row, now_ms: int) -> Any:
    """What a side of a comparison is; None where it is unknown or cannot be computed."""
    scope: dict[str, Any] = {}
    for feature in code.features:
        if feature.name in side.features:
            found = value_of(feature, row, now_ms)
            if found is None:
                return None
            scope[variable(feature.name)] = found
    try:
        return eval(_compiled(side.code), scope)  # noqa: S307 the parser's code
    except (ArithmeticError, ValueError):
        return None


def missing_of(
    leaf: Leaf, code: LeafCode, row: Row, now_ms: int, thresholds: Thresholds
) -> float | None:
    """By how much the left side would have to change for the comparison to turn, the least.

    Negative where it would have to be less. Of an amount or a share that must be more than another
    one, it is the distance to that one: anything beyond it will do. None for what is no number of
    one feature, and for times.
    """
    if not isinstance(leaf, Comparison) or leaf.op == "!=" or leaf.left.since or leaf.left.until:
        return None
    is_count = unit_of(leaf, code) == "count"
    if leaf.left.percentile is not None:
        feature = next(f for f in code.features if f.name == leaf.left.percentile)
        limit, value = threshold_of(leaf, thresholds), value_of(feature, row, now_ms)
        if limit is None or value is None:
            return None
        scale = 1_000_000 if feature.unit == "micros" else 1
        return _distance(value / scale, ">" if leaf.op == ">=" else "<=", limit / scale, is_count)
    if _alone(leaf.left) is None or leaf.left.kind != NUMBER:
        return None
    value = side_value(leaf.left, code, row, now_ms)
    other = side_value(leaf.right, code, row, now_ms)
    if isinstance(value, bool | str | None) or isinstance(other, bool | str | None):
        return None
    return _distance(value, leaf.op, other, is_count)


def _distance(value: float, op: str, other: float, is_count: bool) -> float | None:
    """From a value to the nearest one for which the comparison is otherwise."""
    one = 1 if is_count else 0
    at_least, above = (-(-other // 1), other // 1 + 1) if is_count else (other, other)
    below = at_least - one
    most = other // 1 if is_count else other
    holds = {">=": value >= other, ">": value > other, "<=": value <= other,
             "<": value < other, "==": value == other}[op]  # fmt: skip
    match op, holds:
        case (">=", False) | ("<", True):
            found = at_least - value
        case (">", False) | ("<=", True):
            found = above - value
        case (">=", True) | ("<", False):
            found = below - value
        case (">", True) | ("<=", False):
            found = most - value
        case ("==", False):
            found = other - value
        case _:
            return None
    if not is_count:
        return round(found, 6)
    return int(found) if float(found).is_integer() else None


# -- time -----------------------------------------------------------------------------------------


def turns_ms(
    number: int, code: LeafCode, row: Row, now_ms: int, thresholds: Thresholds
) -> int | None:
    """The first later instant at which time alone gives the leaf another truth, if there is one.

    Of a membership it says nothing: who leaves when is the segment's own.
    """
    return _turns_ms(_single(number, code), copied(row), now_ms, thresholds)


def _turns_ms(single: _Single, row: Row, now_ms: int, thresholds: Thresholds) -> int | None:
    truth, flip_ms = single(row, now_ms, thresholds)
    for _ in range(STEPS_MAX):
        at_ms = min(flip_ms, deadline_ms(row))
        if at_ms >= NEVER_MS:
            return None
        expire(row, at_ms)
        found, flip_ms = single(row, at_ms, thresholds)
        if found != truth:
            return at_ms
    return None


@lru_cache(maxsize=4_096)
def _single(number: int, code: LeafCode) -> _Single:
    """The leaf's own lines as a function: its truth as two bits, and its next flip."""
    source = [
        "def single(row, now, thresholds):",
        *past_loads(code.lines),
        *feature_loads(code.features, code.lines),
        "    flip = NEVER_MS",
        *code.lines,
        f"    return l{number} >> {2 * number}, flip",
        "",
    ]
    found: _Single = run_source("\n".join(source), f"leaf {number}")["single"]
    return found
