"""Named arguments of measures in conditions, and how a measure is written."""

from __future__ import annotations

import ast
from difflib import get_close_matches

from stream.segments.kinds import ConditionError

EXAMPLES = {
    "count": "product_viewed, within=7 * DAY",
    "sum": "order_completed.revenue, within=90 * DAY",
    "avg": "product_reviewed.rating",
    "distinct": "product_viewed.category, within=30 * DAY",
    "first": "order_completed",
    "last": "order_completed",
    "sequence": "product_added, then=not order_completed, within=1 * HOUR",
}
"""Name of a function -> what stands in its brackets."""


def arguments(node: ast.Call, allowed: tuple[str, ...]) -> dict[str, ast.expr]:
    """What is written with a name.

    Raises
    ------
    ConditionError
        For a name that does not go there, or stands there twice.
    """
    found: dict[str, ast.expr] = {}
    for each in node.keywords:
        if each.arg in found:
            raise ConditionError(f"{each.arg}= stands twice; keep one", each.value.col_offset)
        if each.arg not in allowed:
            near = get_close_matches(each.arg or "", allowed, 1, 0.4)
            hint = f"did you mean {near[0]}=?" if near else "there are " + ", ".join(allowed)
            raise ConditionError(f"{each.arg}= does not go here; {hint}", each.value.col_offset)
        found[each.arg] = each.value
    return found
