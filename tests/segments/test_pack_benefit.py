"""Price and benefit: what customers look for, as their orders show."""

from __future__ import annotations

import msgspec
import pytest

from stream.events.records import (
    CheckoutStepped,
    ProductReviewed,
    PromotionSeen,
    Shared,
    WishlistChanged,
)
from stream.segments.leaf_code import percentile_key
from tests.segments.stories import Story, at, gone_ms, item, noon, order, orders
from tests.state.shopping import DAY, HOUR, MICROS, START_MS, page


def test_price_decides_where_three_in_five_orders_are_on_offer():
    story = Story("price_sensitive", "full_price_buyer")
    story.put(*orders(map(noon, (1, 2)), coupon="TEN"))
    assert story.turns == []
    story.put(order(noon(3)))
    assert story.turns == [("+price_sensitive", noon(3))]
    story.put(order(noon(4)))  # 2 of 4: still a member, by the lower bound to leave
    assert story.is_in("price_sensitive")
    story.put(order(noon(5)))
    assert story.turns[1:] == [("-price_sensitive", noon(5))]


def test_who_pays_the_full_price_four_times_in_five_needs_no_discount():
    story = Story("price_sensitive", "full_price_buyer")
    story.put(*orders(map(noon, (1, 2, 3)), discount_micros=0))
    assert story.turns == [("+full_price_buyer", noon(3))]
    story.put(order(noon(4), coupon="TEN"))  # 3 of 4: still a member, by the lower bound to leave
    assert story.is_in("full_price_buyer")
    story.put(order(noon(5), coupon="TEN"))
    assert story.turns[1:] == [("-full_price_buyer", noon(5))]


def test_silence_about_offers_is_no_full_price():
    story = Story("price_sensitive", "full_price_buyer", "quality_seeker")
    announce_prices(story)
    story.put(*orders(map(noon, (1, 2, 3, 4)), item(price=100)))
    assert story.turns == []


def test_one_reduced_line_among_many_is_no_order_on_offer():
    story = Story("price_sensitive", "full_price_buyer")
    lines = (
        item(price=5, list_price_micros=8 * MICROS),
        item(price=40, list_price_micros=40 * MICROS),
    )
    story.put(*orders(map(noon, (1, 2, 3)), *lines))
    assert story.turns == [("+full_price_buyer", noon(3))]


def test_two_orders_in_a_year_by_coupons_or_clicked_promotions_and_every_third_one():
    story = Story("incentive_responsive")
    story.put(*orders(map(noon, (1, 2)), coupon="TEN"))
    assert story.turns == [("+incentive_responsive", noon(2))]
    other = Story("incentive_responsive")
    other.put(PromotionSeen(**at(0), clicked=True), order(DAY))
    assert other.turns == []  # once is chance
    other.put(PromotionSeen(**at(2 * DAY), clicked=True), order(3 * DAY))
    other.until(200 * DAY)
    assert other.turns == [
        ("+incentive_responsive", 2 * DAY), ("-incentive_responsive", 185 * DAY + 1)]  # fmt: skip


def test_who_mostly_buys_without_an_incentive_does_not_answer_to_them():
    story = Story("incentive_responsive")
    story.put(*orders(map(noon, range(1, 6))), *orders(map(noon, (6, 7)), coupon="TEN"))
    assert story.turns == []
    story.put(order(noon(8), coupon="TEN"))  # 3 of 8
    assert story.turns == [("+incentive_responsive", noon(8))]


def announce_prices(story: Story) -> None:
    """What pieces cost at the shop, by rank."""
    ranks = {percentile_key("orders.item_price", rank): amount * MICROS
             for rank, amount in ((0.5, 20), (0.6, 25), (0.7, 30), (0.8, 40))}  # fmt: skip
    story.lane.announce("population", msgspec.json.encode(ranks), START_MS)


def test_quality_is_sought_by_who_buys_among_the_dearest_and_not_on_offer():
    story = Story("quality_seeker", "upgrade_candidate")
    announce_prices(story)
    story.put(*orders(map(noon, (1, 2)), item(price=41), discount_micros=0))
    assert story.turns == [("+quality_seeker", noon(2))]
    story.put(order(noon(3), item(price=1), discount_micros=0))  # 83 for 3 pieces
    assert story.turns[1:] == [("-quality_seeker", noon(3))]


def shipped(at_ms: int, method: str) -> CheckoutStepped:
    return CheckoutStepped(**at(at_ms), step="completed", shipping_method=method)


def test_convenience_is_sought_by_who_twice_wants_it_at_once():
    story = Story("convenience_seeker")
    story.put(shipped(0, "standard"), shipped(HOUR, "express"))
    assert story.turns == []
    story.put(shipped(DAY, "pickup"))
    story.until(400 * DAY)
    assert story.turns == [
        ("+convenience_seeker", DAY), ("-convenience_seeker", gone_ms(HOUR, 365 * DAY)),
    ]  # fmt: skip


def test_experience_is_sought_by_who_takes_part_and_comes_often():
    story = Story("experience_seeker")
    story.put(Shared(**at(0)), ProductReviewed(**at(HOUR)), WishlistChanged(**at(2 * HOUR)))
    assert story.turns == []
    story.put(page(START_MS + 4 * HOUR), page(START_MS + 6 * HOUR))  # the fourth and fifth visit
    assert story.turns == [("+experience_seeker", 6 * HOUR)]


@pytest.mark.parametrize("method", ["invoice", "credit_card", "paypal"])
def test_a_way_to_pay_is_preferred_where_three_in_five_orders_of_a_year_have_it(method: str):
    segment = f"payment_preference:{method}"
    story = Story(segment)
    story.put(*orders(map(noon, (1, 2)), payment_method=method))
    assert story.turns == [(f"+{segment}", noon(2))]
    story.put(order(noon(3), payment_method="gift_card"))
    assert story.is_in(segment)
    story.put(order(noon(4), payment_method="gift_card"))
    assert story.turns[1:] == [(f"-{segment}", noon(4))]
