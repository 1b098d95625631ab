from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from math import sqrt
from typing import Any

import pytest

from stream.clock import DAY_MS
from stream.simulation.customer_types import TYPES
from tests.simulation.month import Month

Body = dict[str, Any]


@pytest.fixture(scope="module")
def orders(month: Month) -> dict[str, tuple[int, Body]]:
    """By order id: when, and the whole event."""
    return {
        body["properties"]["order_id"]: (event.time_ms, body)
        for event, body in month.told("Order Completed")
    }


def cents(amount: float) -> int:
    return round(Decimal(str(amount)) * 100)


def test_order_ids_are_never_used_twice(month: Month, orders: dict[str, tuple[int, Body]]):
    assert len(orders) == sum(event.kind == "Order Completed" for event in month.events) > 500


def test_an_orders_amounts_add_up(orders: dict[str, tuple[int, Body]]):
    with_discount = with_shipping = 0
    for _, body in orders.values():
        order = body["properties"]
        lines = sum(cents(line["price"]) * line["quantity"] for line in order["products"])
        assert lines == cents(order["subtotal"]) > 0
        assert cents(order["revenue"]) == lines - cents(order["discount"])
        extra = cents(order["shipping"]) + cents(order["tax"])
        assert cents(order["total"]) == cents(order["revenue"]) + extra
        assert (cents(order["discount"]) > 0) == ("coupon" in order)
        assert order["currency"] == "EUR"
        with_discount += cents(order["discount"]) > 0
        with_shipping += cents(order["shipping"]) > 0
    assert with_discount > 20
    assert with_shipping > 100


def test_lines_carry_what_segments_need(orders: dict[str, tuple[int, Body]]):
    for _, body in orders.values():
        for line in body["properties"]["products"]:
            needed = {"product_id", "sku", "category", "brand", "size", "list_price", "cost"}
            assert needed <= set(line)
            assert 0 < line["cost"] < line["list_price"]
            assert line["price"] <= line["list_price"]


def test_refunds_are_of_lines_of_earlier_orders(month: Month, orders: dict[str, tuple[int, Body]]):
    refunds = list(month.told("Order Refunded"))
    for event, body in refunds:
        refund = body["properties"]
        ordered_ms, order = orders[refund["order_id"]]
        assert event.time_ms >= ordered_ms + 2 * DAY_MS
        assert body.get("userId", body.get("anonymousId")) in {
            order.get("userId"), order.get("anonymousId"),
        }  # fmt: skip
        products = order["properties"]["products"]
        lines = {(line["sku"], line["price"]): line["quantity"] for line in products}
        for line in refund["products"]:
            assert line["quantity"] <= lines[line["sku"], line["price"]]
            assert line["reason"]
        assert 0 < cents(refund["total"]) <= cents(order["properties"]["revenue"])
    assert len(refunds) > 60
    assert len({body["properties"]["order_id"] for _, body in refunds}) == len(refunds)
    partial = sum(
        len(body["properties"]["products"])
        < len(orders[body["properties"]["order_id"]][1]["properties"]["products"])
        for _, body in refunds
    )
    assert partial > 10


def test_returners_send_back_far_more_than_others(
    month: Month, orders: dict[str, tuple[int, Body]]
):
    early_ms = month.config.end_ms - 20 * DAY_MS  # their refunds are within the month
    lines: Counter[str] = Counter()
    returned: Counter[str] = Counter()
    type_of = {}
    for event, body in month.told("Order Completed"):
        type_of[body["properties"]["order_id"]] = month.type_of(event)
        if event.time_ms < early_ms:
            lines[month.type_of(event)] += len(body["properties"]["products"])
    for _, body in month.told("Order Refunded"):
        order_id = body["properties"]["order_id"]
        if orders[order_id][0] < early_ms:
            returned[type_of[order_id]] += len(body["properties"]["products"])
    rest = lines.total() - lines["returner"]
    assert returned["returner"] / lines["returner"] > 0.6
    assert (returned.total() - returned["returner"]) / rest < 0.2


def test_checkouts_end_in_orders_as_the_type_says(month: Month):
    ratios = {kind.name: kind.order_ratio for kind in TYPES}
    started: Counter[str] = Counter()
    ordered: Counter[str] = Counter()
    for event in month.events:
        started[month.type_of(event)] += event.kind == "Checkout Started"
        ordered[month.type_of(event)] += event.kind == "page Order Confirmation"
    for name, ratio in ratios.items():
        expected = started[name] * ratio
        spread = sqrt(started[name] * ratio * (1 - ratio))
        assert abs(ordered[name] - expected) <= 4.5 * spread + 2, name


def test_cancellations_and_updates_repeat_an_order(
    month: Month, orders: dict[str, tuple[int, Body]]
):
    told = list(month.told("Order Cancelled", "Order Updated"))
    refunded = {body["properties"]["order_id"] for _, body in month.told("Order Refunded")}
    for event, body in told:
        ordered_ms, order = orders[body["properties"]["order_id"]]
        assert ordered_ms < event.time_ms < ordered_ms + DAY_MS
        assert body["properties"]["products"] == order["properties"]["products"]
        if event.kind == "Order Cancelled":
            assert body["properties"]["order_id"] not in refunded
    assert {event.kind for event, _ in told} == {"Order Cancelled", "Order Updated"}


def test_a_till_knows_the_account_and_no_browser(month: Month):
    places: defaultdict[str, set[str]] = defaultdict(set)
    per_type: Counter[str] = Counter()
    for event, body in month.told("Order Completed"):
        properties = body["properties"]
        if properties["channel"] != "store":
            assert "store" not in properties
            continue
        assert "anonymousId" not in body
        assert "page" not in body["context"]
        places[body["userId"]].add(properties["store"])
        assert properties["payment_method"] in {"card", "cash"}
        per_type[month.type_of(event)] += 1
    assert per_type["store_shopper"] > 50
    assert per_type["omnichannel"] > 30
    assert all(len(stores) == 1 for stores in places.values())


def test_stores_are_closed_on_sundays_and_at_night(month: Month):
    days: Counter[int] = Counter()
    hours: Counter[int] = Counter()
    for event, body in month.told("Order Completed"):
        if body["properties"]["channel"] == "store":
            days[(event.time_ms // DAY_MS + 3) % 7] += 1  # 0 is a Monday
            hours[event.time_ms // 3_600_000 % 24] += 1
    assert days[6] <= 0.02 * days.total()  # a zone's Sunday can reach into the other's Saturday
    assert days[5] == max(days.values())
    assert sum(hours[hour] for hour in range(6)) == 0


def test_gift_buyers_give_and_convenience_seekers_are_in_a_hurry(month: Month):
    gifts: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    for event, body in month.told("Order Completed"):
        orders[month.type_of(event)] += 1
        gifts[month.type_of(event)] += body["properties"].get("gift", False)
    assert gifts["gift_buyer"] / orders["gift_buyer"] > 0.5
    assert (gifts.total() - gifts["gift_buyer"]) / orders.total() < 0.06
    express: Counter[str] = Counter()
    for event, body in month.told("Checkout Step Completed"):
        if body["properties"]["step"] == 2:
            method = body["properties"]["shipping_method"]
            express[f"{month.type_of(event) == 'convenience_seeker'} {method}"] += 1
    assert express["True express"] > 0.4 * express["True standard"]
    assert express["False express"] < 0.3 * express["False standard"]


def test_quality_seekers_buy_the_dearest(month: Month):
    prices: defaultdict[str, list[float]] = defaultdict(list)
    for event, body in month.told("Product Viewed"):
        if body["properties"]["category"] == "Shoes":
            prices[month.type_of(event)].append(body["properties"]["list_price"])
    means = {name: sum(found) / len(found) for name, found in prices.items() if len(found) > 99}
    assert max(means, key=means.__getitem__) == "quality_seeker"
    assert min(means, key=means.__getitem__) == "discount_hunter"
