"""How long before an order its customer began to look at what it bought: at once, or by a plan.

A row keeps the latest view of each product since the last order (`Browse`). Of a product that is
looked at again it keeps the first view, too, in `looks`: until it is bought, over other orders.
"""

from __future__ import annotations

from typing import Final

from stream.clock import DAY_MS
from stream.events.records import Item, OrderCompleted
from stream.state.row import Row
from stream.state.shed import shed

LOOK_MAX_MS: Final = 7 * DAY_MS
"""A longer look counts as this long, so that one old page does not make a planner."""

LOOK_LIFE_MS: Final = 30 * DAY_MS
"""A first look longer ago is not the beginning of what was bought now."""

LOOKS_MAX: Final = 20
"""First views kept of products looked at again; the earliest goes for a new one."""


def look_again(looks: dict[str, int], key: str, first_ms: int, time_ms: int) -> None:
    """Note another view of a product, which was seen at `first_ms` already."""
    began_ms = min(first_ms, time_ms)
    known_ms = looks.get(key)
    if known_ms is not None and time_ms - known_ms <= LOOK_LIFE_MS:
        began_ms = min(began_ms, known_ms)
    looks[key] = began_ms
    if len(looks) > LOOKS_MAX:
        shed("first_looks")
        del looks[min(looks, key=lambda each: (looks[each], each))]


def look_before(row: Row, event: OrderCompleted) -> int:
    """How long before the order its customer first looked at what it bought, in ms; 0: not at all.

    Of several lines the dearest one that was looked at counts: it is what the order was about.
    Called before the order closes what was looked at.
    """
    seen = {} if row.browse is None else row.browse.products
    dearest_micros, found_ms = -1, 0
    for item in event.items:
        began_ms = _began_ms(row.looks, seen, item, event.time_ms)
        micros = (item.price_micros or 0) * item.quantity
        if began_ms is not None and micros > dearest_micros:
            dearest_micros = micros
            found_ms = min(event.time_ms - began_ms, LOOK_MAX_MS)
    return found_ms


def _began_ms(looks: dict[str, int], seen: dict[str, int], item: Item, order_ms: int) -> int | None:
    times = [
        at_ms
        for key in (item.product_id, item.sku)
        if key is not None
        for at_ms in (looks.get(key), seen.get(key))
        if at_ms is not None and 0 < order_ms - at_ms <= LOOK_LIFE_MS
    ]
    return min(times, default=None)


def forget_looks(row: Row, event: OrderCompleted) -> None:
    """What was bought is looked at anew from now on."""
    for item in event.items:
        for key in (item.product_id, item.sku):
            if key is not None:
                row.looks.pop(key, None)


def merge_looks(row: Row, other: Row) -> None:
    """First views of both, and of what each of them saw; called before their views are joined."""
    looks = row.looks
    for key, at_ms in other.looks.items():
        looks[key] = min(looks.get(key, at_ms), at_ms)
    if row.browse is not None and other.browse is not None:
        mine = row.browse.products
        for key, at_ms in other.browse.products.items():
            if key in mine:
                look_again(looks, key, mine[key], at_ms)
    while len(looks) > LOOKS_MAX:
        shed("first_looks")
        del looks[min(looks, key=lambda each: (looks[each], each))]
