"""Friction: what went wrong, from the moment at which it shows until it no longer helps to say."""

from __future__ import annotations

import pytest

from stream.events.records import CheckoutStepped, CouponUsed, Custom, OrderCompleted
from tests.segments.stories import Story, at, gone_ms, item, order, viewed
from tests.state.shopping import (
    DAY,
    HOUR,
    MICROS,
    MINUTE,
    START_MS,
    added,
    checkout,
    removed,
    search,
)


def declined(at_ms: int) -> Custom:
    return Custom(**at(at_ms), name="Payment Failed", properties={"reason": "declined"})


def test_a_failed_payment_is_told_when_no_order_followed_in_a_quarter_of_an_hour():
    story = Story("payment_failed")
    story.put(declined(0))
    story.until(4 * DAY)
    assert story.turns == [("+payment_failed", 15 * MINUTE), ("-payment_failed", 3 * DAY)]


def test_a_payment_that_worked_at_the_second_try_is_no_failure():
    story = Story("payment_failed")
    story.put(declined(0), order(14 * MINUTE))
    story.until(4 * DAY)
    assert story.turns == []


def test_a_denied_coupon_is_told_when_no_order_followed_in_half_an_hour():
    story = Story("coupon_denied")
    story.put(CouponUsed(**at(0), action="denied"))
    story.until(HOUR)
    assert story.turns == [("+coupon_denied", 30 * MINUTE)]
    story.put(order(2 * HOUR))
    assert story.turns[1:] == [("-coupon_denied", 2 * HOUR)]


def test_a_second_search_in_vain_within_a_day():
    story = Story("no_results_searcher")
    story.put(search(START_MS, 0), search(START_MS + MINUTE, 7))
    assert story.turns == []
    story.put(search(START_MS + HOUR, 0))
    story.until(3 * DAY)
    assert story.turns == [
        ("+no_results_searcher", HOUR), ("-no_results_searcher", gone_ms(0, DAY))]  # fmt: skip


def at_shipping(at_ms: int, cost: float = 4.95) -> CheckoutStepped:
    return checkout(START_MS + at_ms, "viewed", shipping_micros=round(cost * MICROS))


@pytest.mark.parametrize(("price", "told"), [(49.50, True), (49.60, False)])
def test_shipping_shocks_where_it_costs_a_tenth_of_the_goods(price: float, told: bool):
    story = Story("shipping_shock")
    story.put(added(START_MS, "p", 1, price))
    story.put(checkout(START_MS + MINUTE), at_shipping(2 * MINUTE))
    story.until(4 * DAY)
    expected = [("+shipping_shock", 32 * MINUTE), ("-shipping_shock", 3 * DAY + 2 * MINUTE)]
    assert story.turns == (expected if told else [])


def test_who_saw_the_shipping_and_went_on_left_for_something_else():
    story = Story("shipping_shock")
    story.put(added(START_MS), at_shipping(MINUTE), at_shipping(2 * MINUTE))
    story.until(HOUR)
    assert story.turns == []


def test_where_no_step_says_what_sending_costs_nobody_is_shocked():
    story = Story("shipping_shock")
    story.put(added(START_MS), checkout(START_MS), checkout(START_MS + MINUTE, "viewed"))
    story.put(at_shipping(2 * MINUTE, 0))
    story.until(HOUR)
    assert story.turns == []


def test_an_emptied_cart_shocks_no_more():
    story = Story("shipping_shock")
    story.put(added(START_MS), at_shipping(MINUTE), removed(START_MS + HOUR))
    assert story.turns == [
        ("+shipping_shock", 31 * MINUTE), ("-shipping_shock", HOUR)]  # fmt: skip


def test_who_comes_back_and_fills_the_cart_was_shocked_no_more():
    story = Story("shipping_shock")
    story.put(added(START_MS), at_shipping(MINUTE), added(START_MS + HOUR, "q", 1, 60))
    assert story.turns == [
        ("+shipping_shock", 31 * MINUTE), ("-shipping_shock", HOUR)]  # fmt: skip


def test_stuck_at_the_third_try_to_pay_until_the_order():
    story = Story("checkout_stuck")
    story.put(checkout(START_MS), *(checkout(START_MS + n * MINUTE, "payment") for n in (1, 2)))
    assert story.turns == []
    story.put(checkout(START_MS + 3 * MINUTE, "payment"), order(9 * MINUTE))
    assert story.turns == [("+checkout_stuck", 3 * MINUTE), ("-checkout_stuck", 9 * MINUTE)]


def test_stuck_at_the_eighth_step():
    story = Story("checkout_stuck")
    story.put(*(checkout(START_MS + n * MINUTE, "viewed") for n in range(8)))
    assert story.turns == [("+checkout_stuck", 7 * MINUTE)]


def looks(at_ms: int, *in_stock: bool | None):
    return [viewed(at_ms + n, in_stock=each) for n, each in enumerate(in_stock)]


def test_four_in_ten_looks_and_two_in_a_week_that_cannot_be_sent_frustrate_for_a_week():
    story = Story("stockout_frustrated")
    story.put(*looks(0, False, False, True, True, True, None))
    assert story.turns == []  # five looks say nothing yet
    story.put(*looks(HOUR, False))
    story.until(9 * DAY)
    assert story.turns == [
        ("+stockout_frustrated", HOUR),
        ("-stockout_frustrated", gone_ms(1, 7 * DAY)),
    ]


def test_who_looks_at_much_meets_something_that_is_out_without_frustration():
    story = Story("stockout_frustrated")
    story.put(*looks(0, True, True, True, False, True, True, False, True, True, False))
    assert story.turns == []
    story.put(*looks(HOUR, False, False))  # 5 of 12
    assert story.turns == [("+stockout_frustrated", HOUR + 1)]
    story.put(*looks(2 * HOUR, *[True] * 8))  # 5 of 20 is not under a quarter
    assert story.is_in("stockout_frustrated")
    story.put(*looks(3 * HOUR, True))
    assert not story.is_in("stockout_frustrated")


def bought(at_ms: int, price: float, size: str) -> OrderCompleted:
    return order(at_ms, item("Shoes", price, size=size))


@pytest.mark.parametrize(
    ("price", "size", "hours", "told"),
    [(80, "42", 2, True), (130, "42", 2, False), (80, "43", 2, False), (80, "42", 25, False)],
)
def test_traded_down_is_the_cheaper_one_in_the_size_that_was_out_of_the_dearer(
    price: float, size: str, hours: int, told: bool
):
    story = Story("traded_down")
    story.put(viewed(0, "Shoes", 120, size="42", in_stock=False))
    story.put(bought(hours * HOUR, price, size))
    story.until(20 * DAY)
    at_ms = hours * HOUR
    expected = [("+traded_down", at_ms), ("-traded_down", at_ms + 14 * DAY + 1)]
    assert story.turns == (expected if told else [])
