"""Intent: who is about to buy, or put something aside."""

from __future__ import annotations

import pytest

from stream.events.records import CustomerEvent, WishlistChanged
from tests.segments.stories import Story, at, item, order, viewed
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS, added, checkout


def test_high_intent_is_who_hesitates_at_the_till_for_half_an_hour():
    story = Story("high_intent")
    story.put(added(START_MS), checkout(START_MS + MINUTE))
    story.until(HOUR)
    assert story.turns == [("+high_intent", 4 * MINUTE), ("-high_intent", 31 * MINUTE)]


def test_who_goes_through_the_till_without_a_halt_needs_no_help():
    story = Story("high_intent")
    story.put(added(START_MS), *(checkout(START_MS + n * MINUTE) for n in (1, 3, 5)))
    story.put(order(7 * MINUTE))
    story.until(HOUR)
    assert story.turns == []


def test_a_further_step_and_an_order_end_the_hesitation():
    story = Story("high_intent")
    story.put(added(START_MS), checkout(START_MS), checkout(START_MS + 5 * MINUTE, "viewed"))
    assert story.turns == [("+high_intent", 3 * MINUTE), ("-high_intent", 5 * MINUTE)]
    story.put(order(10 * MINUTE))
    assert story.turns[2:] == [("+high_intent", 8 * MINUTE), ("-high_intent", 10 * MINUTE)]


def test_a_filled_cart_alone_is_no_high_intent():
    story = Story("high_intent")
    story.put(*(viewed(n * MINUTE, product_id=f"p{n}") for n in range(3)), added(START_MS + HOUR))
    story.until(DAY)
    assert story.turns == []


def wish(at_ms: int, action: str = "added", sku: str = "w") -> WishlistChanged:
    return WishlistChanged(**at(at_ms), action=action, item=item(sku=sku))


def test_a_wish_waits_a_week_after_it_was_made_and_until_it_goes_into_the_cart():
    story = Story("wishlist_waiting")
    story.put(wish(0))
    story.until(8 * DAY)
    assert story.turns == [("+wishlist_waiting", 7 * DAY)]
    story.put(wish(9 * DAY, "moved_to_cart"))
    assert story.turns[1:] == [("-wishlist_waiting", 9 * DAY)]


@pytest.mark.parametrize(
    "end",
    [
        order(9 * DAY, item(sku="w")),
        added(START_MS + 9 * DAY, "w"),
        WishlistChanged(**at(9 * DAY), action="removed", item=item(sku="w")),
    ],
    ids=["bought", "put into the cart", "removed"],
)
def test_a_wish_waits_no_more_when_it_is_bought_taken_or_taken_back(end: CustomerEvent):
    story = Story("wishlist_waiting")
    story.put(wish(0), order(8 * DAY, item(sku="another")))
    assert story.turns == [("+wishlist_waiting", 7 * DAY)]
    story.put(end)
    assert story.turns[1:] == [("-wishlist_waiting", 9 * DAY)]


def test_a_wish_that_is_left_waits_from_its_own_day_on():
    story = Story("wishlist_waiting")
    story.put(wish(0), wish(5 * DAY, sku="v"))
    story.until(9 * DAY)
    assert story.turns == []
    story.put(order(9 * DAY, item(sku="v")))
    assert story.turns == [("+wishlist_waiting", 9 * DAY)]


def test_a_wish_of_two_months_ago_waits_no_more():
    story = Story("wishlist_waiting")
    story.put(wish(0))
    story.until(61 * DAY)
    assert story.turns[1:] == [("-wishlist_waiting", 60 * DAY)]
