from __future__ import annotations

from collections import Counter
from math import sqrt
from random import Random

import pytest

from stream.clock import DAY_MS, HOUR_MS, NEVER_MS, instant_ms
from stream.simulation.rhythm import MAIL, TILL, WEB, WEEK_MS, Curve, Rhythm

MONDAY_MS = instant_ms("2026-01-05T00:00:00Z")


@pytest.mark.parametrize("curve", [WEB, TILL, MAIL])
def test_a_curves_mean_over_a_week_is_one(curve: Curve):
    hours = range(0, WEEK_MS, HOUR_MS)
    assert sum(curve.level(MONDAY_MS + at, 0) for at in hours) / 168 == pytest.approx(1.0)
    assert curve.peak == max(curve.levels)


def test_a_store_is_open_on_monday_at_ten_and_not_on_sunday():
    assert TILL.level(instant_ms("2026-01-05T10:30:00Z"), 0) > 0.5
    assert TILL.level(instant_ms("2026-01-05T03:00:00Z"), 0) == 0
    assert TILL.level(instant_ms("2026-01-11T12:00:00Z"), 0) == 0


def test_who_is_ahead_of_utc_has_the_evening_earlier():
    at_six = instant_ms("2026-01-05T18:00:00Z")
    at_eight = instant_ms("2026-01-05T20:00:00Z")
    assert WEB.level(at_six, 2) == WEB.level(at_eight, 0)


def drawn(rhythm: Rhythm, per_week: float, curve: Curve, until_ms: int) -> list[int]:
    random = Random(3)
    found = []
    time_ms = rhythm.start_ms
    while (time_ms := rhythm.next_ms(random, time_ms, per_week, curve)) < until_ms:
        found.append(time_ms)
    return found


def test_a_process_has_its_rate_and_its_curve():
    weeks = 100
    found = drawn(Rhythm(MONDAY_MS), 70.0, WEB, MONDAY_MS + weeks * WEEK_MS)
    assert abs(len(found) - 7_000) < 5 * sqrt(7_000)
    hours = Counter((time_ms - MONDAY_MS) // HOUR_MS % 168 for time_ms in found)
    evenings = sum(hours[day * 24 + 20] for day in range(7))
    expected = sum(WEB.level(MONDAY_MS + day * DAY_MS + 20 * HOUR_MS, 0) for day in range(7))
    assert abs(evenings - expected * 7_000 / 168) < 5 * sqrt(evenings)


def test_a_rate_of_nothing_never_happens():
    assert Rhythm(MONDAY_MS).next_ms(Random(1), MONDAY_MS, 0.0, WEB) == NEVER_MS


def test_a_surge_multiplies_the_rate_by_day_and_by_night():
    surge_ms = MONDAY_MS + WEEK_MS
    rhythm = Rhythm(MONDAY_MS, surge_ms, 50.0)
    found = drawn(rhythm, 20.0, TILL, surge_ms + WEEK_MS)
    before = sum(time_ms < surge_ms for time_ms in found)
    after = Counter((time_ms // HOUR_MS) % 24 for time_ms in found if time_ms >= surge_ms)
    assert abs(before - 20) < 5 * sqrt(20)
    assert abs(after.total() - 1_000) < 5 * sqrt(1_000)
    assert min(after[hour] for hour in range(24)) > 15


def test_the_shops_time_runs_faster_in_a_surge():
    rhythm = Rhythm(MONDAY_MS, MONDAY_MS + DAY_MS, 24.0)
    assert rhythm.later(MONDAY_MS, HOUR_MS) == MONDAY_MS + HOUR_MS
    assert rhythm.later(MONDAY_MS + DAY_MS, DAY_MS) == MONDAY_MS + DAY_MS + HOUR_MS
    # Half a day as usual, then a day and a half at twenty-four times the speed.
    half_ms = MONDAY_MS + DAY_MS // 2
    assert rhythm.later(half_ms, 2 * DAY_MS) == MONDAY_MS + DAY_MS + 90 * 60_000
    assert rhythm.shop_days(MONDAY_MS + DAY_MS + HOUR_MS) == pytest.approx(2.0)
