"""The oracle's members, on cases small enough to be worked out on paper."""

from typing import Any

import pytest

from tests.oracle.membership import Change, Thresholds, changes_until, members_at
from tests.oracle.reading import instant_ms


def track(name: str, at: str, **properties: Any) -> dict[str, Any]:
    event = {"type": "track", "event": name, "userId": "ann", "messageId": f"{name} {at}"}
    return {**event, "timestamp": at, "properties": properties}


def order(at: str, revenue: str = "10") -> dict[str, Any]:
    return track("Order Completed", at, order_id=at, revenue=revenue)


def ann(*events: dict[str, Any], at: str, thresholds: Thresholds | None = None) -> set[str]:
    return members_at(events, instant_ms(at), thresholds)["ann"]


MONTHLY = [order(f"2026-0{month}-01") for month in range(1, 6)]
CART = track("Product Added", "2026-01-01T10:00", product_id="a")


@pytest.mark.parametrize(
    ("events", "at", "stage"),
    [
        ([CART], "2026-01-01T10:00", "new_visitor"),
        ([CART, track("Cart Viewed", "2026-01-01T10:30")], "2026-01-01T10:30", "exploring"),
        ([order("2026-01-01")], "2026-01-31", "new_customer"),
        ([order("2026-01-01")], "2026-01-31T00:00:00.001Z", "one_time_buyer"),
        # One order: the rhythm is 60 days, four of which are 240 days.
        ([order("2026-01-01")], "2026-08-29", "one_time_buyer"),
        ([order("2026-01-01")], "2026-08-29T00:00:00.001Z", "lapsed"),
        (MONTHLY[:2], "2026-02-01", "regular"),
        (MONTHLY, "2026-05-01", "loyal"),
        # Two orders 31 days apart: (31 + 60) / 2 = 45.5 days; twice that is 91 days.
        (MONTHLY[:2], "2026-05-03", "regular"),
        (MONTHLY[:2], "2026-05-03T00:00:00.001Z", "at_risk"),
        (MONTHLY[:2], "2026-08-02T00:00:00.001Z", "lapsed"),
        ([order("2026-01-01"), order("2026-12-01")], "2026-12-01", "won_back"),
    ],
)
def test_the_journey_has_one_stage_at_a_time(events: list[dict[str, Any]], at: str, stage: str):
    assert ann(*events, at=at) - {"abandoned_cart"} == {stage}


def test_a_cart_is_abandoned_after_an_hour_and_forgotten_after_a_week():
    assert "abandoned_cart" not in ann(CART, at="2026-01-01T10:59:59.999Z")
    assert "abandoned_cart" in ann(CART, at="2026-01-01T11:00Z")
    assert "abandoned_cart" in ann(CART, at="2026-01-08T09:59:59.999Z")
    assert "abandoned_cart" not in ann(CART, at="2026-01-08T10:00Z")


def test_who_comes_back_to_an_abandoned_cart_is_still_a_member_until_the_order():
    back = track("Cart Viewed", "2026-01-02T10:00")
    assert "abandoned_cart" in ann(CART, back, at="2026-01-02T10:00Z")
    bought = order("2026-01-02T10:05")
    changes = changes_until([CART, back, bought], instant_ms("2026-01-03"))
    assert [change for change in changes if change.segment == "abandoned_cart"] == [
        Change("ann", instant_ms("2026-01-01T11:00"), "abandoned_cart", True),
        Change("ann", instant_ms("2026-01-02T10:05"), "abandoned_cart", False),
    ]


def test_a_checkout_is_abandoned_after_half_an_hour():
    begun = track("Checkout Started", "2026-01-01T10:00")
    assert "abandoned_checkout" not in ann(begun, at="2026-01-01T10:29:59.999Z")
    assert "abandoned_checkout" in ann(begun, at="2026-01-01T10:30Z")
    assert "abandoned_checkout" not in ann(begun, order("2026-01-01T12:00"), at="2026-01-01T12:00Z")


def test_looking_at_two_products_and_leaving_is_an_abandoned_browse_unless_one_is_in_the_cart():
    views = [track("Product Viewed", f"2026-01-01T10:0{n}", product_id=f"p{n}") for n in (1, 2)]
    assert "abandoned_browse" not in ann(views[0], at="2026-01-02")
    assert "abandoned_browse" in ann(*views, at="2026-01-01T11:02Z")
    assert "abandoned_browse" not in ann(*views, at="2026-01-04T10:02:00.001Z")
    added = track("Product Added", "2026-01-01T10:03", product_id="p2")
    assert "abandoned_browse" not in ann(*views, added, at="2026-01-02")


def test_value_is_judged_by_given_thresholds_with_a_margin_to_leave():
    low, high = order("2026-01-01", "90"), order("2026-01-02", "20")
    cancelled = track("Order Cancelled", "2026-01-03", order_id="2026-01-02")
    thresholds = Thresholds(50_000_000, 80_000_000, 100_000_000)
    assert "high_value" not in ann(low, at="2026-01-09", thresholds=thresholds)
    assert "high_value" in ann(low, high, at="2026-01-09", thresholds=thresholds)
    assert "high_value" in ann(low, high, cancelled, at="2026-01-09", thresholds=thresholds)
    assert "high_value" not in ann(low, high, cancelled, at="2026-01-09")


def test_who_sends_three_matured_orders_back_is_a_serial_returner():
    orders = [order(f"2026-01-0{day}", "100") for day in (1, 2, 3)]
    back = [
        track("Order Refunded", f"2026-01-1{day}", order_id=f"2026-01-0{day}", total="90")
        for day in (1, 2, 3)
    ]
    thresholds = Thresholds(50_000_000, 1_000_000_000, 2_000_000_000)
    events = [*orders, *back]
    assert "serial_returner" not in ann(*events, at="2026-02-01", thresholds=thresholds)
    assert "serial_returner" in ann(*events, at="2026-02-02", thresholds=thresholds)
    kept = order("2026-02-03", "100")
    assert "serial_returner" in ann(*events, kept, at="2026-03-04", thresholds=thresholds)
    assert "serial_returner" not in ann(*events, kept, at="2026-03-05", thresholds=thresholds)
