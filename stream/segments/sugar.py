"""What conditions may write shorter, as what it is short for.

bought("tea", within=90 * DAY)
    count(order_completed, within=90 * DAY, where=product == "tea" or sku == "tea"
          or category == "tea") >= 1
habit("tea", hours=(6, 11), weekday=(1, 5), within=180 * DAY, at_least=3, share=0.5)
    of the orders of it, at least 3 and at least half were placed from 6 to 11 o'clock at the
    shop, Monday to Friday
ratio_to_past(count(order_completed, within=90 * DAY))
    the same of the 90 days, divided by that of the 90 days before them
"""

from __future__ import annotations

import ast
from typing import Any

from stream.segments.arguments import arguments
from stream.segments.kinds import ConditionError

_HABIT_WITHIN = "365 * DAY"
_HABIT_AT_LEAST = 3
_HABIT_SHARE = 0.5
HOURS, WEEKDAYS = (0, 24), (1, 7)


def expand(node: ast.expr) -> ast.expr:
    """The node, or what it is short for, at the same place of the text.

    Raises
    ------
    ConditionError
        Where its arguments are not as above.
    """
    match node:
        case ast.Call(func=ast.Name(id="bought")):
            return _placed(_bought(node), node)
        case ast.Call(func=ast.Name(id="habit")):
            return _placed(_habit(node), node)
        case ast.Call(func=ast.Name(id="ratio_to_past")):
            return _placed(_ratio_to_past(node), node)
    return node


def _placed(text: str, node: ast.expr) -> ast.expr:
    made = ast.parse(text, mode="eval").body
    for each in ast.walk(made):
        each.is_expanded = True  # type: ignore[attr-defined]
        if isinstance(each, ast.expr | ast.keyword):
            ast.copy_location(each, node)
    return made


def _of(node: ast.Call, example: str) -> str:
    """The filter of a product, variant or category."""
    match node.args:
        case [ast.Constant(value=str(name))] if name:
            each = repr(name)
            return f"(product == {each} or sku == {each} or category == {each})"
    raise ConditionError(f"names a product or category, as in {example}", node.col_offset)


def _bought(node: ast.Call) -> str:
    named = arguments(node, ("within",))
    which = _of(node, 'bought("tea")')
    within = f"within={ast.unparse(named['within'])}, " if "within" in named else ""
    return f"count(order_completed, {within}where={which}) >= 1"


def _habit(node: ast.Call) -> str:
    named = arguments(node, ("within", "hours", "weekday", "at_least", "share"))
    which = [_of(node, 'habit("coffee", hours=(6, 11))')] if node.args else []
    within = ast.unparse(named["within"]) if "within" in named else _HABIT_WITHIN
    when: list[str] = []
    if "hours" in named:
        low, high = _pair(named["hours"], HOURS)
        if low == high:
            raise ConditionError("begins at its end; hours=(6, 7) is one hour", node.col_offset)
        when.append(f"hour >= {low} and hour < {high}")
    if "weekday" in named:
        low, high = _pair(named["weekday"], WEEKDAYS)
        when.append(f"weekday >= {low} and weekday <= {high}")
    if not when:
        raise ConditionError("habit() has hours=(6, 11) or weekday=(6, 7)", node.col_offset)
    at_least = _number(named.get("at_least"), _HABIT_AT_LEAST)
    share = _number(named.get("share"), _HABIT_SHARE)
    if at_least < 1 or share > 1:
        message = "habit() has at_least=1 or more, and a share of at most 1"
        raise ConditionError(message, node.col_offset)
    some = f"count(order_completed, within={within}, where={' and '.join([*which, *when])})"
    every = f"count(order_completed, within={within}{', where=' + which[0] if which else ''})"
    return f"{some} >= {at_least} and {some} >= {share} * {every}"


def _pair(node: ast.expr, bounds: tuple[int, int]) -> tuple[Any, Any]:
    match node:
        case ast.Tuple(elts=[ast.Constant(value=int(low)), ast.Constant(value=int(high))]) if (
            bounds[0] <= low <= high <= bounds[1] and type(low) is type(high) is int
        ):
            return low, high
    message = f"is a pair of whole numbers from {bounds[0]} to {bounds[1]}, the lower one first"
    raise ConditionError(message, node.col_offset)


def _number(node: ast.expr | None, usual: float) -> float:
    match node:
        case None:
            return usual
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
    raise ConditionError("a plain number goes here; write one like 3 or 0.5", node.col_offset)


def _ratio_to_past(node: ast.Call) -> str:
    match node:
        case ast.Call(args=[ast.Call(keywords=keywords) as now], keywords=[]):
            within = [each.value for each in keywords if each.arg == "within"]
            if len(within) == 1 and not any(each.arg == "before" for each in keywords):
                past = ast.unparse(now)[:-1] + f", before={ast.unparse(within[0])})"
                return f"{ast.unparse(now)} / {past}"
    raise ConditionError(
        "ratio_to_past() is of a measure with a window, as in "
        "ratio_to_past(count(order_completed, within=90 * DAY))",
        node.col_offset,
    )
