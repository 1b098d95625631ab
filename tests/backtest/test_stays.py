"""One segment's figures on histories small enough to reckon by hand."""

from __future__ import annotations

import pytest

from stream.backtest.stays import SegmentFigures, Stays
from stream.clock import DAY_MS, HOUR_MS

DAY0 = 20_000 * DAY_MS


def figures(*turns: tuple[str, str, float], start: float = 0, end: float = 10) -> SegmentFigures:
    """Of turns (in or out, customer, days after the first midnight)."""
    stays = Stays(DAY0 + int(start * DAY_MS))
    for way, customer, days in turns:
        time_ms = DAY0 + int(days * DAY_MS)
        if way == "in":
            stays.enter(customer, time_ms)
        else:
            stays.leave(customer, time_ms, merged=way == "merged")
    return stays.figures("s", DAY0 + int(start * DAY_MS), DAY0 + int(end * DAY_MS))


def test_sizes_and_flows_are_per_utc_day():
    found = figures(
        ("in", "a", 0.5), ("in", "b", 0.9), ("out", "a", 1.0), ("in", "c", 2.25), ("in", "a", 3.5),
        end=3.75,
    )  # fmt: skip
    assert found.entered == (2, 0, 1, 1)
    assert found.exited == (0, 1, 0, 0)
    assert found.size == (2, 1, 2, 3)
    assert (found.entries, found.exits, found.members, found.customers) == (4, 1, 3, 3)
    assert (found.entries_per_day, found.exits_per_day) == (1.067, 0.267)


def test_time_spent_is_of_stays_that_ended():
    found = figures(
        ("in", "a", 0), ("in", "b", 0), ("in", "c", 8), ("out", "a", 1), ("out", "b", 4)
    )
    assert found.stays == 2
    assert (found.stay_mean_s, found.stay_median_s) == (216_000, 216_000)
    assert found.member_median_s == 2 * 86_400


def test_an_exit_by_merge_is_an_exit_and_no_time_spent():
    found = figures(("in", "a", 0), ("in", "anon", 0), ("merged", "anon", 1), ("out", "a", 3))
    assert (found.exits, found.merged_exits, found.stays) == (2, 1, 1)
    assert found.stay_mean_s == 3 * 86_400


@pytest.mark.parametrize(
    ("back_after", "in_24h", "in_7d"),
    [
        (HOUR_MS, 1, 1), (DAY_MS, 1, 1), (DAY_MS + 1, 0, 1), (7 * DAY_MS, 0, 1),
        (7 * DAY_MS + 1, 0, 0),
    ],
)  # fmt: skip
def test_who_comes_back_soon_flaps(back_after: int, in_24h: int, in_7d: int):
    stays = Stays(DAY0)
    stays.enter("a", DAY0)
    stays.leave("a", DAY0 + HOUR_MS)
    stays.enter("b", DAY0 + HOUR_MS)
    stays.enter("a", DAY0 + HOUR_MS + back_after)
    found = stays.figures("s", DAY0, DAY0 + 10 * DAY_MS)
    assert (found.flaps_24h, found.flaps_7d) == (in_24h, in_7d)
    assert found.flaps_24h_per_100 == round(100 * in_24h / 3, 2)
    assert found.flaps_7d_per_100 == round(100 * in_7d / 3, 2)


def test_what_was_before_the_period_makes_members_and_no_flow():
    """a stays over the beginning, b has gone before it and is soon back, c is gone for good."""
    found = figures(
        ("in", "a", 0), ("in", "b", 0), ("in", "c", 0), ("out", "c", 1), ("out", "b", 1.9),
        ("in", "b", 2.5), ("out", "a", 4),
        start=2, end=5,
    )  # fmt: skip
    assert found.members_start == 1
    assert found.size == (2, 2, 1, 1)
    assert (found.entries, found.exits, found.members) == (1, 1, 1)
    assert found.flaps_24h == 1
    assert found.stay_mean_s == 4 * 86_400


def test_who_was_present_in_the_period():
    stays = Stays(DAY0)
    for customer, left_ms in (("gone", DAY0 - 1), ("left", DAY0), ("there", None)):
        stays.enter(customer, DAY0 - DAY_MS)
        if left_ms is not None:
            stays.leave(customer, left_ms)
    assert stays.present() == {"left", "there"}


def test_a_segment_that_nobody_entered_has_zeros():
    found = figures(end=2)
    assert found.size == found.entered == found.exited == (0, 0, 0)
    assert (found.members, found.stay_mean_s, found.flaps_24h_per_100) == (0, None, 0.0)


def test_nobody_enters_where_they_are():
    with pytest.raises(AssertionError, match="nobody enters"):
        figures(("in", "a", 0), ("in", "a", 1))
