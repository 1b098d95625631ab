"""Channel: where a customer bought in a year."""

from __future__ import annotations

from tests.segments.stories import Story, gone_ms, noon, order, orders
from tests.state.shopping import DAY

CHANNELS = ("online_only", "store_only", "omnichannel")


def test_two_orders_online_and_none_in_a_store():
    story = Story(*CHANNELS)
    story.put(order(noon(1)))
    assert story.turns == []
    story.put(order(noon(2), channel="app"))
    assert story.turns == [("+online_only", noon(2))]


def test_one_of_each_is_omnichannel_and_ends_with_the_year():
    story = Story(*CHANNELS)
    story.put(*orders(map(noon, (1, 2)), channel="store"))
    story.put(order(noon(30)))
    story.until(400 * DAY)
    both = noon(30)
    assert story.turns[:3] == [
        ("+store_only", noon(2)), ("-store_only", both), ("+omnichannel", both)]  # fmt: skip
    assert story.turns[3:] == [("-omnichannel", gone_ms(noon(2), 365 * DAY))]


def test_orders_by_phone_are_of_neither():
    story = Story(*CHANNELS)
    story.put(*orders(map(noon, (1, 2, 3)), channel="phone"))
    assert story.turns == []
