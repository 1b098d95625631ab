"""Timing: when a customer is due, and when they buy. The start is Monday, 2 March 2026, UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stream.events.records import OrderRefunded
from tests.engine.lane import BUILT_IN
from tests.segments.stories import Story, at, gone_ms, item, noon, order, orders
from tests.state.shopping import DAY, HOUR, START_MS

YEAR = 365 * DAY


def test_miss_you_is_due_between_one_and_a_quarter_and_two_own_gaps():
    story = Story("miss_you_due", "at_risk")
    story.put(*orders((0, 20 * DAY, 40 * DAY)))
    story.until(120 * DAY)
    # Two gaps of 20 days and the usual one of 60: (40 + 60) / 3 days.
    gap_ms = 100 * DAY // 3
    due_ms = 40 * DAY + -(-gap_ms * 5 // 4)
    assert story.turns == [
        ("+miss_you_due", due_ms),
        ("-miss_you_due", 40 * DAY + 2 * gap_ms),
        ("+at_risk", 40 * DAY + 2 * gap_ms + 1),
    ]


def test_a_refill_is_due_after_four_fifths_of_the_own_cadence_of_that_category():
    story = Story("refill_due:coffee", "refill_due:pet_food")
    story.put(*orders((0, 20 * DAY, 40 * DAY), item("Coffee")), order(45 * DAY, item("Shoes")))
    story.until(70 * DAY)
    assert story.turns == [("+refill_due:coffee", 56 * DAY)]
    story.put(order(71 * DAY, item("Coffee")))
    assert story.turns[1:] == [("-refill_due:coffee", 71 * DAY)]


def test_who_let_three_cadences_pass_buys_it_elsewhere():
    story = Story("refill_due:coffee")
    story.put(*orders((0, 20 * DAY, 40 * DAY), item("Coffee")))
    story.until(120 * DAY)
    assert story.turns[1:] == [("-refill_due:coffee", 100 * DAY)]


def test_shoes_are_worn_after_two_years():
    story = Story("replacement_due:shoes", "replacement_due:audio")
    story.put(order(0, item("Shoes")))
    story.until(731 * DAY)
    assert story.turns == [("+replacement_due:shoes", 730 * DAY)]
    story.put(order(732 * DAY, item("Shoes")))
    assert story.turns[1:] == [("-replacement_due:shoes", 732 * DAY)]


def test_what_came_back_broken_is_replaced_at_once_for_a_fortnight():
    story = Story("replacement_due:audio")
    story.put(order(0, item("Audio")))
    back = item("Audio", reason="defective")
    story.put(OrderRefunded(**at(5 * DAY), order_id="o0", items=(back,)))
    story.until(30 * DAY)
    assert story.turns == [
        ("+replacement_due:audio", 5 * DAY),
        ("-replacement_due:audio", gone_ms(5 * DAY, 14 * DAY)),
    ]


@pytest.mark.parametrize(
    ("segment", "first_ms"),
    [
        ("morning_shopper", 5 * HOUR),
        ("evening_shopper", 18 * HOUR),
        ("weekend_shopper", 5 * DAY + 12 * HOUR),
    ],
)
def test_three_orders_at_the_same_time_of_day_or_week_and_half_of_all(segment: str, first_ms: int):
    story = Story(segment)
    times = [first_ms + week * 7 * DAY for week in range(3)]
    story.put(*orders(times))
    assert story.turns == [(f"+{segment}", times[2])]
    other_ms = first_ms + 17 * DAY + (0 if segment == "weekend_shopper" else 9 * HOUR)
    story.put(*orders(other_ms + n * 7 * DAY for n in range(3)))
    assert story.turns[1:] == []
    story.put(order(other_ms + 21 * DAY))
    assert story.turns[1:] == [(f"-{segment}", other_ms + 21 * DAY)]


def test_a_habit_is_four_orders_of_it_in_a_year_and_half_of_all():
    story = Story("habit:coffee", "habit:pet_food")
    story.put(*orders((noon(n) for n in (0, 30, 60)), item("Coffee")), order(noon(70)))
    assert story.turns == []
    story.put(order(noon(90), item("Coffee")))
    assert story.turns == [("+habit:coffee", noon(90))]


def day(year: int, month: int, number: int) -> int:
    """Noon of a day, since the start."""
    return int(datetime(year, month, number, 12, tzinfo=UTC).timestamp()) * 1000 - START_MS


@pytest.mark.parametrize(
    ("segment", "month", "number"),
    [
        ("seasonal_shopper:black_friday", 11, 27),
        ("seasonal_shopper:christmas", 12, 10),
        ("sale_period_buyer", 7, 20),
    ],
)
def test_two_seasons_and_half_of_all_orders(segment: str, month: int, number: int):
    story = Story(segment)
    story.put(order(day(2026, month, number)), order(day(2027, 4, 4)))
    assert story.turns == []
    story.put(order(day(2027, month, number)))
    assert story.turns == [(f"+{segment}", day(2027, month, number))]
    story.put(*orders(day(2027, month, number) + n * 40 * DAY for n in (1,)))
    assert story.is_in(segment)
    story.put(order(day(2028, 3, 20)))
    assert not story.is_in(segment)


def test_a_first_season_is_no_habit_until_half_a_year_of_other_days_has_passed():
    story = Story("seasonal_shopper:christmas", "sale_period_buyer")
    first = day(2026, 12, 1)
    story.put(order(first), order(day(2026, 12, 20)))
    story.until(first + 181 * DAY)
    assert story.turns == []
    story.until(first + 183 * DAY)
    assert story.turns == [("+seasonal_shopper:christmas", first + 182 * DAY)]


def test_a_present_of_last_year_is_due_three_weeks_before_its_day():
    story = Story("occasion_due")
    story.put(order(0, gift=True), order(DAY))
    story.until(380 * DAY)
    assert story.turns == [("+occasion_due", 344 * DAY), ("-occasion_due", 372 * DAY)]
    assert YEAR - 344 * DAY == 21 * DAY


@pytest.mark.parametrize(
    ("zone", "midnight_ms"),
    [
        ("UTC", 0),
        ("America/New_York", 0),
        ("America/New_York", 5 * HOUR),
        ("Asia/Kolkata", -5.5 * HOUR),
    ],
)
def test_a_date_without_a_time_is_no_time_of_the_day(zone: str, midnight_ms: float):
    """An import by days has midnights, of UTC or of the shop: in New York UTC's is seven."""
    story = Story("evening_shopper", "morning_shopper", "weekend_shopper")
    story.lane.define(f"timezone: {zone}\n".encode() + BUILT_IN, START_MS - 30 * DAY)
    story.put(*orders(int(DAY + n * DAY + midnight_ms) for n in range(3)))
    assert story.turns == []


def test_the_hour_of_orders_that_have_one_counts():
    story = Story("evening_shopper", "morning_shopper")
    story.put(*orders(n * DAY + 18 * HOUR for n in range(3)))
    assert story.turns == [("+evening_shopper", 2 * DAY + 18 * HOUR)]
