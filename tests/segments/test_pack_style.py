"""Purchase style: at once or by a plan, what of, and how they came."""

from __future__ import annotations

import pytest

from tests.segments.stories import Story, gone_ms, item, noon, order, viewed
from tests.state.shopping import DAY, HOUR, MINUTE


def looked_and_bought(days: tuple[int, ...], ahead_ms: int):
    for day in days:
        yield viewed(noon(day) - ahead_ms)
        yield order(noon(day))


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


def test_one_look_of_weeks_before_counts_as_a_week():
    story = Story("planned_buyer", "spontaneous_buyer")
    story.put(*looked_and_bought((1, 2, 3), MINUTE), *looked_and_bought((60,), 50 * DAY))
    # (3 minutes + 7 days) / 4 is less than three days.
    assert story.turns == [("+spontaneous_buyer", noon(3)), ("-spontaneous_buyer", noon(60))]


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
    story.put(order(noon(0)))  # comes late, was the first, and had its full price
    assert [name for name, _ in story.turns[1:]] == ["-acquired_by_offer"]
