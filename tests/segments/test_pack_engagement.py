"""Engagement: who speaks for the shop, who answers, and who wants to be left alone."""

from __future__ import annotations

import pytest

from stream.events.records import Custom, ProductReviewed, Shared
from tests.segments.stories import Story, at, gone_ms, item, noon, order, orders
from tests.state.shopping import DAY, HOUR, START_MS, identified, message, refunded


def answered(at_ms: int, nps: int) -> Custom:
    return Custom(**at(at_ms), name="Survey Answered", properties={"nps": nps})


def test_three_words_for_the_shop_in_a_year_make_an_advocate():
    story = Story("advocate")
    story.put(ProductReviewed(**at(0), rating=2.0), ProductReviewed(**at(HOUR), rating=5.0))
    story.put(Shared(**at(2 * HOUR)))
    assert story.turns == []
    story.put(Shared(**at(DAY)))
    story.until(400 * DAY)
    assert story.turns == [("+advocate", DAY), ("-advocate", gone_ms(HOUR, 365 * DAY))]


def test_who_buys_often_and_says_a_word_now_and_then_is_no_advocate():
    story = Story("advocate")
    story.put(*orders(noon(n) for n in range(7)), *(Shared(**at(10 * DAY + n)) for n in range(3)))
    assert story.turns == []
    story.put(Shared(**at(11 * DAY)))  # a word for 7 of 4 orders
    assert story.turns == [("+advocate", 11 * DAY)]


def test_promoters_and_detractors_are_by_their_latest_answer():
    story = Story("promoter", "detractor")
    story.put(answered(0, 8), answered(DAY, 9), answered(2 * DAY, 6))
    assert story.turns == [("+promoter", DAY), ("-promoter", 2 * DAY), ("+detractor", 2 * DAY)]
    story.until(200 * DAY)
    assert story.turns[3:] == [("-detractor", 92 * DAY + 1)]


def test_loyalty_is_what_the_shop_says():
    story = Story("loyalty_member")
    story.put(identified(START_MS, loyalty_member=True))
    story.put(identified(START_MS + DAY, loyalty_member="no"))
    assert story.turns == [("+loyalty_member", 0), ("-loyalty_member", DAY)]


def test_a_quarter_of_what_could_come_back_is_an_occasional_return():
    story = Story("occasional_returner")
    story.put(*orders((0, DAY, 2 * DAY, 3 * DAY), item(price=10)))
    story.put(refunded(START_MS + 10 * DAY, "o0", 10))
    story.until(40 * DAY)
    # Told when the third order has matured: 1 in 3; of four it is 1 in 4.
    assert story.turns == [("+occasional_returner", 32 * DAY)]
    story.put(refunded(START_MS + 41 * DAY, f"o{DAY}", 10))
    assert story.turns[1:] == [("-occasional_returner", 41 * DAY)]


@pytest.mark.parametrize("medium", ["email", "push", "sms"])
def test_two_clicks_in_a_quarter_are_an_answer_by_that_channel(medium: str):
    segments = [f"message_responsive:{each}" for each in ("email", "push", "sms")]
    story = Story(*segments)
    story.put(message(START_MS, "clicked", medium), message(START_MS + DAY, "opened", medium))
    assert story.turns == []
    story.put(message(START_MS + 2 * DAY, "clicked", medium))
    story.until(100 * DAY)
    name = f"message_responsive:{medium}"
    assert story.turns == [(f"+{name}", 2 * DAY), (f"-{name}", gone_ms(0, 90 * DAY))]


def test_eight_messages_in_thirty_days_and_none_read_tire():
    story = Story("message_fatigued")
    story.put(*(message(START_MS + n * DAY, "sent") for n in range(8)))
    assert story.turns == [("+message_fatigued", 7 * DAY)]
    story.put(message(START_MS + 8 * DAY, "opened"))
    assert story.turns[1:] == [("-message_fatigued", 8 * DAY)]


def test_who_unsubscribes_by_one_medium_or_calls_it_spam_stays_so():
    story = Story("unsubscribed")
    story.put(message(START_MS, "opened"), message(START_MS + HOUR, "marked_spam"))
    story.put(order(noon(1)))
    assert story.turns == [("+unsubscribed", HOUR)]
