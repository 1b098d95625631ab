from __future__ import annotations

import calendar
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.clock import (
    DAY_MS,
    NEVER_MS,
    InvalidTimeError,
    day_of,
    instant_ms,
    rfc3339,
)


def seconds_of(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return calendar.timegm((year, month, day, hour, minute, 0))


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2024-02-29T12:30:00Z", seconds_of(2024, 2, 29, 12, 30) * 1000),
        ("2024-02-29T12:30:00.001Z", seconds_of(2024, 2, 29, 12, 30) * 1000 + 1),
        ("2024-02-29T12:30:00.0019Z", seconds_of(2024, 2, 29, 12, 30) * 1000 + 1),
        ("2024-02-29T14:30:00+02:00", seconds_of(2024, 2, 29, 12, 30) * 1000),
        ("2024-02-28T23:30:00-13:00", seconds_of(2024, 2, 29, 12, 30) * 1000),
        ("2024-02-29T12:30:00", seconds_of(2024, 2, 29, 12, 30) * 1000),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_an_instant_is_milliseconds_of_utc(text: str, expected_ms: int):
    assert instant_ms(text) == expected_ms


@pytest.mark.parametrize("text", ["", "soon", "2024-02-30T00:00:00Z", "2024-02-29T25:00:00Z", "7"])
def test_a_text_that_is_no_instant_is_refused_with_the_text(text: str):
    with pytest.raises(InvalidTimeError, match="is not an RFC 3339 time"):
        instant_ms(text)


def test_text_always_has_milliseconds_and_is_utc():
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(seconds_of(2026, 11, 21, 10, 15) * 1000 + 7) == "2026-11-21T10:15:00.007Z"


@given(st.integers(min_value=-30_610_224_000_000, max_value=253_402_300_799_999))
@settings(derandomize=True, max_examples=500, deadline=None)
def test_a_text_is_what_the_calendar_says(time_ms: int):
    moment = datetime(1970, 1, 1) + timedelta(milliseconds=time_ms)  # noqa: DTZ001 UTC throughout
    assert rfc3339(time_ms) == moment.isoformat(timespec="milliseconds") + "Z"


def test_an_instant_beyond_the_calendar_is_written_as_its_end():
    assert rfc3339(NEVER_MS) == "9999-12-31T23:59:59.999Z"


@given(st.integers(min_value=0, max_value=253_402_300_799_999))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_an_instant_comes_back_from_its_text(time_ms: int):
    assert instant_ms(rfc3339(time_ms)) == time_ms


def test_a_day_begins_with_its_first_millisecond():
    midnight_ms = seconds_of(2026, 3, 1) * 1000
    assert day_of(midnight_ms) * DAY_MS == midnight_ms
    assert day_of(midnight_ms - 1) == day_of(midnight_ms) - 1
