"""First contact: who has just come, and what is assumed of them by their area."""

from __future__ import annotations

from tests.segments.stories import Story, at, noon, order
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS, added, identified, message, page


def test_welcome_is_due_ten_minutes_after_an_address_is_left_until_a_message_is_sent():
    story = Story("welcome_due")
    story.put(identified(START_MS, email="a@example.com"))
    story.until(HOUR)
    assert story.turns == [("+welcome_due", 10 * MINUTE)]
    story.put(message(START_MS + 2 * HOUR, "sent"))
    assert story.turns[1:] == [("-welcome_due", 2 * HOUR)]


def test_a_welcome_that_was_never_sent_is_over_after_two_days():
    story = Story("welcome_due")
    story.put(identified(START_MS))
    story.until(3 * DAY)
    assert story.turns == [("+welcome_due", 10 * MINUTE), ("-welcome_due", 2 * DAY)]


def test_not_activated_a_week_after_registering_until_the_second_visit():
    story = Story("not_activated")
    story.put(page(START_MS), identified(START_MS + MINUTE))
    story.until(8 * DAY)
    assert story.turns == [("+not_activated", 7 * DAY + MINUTE)]
    story.put(page(START_MS + 9 * DAY))
    assert story.turns[1:] == [("-not_activated", 9 * DAY)]


def test_who_puts_something_into_the_cart_in_the_first_week_is_activated():
    story = Story("not_activated")
    story.put(identified(START_MS), added(START_MS + DAY))
    story.until(8 * DAY)
    assert story.turns == []


def test_a_base_by_area_fades_with_time_and_sooner_with_each_order():
    story = Story("base:urban", "base:rural")
    story.put(identified(START_MS, area="urban"))
    story.put(*(order(at_ms) for at_ms in (noon(1), noon(2))))
    story.until(200 * DAY)
    # 1 - (1 + 2 orders) * tenure / 180 days is 0 after 60 days.
    assert story.turns == [("+base:urban", 0), ("-base:urban", 60 * DAY)]


def test_a_new_address_is_another_base():
    story = Story("base:urban", "base:suburban")
    story.put(identified(START_MS, area="urban"))
    story.put(identified(at_ms=START_MS + DAY, area="suburban"))
    assert story.turns == [("+base:urban", 0), ("-base:urban", DAY), ("+base:suburban", DAY)]
    assert at(DAY)["time_ms"] == START_MS + DAY
