"""The shop's clock, on the days on which it is changed as well."""

from __future__ import annotations

import pytest

from stream.clock import instant_ms
from stream.segments.local_time import CACHED_MAX, LocalClock, zone_of


@pytest.mark.parametrize(
    ("zone", "instant", "local"),
    [
        ("Europe/Berlin", "2026-03-29T00:59:59.999Z", (1, 7, 29, 3)),
        ("Europe/Berlin", "2026-03-29T01:00:00Z", (3, 7, 29, 3)),
        ("Europe/Berlin", "2026-10-25T00:59:59.999Z", (2, 7, 25, 10)),
        ("Europe/Berlin", "2026-10-25T01:00:00Z", (2, 7, 25, 10)),
        ("Europe/Berlin", "2026-12-31T23:00:00Z", (0, 5, 1, 1)),
        ("Asia/Kathmandu", "2026-01-01T00:14:59Z", (5, 4, 1, 1)),
        ("Asia/Kathmandu", "2026-01-01T00:15:00Z", (6, 4, 1, 1)),
        # Changed at one minute past midnight.
        ("America/St_Johns", "2010-03-14T03:30:59.999Z", (0, 7, 14, 3)),
        ("America/St_Johns", "2010-03-14T03:31:00Z", (1, 7, 14, 3)),
        ("America/St_Johns", "2010-11-07T02:30:59.999Z", (0, 7, 7, 11)),
        ("America/St_Johns", "2010-11-07T02:31:00Z", (23, 6, 6, 11)),
    ],
)
def test_hour_weekday_day_and_month_are_those_of_the_place(
    zone: str, instant: str, local: tuple[int, ...]
):
    clock = LocalClock(zone_of(zone))
    assert clock.at(instant_ms(instant)) == local
    for minutes in range(-30, 30):  # whatever was asked before
        clock.at(instant_ms(instant) + minutes * 60_000)
    assert clock.at(instant_ms(instant)) == local


def test_what_is_kept_of_it_is_bounded():
    clock = LocalClock(zone_of("UTC"))
    for day in range(CACHED_MAX + 10):
        assert clock.at(day * 86_400_000).hour == 0
    assert len(clock._known) <= CACHED_MAX
