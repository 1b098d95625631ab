"""The oracle itself, on cases small enough to be worked out on paper."""

from typing import Any

import pytest

from tests.oracle.batch import Customer, customers_at, last_gap_ratio, rhythm_ms
from tests.oracle.reading import acts_by_customer, ambiguous_customers, event_time_ms, instant_ms

DAY = 86_400_000
NOW = "2026-06-01"


def track(name: str, at: str, who: str = "ann", **properties: Any) -> dict[str, Any]:
    message = f"{name} {at} {who} {properties}"
    event = {"type": "track", "event": name, "userId": who, "messageId": message}
    return {**event, "timestamp": at, "properties": properties}


def order(number: str | None, at: str, revenue: str, **more: Any) -> dict[str, Any]:
    return track("Order Completed", at, order_id=number, revenue=revenue, **more)


def ann(*events: dict[str, Any], at: str = NOW) -> Customer:
    return customers_at(events, instant_ms(at))["ann"]


def test_orders_and_revenue_are_exact_gross_and_net():
    customer = ann(
        order("1", "2026-01-01", "0.10"),
        order("2", "2026-01-05", "0.20"),
        track("Order Refunded", "2026-01-06", order_id="2", total="0.05"),
    )
    assert customer.order_count == 2
    assert (customer.revenue, customer.refunded) == (300_000, 50_000)
    assert customer.net_revenue == 250_000
    assert customer.standing[-1].time_ms == instant_ms("2026-01-05")


def test_a_refund_takes_no_more_than_is_left_and_without_an_amount_all_of_it():
    whole = track("Order Refunded", "2026-01-03", order_id="1")
    assert ann(order("1", "2026-01-01", "10"), whole).refunded == 10_000_000
    more = track("Order Refunded", "2026-01-03", order_id="1", total="99")
    assert ann(order("1", "2026-01-01", "10"), more).refunded == 10_000_000


def test_a_refund_of_an_order_never_seen_counts_as_it_is():
    customer = ann(track("Order Refunded", "2026-01-03", total="4"))
    assert (customer.order_count, customer.net_revenue) == (0, -4_000_000)


def test_a_refund_that_repeats_the_orders_total_is_that_of_its_lines():
    line = {"product_id": "p", "quantity": 2, "price": "1.50"}
    refund = track("Order Refunded", "2026-01-03", order_id="1", total="10", products=[line])
    assert ann(order("1", "2026-01-01", "10"), refund).refunded == 3_000_000


def test_a_cancelled_order_never_was():
    customer = ann(
        order("1", "2026-01-01", "10"),
        order("2", "2026-02-01", "20"),
        track("Order Cancelled", "2026-02-02", order_id="2"),
    )
    assert (customer.order_count, customer.revenue) == (1, 10_000_000)
    assert customer.standing[-1].time_ms == instant_ms("2026-01-01")
    assert customer.occasions() == [instant_ms("2026-01-01")]


def test_a_later_word_on_an_order_corrects_it():
    update = track("Order Updated", "2026-01-02", order_id="1", revenue="7")
    customer = ann(order("1", "2026-01-01", "10"), update)
    assert (customer.order_count, customer.revenue) == (1, 7_000_000)


def test_orders_without_id_are_orders_of_their_own_and_a_retry_is_none():
    one, two = order(None, "2026-01-01", "5"), order(None, "2026-01-02", "5")
    assert ann(one, two, one).order_count == 2


@pytest.mark.parametrize(
    ("amounts", "micros"),
    [
        ({"revenue": "9", "total": "12", "shipping": "2"}, 9_000_000),
        ({"total": "12", "shipping": "2", "tax": "1"}, 9_000_000),
        ({"subtotal": "8", "total": "12"}, 8_000_000),
        ({"value": 7.5}, 7_500_000),
        ({"products": [{"price": "1.25", "quantity": 3}], "discount": "0.75"}, 3_000_000),
    ],
)
def test_revenue_is_without_shipping_and_tax_from_what_the_shop_sends(
    amounts: dict[str, Any], micros: int
):
    assert ann(track("Order Completed", "2026-01-01", **amounts)).revenue == micros


def test_what_happens_after_the_instant_has_not_happened():
    events = [order("1", "2026-01-01", "1"), order("2", "2026-01-02", "2")]
    assert ann(*events, at="2026-01-01T23:59:59.999Z").order_count == 1
    assert ann(*events, at="2026-01-02").order_count == 2


def test_a_cart_is_what_was_put_in_and_not_taken_out():
    customer = ann(
        track("Product Added", "2026-05-01T10:00", product_id="a", quantity=2),
        track("Product Added", "2026-05-01T10:01", product_id="b"),
        track("Product Removed", "2026-05-01T10:02", product_id="a"),
        track("Product Removed", "2026-05-01T10:03", product_id="never there"),
    )
    assert customer.cart == {"a": 1, "b": 1}
    assert customer.cart_ms == instant_ms("2026-05-01T10:02")


def test_an_order_empties_the_cart_but_news_of_an_old_order_does_not():
    added = track("Product Added", "2026-05-01T10:00", product_id="a")
    assert ann(added, order("1", "2026-05-01T10:01", "5")).cart_items == 0
    update = track("Order Updated", "2026-05-01T10:01", order_id="1", revenue="6")
    assert ann(order("1", "2026-04-01", "5"), added, update).cart_items == 1


def test_a_view_with_the_whole_cart_sets_it_and_one_without_is_activity():
    added = track("Product Added", "2026-05-01T10:00", product_id="a")
    whole = track("Cart Viewed", "2026-05-01T10:05", products=[{"product_id": "b", "quantity": 3}])
    bare = track("Cart Viewed", "2026-05-01T10:09")
    customer = ann(added, whole, bare)
    assert customer.cart == {"b": 3}
    assert customer.cart_ms == instant_ms("2026-05-01T10:09")


def test_occasions_are_a_day_apart_and_the_rhythm_tends_to_60_days():
    assert rhythm_ms([0]) == 60 * DAY
    assert rhythm_ms([0, 10 * DAY]) == 35 * DAY
    assert rhythm_ms([0, DAY, 2 * DAY] + [3 * DAY] * 20) == 7 * DAY
    assert last_gap_ratio([0, 90 * DAY]) == 1.5
    assert last_gap_ratio([0]) == 0
    customer = ann(
        order("1", "2026-01-01T10:00", "1"),
        order("2", "2026-01-01T20:00", "1"),
        order("3", "2026-01-02T10:00", "1"),
    )
    assert customer.occasions() == [instant_ms("2026-01-01T10:00"), instant_ms("2026-01-02T10:00")]


def test_returns_are_judged_by_orders_old_enough_to_have_come_back():
    customer = ann(
        order("1", "2026-01-01", "100"),
        order("2", "2026-05-31", "100"),
        track("Order Refunded", "2026-01-09", order_id="1", total="90"),
    )
    assert customer.return_rate(instant_ms("2026-01-30")) is None
    assert customer.return_rate(instant_ms("2026-01-31")) == 0.9
    assert customer.return_rate(instant_ms(NOW)) == 0.9


def test_visits_are_split_by_half_an_hour_and_the_till_is_none():
    page = {"type": "page", "userId": "ann"}
    customer = ann(
        {**page, "timestamp": "2026-01-01T10:00", "messageId": "1"},
        {**page, "timestamp": "2026-01-01T10:29:59.999", "messageId": "2"},
        {**page, "timestamp": "2026-01-01T10:59:59.999", "messageId": "3"},
        order("1", "2026-01-01T15:00", "5", channel="store"),
    )
    assert customer.visits == 2


def test_the_clients_clock_is_corrected_by_how_wrong_it_was():
    event = {"receivedAt": "2026-01-01T10:00:05Z", "sentAt": "2026-01-01T12:00:04Z"}
    event["originalTimestamp"] = "2026-01-01T12:00:00Z"
    assert event_time_ms(event) == instant_ms("2026-01-01T10:00:01Z")
    future = {"receivedAt": "2026-01-01T10:00Z", "timestamp": "2026-01-02T10:00Z"}
    assert event_time_ms(future) == instant_ms("2026-01-01T10:00Z")


def test_ids_named_together_are_one_person_also_for_what_came_before():
    before = track("Product Added", "2026-01-01T10:00", product_id="a")
    before["anonymousId"] = before.pop("userId")
    login = track("Product Viewed", "2026-01-01T10:01", product_id="a")
    login["anonymousId"] = "ann"
    login["userId"] = "customer 7"
    assert list(acts_by_customer([before, login])) == ["customer 7"]
    assert ambiguous_customers([before, login]) == set()


def test_two_people_at_one_device_are_named_as_such():
    events = [track("Product Viewed", "2026-01-01", who=who) for who in ("ann", "bob", "cem")]
    for event in events[:2]:
        event["anonymousId"] = "kiosk"
    assert ambiguous_customers(events) == {"kiosk", "ann", "bob"}
