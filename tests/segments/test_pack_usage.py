"""Usage: how much is bought in 13 weeks, and against the customer's own past."""

from __future__ import annotations

import msgspec

from stream.segments.exhaustive import find_hole
from stream.segments.leaf_code import percentile_key
from stream.segments.reading import Reading
from tests.engine.lane import BUILT_IN
from tests.segments.stories import Story, gone_ms, noon, orders
from tests.state.shopping import DAY, START_MS, identified, page

USAGE = ("heavy_user", "regular_user", "light_user", "inactive")
QUARTER = 91 * DAY


def test_usage_is_the_number_of_orders_in_thirteen_weeks_one_place_for_everybody():
    story = Story(*USAGE)
    # Orders every ten days; a gap of 30 days is the shortest fifth's.
    gaps = {percentile_key("rhythm.gap", 0.2): 30 * DAY}
    story.lane.announce("population", msgspec.json.encode(gaps), START_MS)
    story.put(page(START_MS))
    days = [1, 11, 21, 31]
    story.put(*orders(map(noon, days)))
    assert [name for name, _ in story.turns] == [
        "+inactive", "-inactive", "+light_user", "-light_user", "+regular_user",
        "-regular_user", "+heavy_user",
    ]  # fmt: skip
    story.until(200 * DAY)
    gone = [gone_ms(noon(day), QUARTER) for day in days]
    assert story.turns[7:] == [
        ("-heavy_user", gone[0]), ("+regular_user", gone[0]),
        ("-regular_user", gone[2]), ("+light_user", gone[2]),
        ("-light_user", gone[3]), ("+inactive", gone[3]),
    ]  # fmt: skip


def test_heavy_is_relative_to_the_shop_and_regular_where_that_is_not_known_yet():
    for gaps, expected in (({}, "regular_user"), ({"rhythm.gap:0.2": 15 * DAY}, "regular_user")):
        story = Story(*USAGE)
        story.lane.announce("population", msgspec.json.encode(gaps), START_MS)
        story.put(*orders(map(noon, (1, 11, 21, 31))))  # (30 + 60) / 4 days: not the shortest fifth
        assert [name for name in USAGE if story.is_in(name)] == [expected]


def test_usage_and_journey_leave_nobody_out():
    reading = Reading(BUILT_IN, "pack.yaml")
    for group in ("usage", "journey"):
        tried = find_hole(reading, group)
        assert isinstance(tried, int)
        assert tried > 1_000


def test_rising_is_half_as_much_again_as_in_the_half_year_before():
    story = Story("rising", "declining")
    story.put(*orders(map(noon, (1, 200, 210))))
    assert story.turns == []
    story.until(395 * DAY)  # the two are of the half-year before now
    story.put(*orders(map(noon, (396, 397))))
    assert story.turns == []
    story.put(*orders([noon(398)]))
    assert story.turns == [("+rising", noon(398))]


def test_who_has_just_begun_does_not_rise():
    story = Story("rising")
    first = noon(150)  # by then the half-year before is half empty, of whoever was not there yet
    story.put(*orders([first]), *orders(noon(day) for day in range(340, 400, 10)))
    assert story.turns == []
    story.until(first + 365 * DAY)
    assert story.turns == [("+rising", first + 364 * DAY)]


def test_declining_is_half_of_what_it_was_in_the_half_year_before():
    story = Story("declining")
    story.put(*orders(map(noon, (1, 20, 40, 60))), *orders([noon(200)]))
    story.until(300 * DAY)
    # 2 now and 3 then is more than half; 1 and 4 is not: told as the fourth becomes past.
    assert story.turns[0] == ("+declining", gone_ms(noon(60), 182 * DAY))


def test_who_once_bought_four_times_a_quarter_and_now_hardly_does_is_a_former_heavy_user():
    story = Story("former_heavy_user")
    story.put(*orders(map(noon, (1, 8, 15, 22))))
    story.until(300 * DAY)
    # From when all four lie two quarters back, by whole buckets, until one lies three back.
    assert story.turns == [
        ("+former_heavy_user", gone_ms(noon(22), QUARTER, QUARTER)),
        ("-former_heavy_user", gone_ms(noon(1), QUARTER, 2 * QUARTER)),
    ]


def test_a_quota_that_is_used_up_is_told_until_there_is_more():
    story = Story("quota_exhausted")
    story.put(identified(START_MS, quota_left=2))
    assert story.turns == []
    story.put(
        identified(START_MS + DAY, quota_left=0), identified(START_MS + 2 * DAY, quota_left=9)
    )
    assert story.turns == [("+quota_exhausted", DAY), ("-quota_exhausted", 2 * DAY)]
