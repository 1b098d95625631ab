"""How long before an order its customer began to look: who decides at once, and who plans."""

from __future__ import annotations

from typing import Final

from stream.clock import DAY_MS
from stream.state.row import Row

LOOK_MAX_MS: Final = 7 * DAY_MS
"""A longer look counts as this long, so that one old page does not make a planner."""


def note_look(row: Row, order_ms: int) -> None:
    """Count an order for which product pages were seen since the one before it.

    The look begins with the page that was seen longest ago and not again; called before the order
    closes what was looked at.
    """
    browse, orders = row.browse, row.orders
    if browse is None or orders is None:
        return
    began_ms = min((seen_ms for seen_ms in browse.products.values()), default=order_ms)
    if began_ms < order_ms:
        orders.looked += 1
        orders.looked_ms += min(order_ms - began_ms, LOOK_MAX_MS)
