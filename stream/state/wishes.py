"""What the customer put on the wish list, and has neither bought nor put into the cart since."""

from __future__ import annotations

from typing import Final

from stream.events.records import Item, OrderCompleted
from stream.state.row import Row
from stream.state.shed import shed

WISHES_MAX: Final = 20
"""Products kept of a wish list; the one wished for longest ago is shed."""

_UNNAMED: Final = "?"


def _keys(item: Item) -> tuple[str, ...]:
    """The names that a product goes by: shops send one of them here and another there."""
    return tuple(key for key in (item.product_id, item.sku) if key is not None) or (_UNNAMED,)


def wish_for(row: Row, item: Item, time_ms: int) -> None:
    """Put a product on the list."""
    wishes = row.wishes
    key = _keys(item)[0]
    wishes[key] = max(time_ms, wishes.get(key, 0))
    if len(wishes) > WISHES_MAX:
        shed("wishes")
        del wishes[min(wishes, key=lambda each: (wishes[each], each))]


def fulfil(row: Row, item: Item, time_ms: int) -> None:
    """Take a product off the list, unless it was put there later."""
    wishes = row.wishes
    for key in _keys(item):
        if wishes.get(key, time_ms + 1) <= time_ms:
            del wishes[key]


def buy_wishes(row: Row, event: OrderCompleted, placed_ms: int) -> None:
    """What is bought is wished for no more."""
    if row.wishes:
        for item in event.items:
            fulfil(row, item, placed_ms)


def merge_wishes(row: Row, other: Row) -> None:
    """The wishes of both, each as of its latest time."""
    wishes = row.wishes
    for key, at_ms in other.wishes.items():
        wishes[key] = max(at_ms, wishes.get(key, 0))
    while len(wishes) > WISHES_MAX:
        shed("wishes")
        del wishes[min(wishes, key=lambda each: (wishes[each], each))]
