"""On offer, at the full price, or not said: order by order, and what features make of it."""

from __future__ import annotations

import pytest

from stream.events.records import Item, OrderCompleted
from stream.features.purchases import discount_share, full_price_share
from stream.state.fold import fold
from stream.state.offers import is_on_offer
from stream.state.row import Row
from tests.state.shopping import DAY, START_MS, cancelled, order


def line(price: float, listed: float | None = None, quantity: int = 1, **fields: str) -> Item:
    listed_micros = None if listed is None else round(listed * 1e6)
    return Item(
        sku="a", quantity=quantity, price_micros=round(price * 1e6),
        list_price_micros=listed_micros, **fields,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (order(0, "1"), None),
        (order(0, "1", items=(line(10),)), None),
        (order(0, "1", discount_micros=0), False),
        (order(0, "1", items=(line(10, 10),)), False),
        (order(0, "1", items=(line(10, 10), line(5))), False),
        (order(0, "1", discount_micros=1), True),
        (order(0, "1", coupon="X"), True),
        (order(0, "1", items=(line(8, 10),)), True),
        (order(0, "1", items=(line(8, coupon="X"),)), True),
        # By the money: 8 of 18, 10 of 20, 3 times 4 of 22.
        (order(0, "1", items=(line(8, 10), line(10, 10))), False),
        (order(0, "1", items=(line(10, 15), line(10, 10))), True),
        (order(0, "1", items=(line(4, 5, 3), line(10))), True),
        # A present that is in the parcel for nothing makes no offer of what was paid for.
        (order(0, "1", items=(line(0, 5), line(10, 10))), False),
    ],
)
def test_an_order_is_on_offer_by_most_of_its_money_or_nobody_knows(
    event: OrderCompleted, expected: bool | None
):
    assert is_on_offer(event) is expected


def test_shares_are_of_all_orders_and_unknown_while_none_says_anything():
    row = Row()
    fold(row, order(START_MS, "1"))
    assert (discount_share(row), full_price_share(row)) == (None, None)
    fold(row, order(START_MS + DAY, "2", coupon="X"))
    assert (discount_share(row), full_price_share(row)) == (0.5, 0.0)
    fold(row, order(START_MS + 2 * DAY, "3", discount_micros=0))
    fold(row, order(START_MS + 3 * DAY, "4", discount_micros=0))
    assert (discount_share(row), full_price_share(row)) == (0.25, 0.5)
    fold(row, cancelled(START_MS + 3 * DAY, "4"))
    fold(row, cancelled(START_MS + 3 * DAY, "2"))
    assert (discount_share(row), full_price_share(row)) == (0.0, 0.5)
