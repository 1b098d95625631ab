"""What a row must have for a unit to be other than on an empty row.

Most rows are of visitors without orders, and most definitions are of buyers: for them a unit's bits
are what they are on an empty row, and time turns none of its leaves. One look at what the row has
spares the evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable

from stream.segments.leaf_code import PAST_PREFIX, LeafCode
from stream.state.fold import BROWSE, CART, CHECKOUT, MESSAGES, ORDERS, TRAITS, WISHES

_PARTS = {
    ORDERS: "row.orders is not None",
    CART: "row.cart is not None",
    CHECKOUT: "row.checkout is not None",
    BROWSE: "row.browse is not None",
    MESSAGES: "row.messages is not None",
    TRAITS: "row.traits",
    WISHES: "row.wishes",
}
_KNOWN = sum(_PARTS)


def presence_code(leaves: Iterable[LeafCode]) -> str | None:
    """Code that is false where all of these leaves are as on an empty row; None: not to be told.

    It may be true for a row on which they are so as well.
    """
    parts, measures = 0, dict[str, None]()
    for leaf in leaves:
        if not leaf.features or leaf.asks_population:
            return None
        for feature in leaf.features:
            if feature.measure:
                measures[feature.measure] = None
            elif feature.parts & ~_KNOWN:
                return None
            else:
                parts |= feature.parts
    told = [code for part, code in _PARTS.items() if parts & part]
    for key in measures:
        told += [f"{key!r} in windows", f"is_partial and {PAST_PREFIX + key!r} in thresholds"]
    return " or ".join(told)


PRELUDE = ("    windows = row.windows",)
"""What the code of `presence_code` needs besides `past_loads`: what the row keeps."""
