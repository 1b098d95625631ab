"""Purchase style: at once or by a plan, what of, and how they came."""

from __future__ import annotations

import pytest

from tests.segments.stories import Story, gone_ms, item, noon, order, viewed
from tests.state.shopping import DAY, HOUR, MINUTE


def looked_and_bought(days: tuple[int, ...], ahead_ms: int):
    """Each time a product of its own: seen so long before, and seen again at once before."""
    for day in days:
        yield viewed(noon(day) - ahead_ms, sku=f"p{day}")
        yield viewed(noon(day) - 1, sku=f"p{day}")
        yield order(noon(day), item(sku=f"p{day}"))


@pytest.mark.parametrize(
    ("segment", "ahead_ms"),
    [("spontaneous_buyer", HOUR), ("planned_buyer", 3 * DAY)],
)
def test_three_orders_that_were_looked_for_so_long_before(segment: str, ahead_ms: int):
    story = Story("spontaneous_buyer", "planned_buyer")
    story.put(*looked_and_bought((10, 20, 30), ahead_ms))
    assert story.turns == [(f"+{segment}", noon(30))]


def test_a_day_ahead_is_neither():
    story = Story("spontaneous_buyer", "planned_buyer")
    story.put(*looked_and_bought((10, 20, 30), DAY))
    assert story.turns == []


def test_one_purchase_that_took_a_week_changes_no_habit():
    story = Story("planned_buyer", "spontaneous_buyer")
    story.put(*looked_and_bought((1, 2, 3), MINUTE), *looked_and_bought((60,), 7 * DAY))
    assert story.turns == [("+spontaneous_buyer", noon(3))]
    story.put(*looked_and_bought((80, 100, 120), 3 * DAY))  # the middle of seven is now three days
    assert story.turns[1:] == [("-spontaneous_buyer", noon(120)), ("+planned_buyer", noon(120))]


def test_who_looks_around_between_orders_plans_nothing():
    story = Story("planned_buyer", "spontaneous_buyer")
    for day in (10, 20, 30):
        story.put(*(viewed(noon(day - back), sku=f"other{day}{back}") for back in (6, 4, 2)))
        story.put(viewed(noon(day) - MINUTE, sku=f"p{day}"), order(noon(day), item(sku=f"p{day}")))
    assert story.turns == [("+spontaneous_buyer", noon(30))]


def test_orders_of_what_was_never_looked_at_say_nothing_of_style():
    story = Story("planned_buyer", "spontaneous_buyer")
    for day in (10, 20, 30):
        story.put(viewed(noon(day) - 5 * DAY, sku="a"), order(noon(day), item(sku=f"p{day}")))
    assert story.turns == []


@pytest.mark.parametrize("category", ["Shoes", "Dresses", "Audio"])
def test_interest_is_four_looks_in_thirty_days(category: str):
    segment = f"interest:{category.lower()}"
    story = Story("interest:shoes", "interest:dresses", "interest:audio")
    story.put(*(viewed(n * HOUR, category) for n in range(3)), viewed(4 * HOUR, "Bags"))
    assert story.turns == []
    story.put(viewed(5 * DAY, category))
    story.until(40 * DAY)
    assert story.turns == [(f"+{segment}", 5 * DAY), (f"-{segment}", gone_ms(0, 30 * DAY))]


def test_cross_selling_is_to_buyers_who_look_at_what_they_never_bought():
    story = Story("cross_sell:shoes")
    story.put(viewed(0, "Shoes"), viewed(1, "Shoes"))
    assert story.turns == []
    story.put(order(HOUR, item("Bags")))
    assert story.turns == [("+cross_sell:shoes", HOUR)]
    story.put(order(DAY, item("Shoes")))
    assert story.turns[1:] == [("-cross_sell:shoes", DAY)]


def test_acquired_by_an_offer_is_whose_first_order_was_one_whatever_came_later():
    story = Story("acquired_by_offer")
    reduced = item(price=10, list_price_micros=15_000_000)
    story.put(order(noon(1), reduced), order(noon(2)))
    assert story.turns == [("+acquired_by_offer", noon(1))]
    story.put(order(noon(0), discount_micros=0))  # comes late, was the first, at its full price
    assert [name for name, _ in story.turns[1:]] == ["-acquired_by_offer"]


def test_whose_first_order_says_nothing_of_offers_is_not_known_to_have_had_none():
    story = Story("acquired_by_offer")
    story.put(order(noon(1), item(list_price_micros=15_000_000)))
    story.put(order(noon(0)))  # comes late, was the first, and is silent
    assert story.is_in("acquired_by_offer")
