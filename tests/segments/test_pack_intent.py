"""Intent: who is about to buy, or put something aside."""

from __future__ import annotations

from stream.events.records import WishlistChanged
from tests.segments.stories import Story, at, order, viewed
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS, added, checkout


def test_high_intent_at_the_till_for_half_an_hour():
    story = Story("high_intent")
    story.put(added(START_MS), checkout(START_MS + MINUTE))
    story.until(HOUR)
    assert story.turns == [("+high_intent", MINUTE), ("-high_intent", 31 * MINUTE)]


def test_high_intent_with_a_cart_after_three_products_until_an_hour_has_passed():
    story = Story("high_intent")
    story.put(*(viewed(n * MINUTE, product_id=f"p{n}") for n in range(3)))
    assert story.turns == []
    story.put(added(START_MS + 5 * MINUTE, "p2"))
    story.until(2 * HOUR)
    assert story.turns == [("+high_intent", 5 * MINUTE), ("-high_intent", HOUR + 5 * MINUTE)]


def test_an_order_ends_high_intent():
    story = Story("high_intent")
    story.put(added(START_MS), checkout(START_MS), order(10 * MINUTE))
    assert story.turns == [("+high_intent", 0), ("-high_intent", 10 * MINUTE)]


def wish(at_ms: int, action: str = "added") -> WishlistChanged:
    return WishlistChanged(**at(at_ms), action=action)


def test_a_wish_waits_a_week_after_it_was_made_and_until_it_goes_into_the_cart():
    story = Story("wishlist_waiting")
    story.put(wish(0))
    story.until(8 * DAY)
    assert story.turns == [("+wishlist_waiting", 7 * DAY)]
    story.put(wish(9 * DAY, "moved_to_cart"))
    assert story.turns[1:] == [("-wishlist_waiting", 9 * DAY)]


def test_a_wish_of_two_months_ago_waits_no_more():
    story = Story("wishlist_waiting")
    story.put(wish(0))
    story.until(61 * DAY)
    assert story.turns[1:] == [("-wishlist_waiting", 60 * DAY)]
