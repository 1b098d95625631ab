"""Which of an order's amounts mean what, and what a refund gives back."""

from __future__ import annotations

from typing import Any

import pytest

from stream.events.envelope import RejectedEventError, decode
from stream.events.properties import ITEMS_MAX
from stream.events.records import Item, OrderCompleted, OrderRefunded
from tests.events.shop_calls import BROKER_MS, tracked

LINES = [{"sku": "A", "price": 19, "quantity": 1}, {"sku": "B", "price": 3, "quantity": 2}]
UNIT = 1_000_000


def order(**properties: Any) -> OrderCompleted:
    return decode(tracked("Order Completed", properties), BROKER_MS, None).record


def refund(**properties: Any) -> OrderRefunded:
    return decode(tracked("Order Refunded", properties), BROKER_MS, None).record


@pytest.mark.parametrize(
    ("properties", "revenue", "total"),
    [
        # The specification's own example of Order Completed (v2), all amounts sent.
        (
            {"total": 27.5, "subtotal": 22.5, "revenue": 22.5, "shipping": 3, "tax": 2},
            22.5,
            27.5,
        ),
        # Its example of v1, without a total.
        ({"revenue": 25, "shipping": 3, "tax": 2, "discount": 2.5}, 25, 30),
        ({"revenue": 25}, 25, 25),
        ({"subtotal": 22.5, "shipping": 3, "tax": 2}, 22.5, 27.5),
        ({"total": 27.5, "shipping": 3, "tax": 2}, 22.5, 27.5),
        ({"total": 27.5}, 27.5, 27.5),
        ({"total": 4, "shipping": 5}, 0, 4),
        ({"value": 30, "products": LINES}, 30, 30),
        ({"products": LINES}, 25, 25),
        ({"products": LINES, "discount": 2.5, "shipping": 3, "tax": 2}, 22.5, 27.5),
        ({"products": LINES, "discount": -2.5}, 22.5, 22.5),
        ({"products": LINES, "discount": 100}, 0, 0),
        ({"products": [*LINES, {"sku": "C"}]}, None, None),
        ({"products": []}, None, None),
        ({}, None, None),
        ({"revenue": 0, "total": 0}, 0, 0),
        ({"revenue": "25.00", "total": "", "shipping": "3"}, 25, 28),
    ],
)
def test_an_order_is_worth(properties: dict[str, Any], revenue: float | None, total: float | None):
    record = order(order_id="1", **properties)

    assert record.revenue_micros == (None if revenue is None else int(revenue * UNIT))
    assert record.total_micros == (None if total is None else int(total * UNIT))


def test_an_order_keeps_its_extensions():
    record = order(
        orderId=4711,
        payment_method="invoice",
        store=12,
        channel="POS",
        cart_id="c-1",
        gift="true",
        coupon="HASBRO",
        discount=2.5,
        currency="eur",
    )

    assert (record.order_id, record.payment_method, record.store) == ("4711", "invoice", "12")
    assert (record.channel, record.cart_id, record.gift) == ("store", "c-1", True)
    assert (record.coupon, record.discount_micros, record.currency) == ("HASBRO", 2_500_000, "EUR")


def test_a_sum_of_lines_is_unknown_where_lines_may_have_been_cut():
    lines = [{"sku": str(number), "price": 1} for number in range(ITEMS_MAX + 1)]

    assert order(products=lines[: ITEMS_MAX - 1]).revenue_micros == (ITEMS_MAX - 1) * UNIT
    assert order(products=lines).revenue_micros is None
    assert order(products=lines, revenue=101).revenue_micros == 101 * UNIT


@pytest.mark.parametrize(
    ("properties", "amount", "skus"),
    [
        # Nothing but the order: the whole of it.
        ({}, None, []),
        # An amount without lines.
        ({"total": 30}, 30, []),
        ({"revenue": 25}, 25, []),
        ({"total": -30}, 30, []),
        # Only these lines came back; the total repeats that of the order.
        ({"total": 30, "products": LINES[:1]}, 19, ["A"]),
        # What was paid back, after a discount.
        ({"total": 17.1, "products": LINES[:1]}, 17.1, ["A"]),
        # Lines that nothing came back of.
        ({"products": [LINES[0], {**LINES[1], "quantity": 0}]}, 19, ["A"]),
        ({"products": [{**LINES[0], "quantity": 0}]}, 0, []),
        # A line without a price leaves the amount to the total, or unknown.
        ({"total": 12, "products": [{"sku": "A"}]}, 12, ["A"]),
        ({"products": [{"sku": "A"}]}, None, ["A"]),
    ],
)
def test_a_refund_gives_back(properties: dict[str, Any], amount: float | None, skus: list[str]):
    record = refund(order_id="1", **properties)

    assert record.refund_micros == (None if amount is None else int(amount * UNIT))
    assert [item.sku for item in record.items] == skus


def test_the_specification_repeats_the_whole_order_in_its_refund():
    record = refund(order_id="50314b8e9bcf000000000000", total=30, currency="USD", products=LINES)

    assert record.items == (
        Item(sku="A", quantity=1, price_micros=19 * UNIT),
        Item(sku="B", quantity=2, price_micros=3 * UNIT),
    )
    assert record.refund_micros == 25 * UNIT


def test_a_reason_of_the_refund_holds_for_lines_without_their_own():
    lines = [{"sku": "A", "reason": "too small"}, {"sku": "B"}]

    record = refund(reason="changed my mind", products=lines)

    assert [item.reason for item in record.items] == ["too small", "changed my mind"]


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        ({"value": 30, "revenue": 25}, 30),
        ({"revenue": 25, "shipping": 3, "tax": 2}, 30),
        ({"products": LINES}, 25),
        ({}, None),
    ],
)
def test_a_checkout_has_the_value(properties: dict[str, Any], value: float | None):
    record = decode(tracked("Checkout Started", properties), BROKER_MS, None).record

    assert record.value_micros == (None if value is None else value * UNIT)


@pytest.mark.parametrize(
    ("properties", "reason", "field"),
    [
        ({"total": -1}, "out_of_range", "$.properties.total"),
        ({"revenue": "NaN"}, "out_of_range", "$.properties.revenue"),
        ({"shipping": "Infinity"}, "out_of_range", "$.properties.shipping"),
        ({"tax": 1e12}, "out_of_range", "$.properties.tax"),
        ({"discount": "ten"}, "wrong_type", "$.properties.discount"),
        ({"total": {"amount": 1}}, "wrong_type", "$.properties.total"),
        ({"products": {"sku": "A"}}, "wrong_type", "$.properties.products"),
        ({"products": ["A"]}, "wrong_type", "$.properties.products[0]"),
        (
            {"products": [LINES[0], {"price": -1}]},
            "out_of_range",
            "$.properties.products[1].price",
        ),
        (
            {"products": [LINES[0], {"price": []}]},
            "wrong_type",
            "$.properties.products[1].price",
        ),
    ],
)
def test_a_wrong_amount_is_named(properties: dict[str, Any], reason: str, field: str):
    with pytest.raises(RejectedEventError) as caught:
        order(**properties)

    assert (caught.value.reason, caught.value.field) == (reason, field)
