"""Mean and median against the standard library's."""

from __future__ import annotations

from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.backtest.durations import Durations


def durations_of(values: list[int]) -> Durations:
    found = Durations()
    for value in values:
        found.add(value)
    return found


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=60))
def test_the_mean_is_exact_and_the_median_within_two_percent(values: list[int]):
    found = durations_of(values)
    assert found.count == len(values)
    assert found.mean_ms == round(fmean(values), 0) or abs(found.mean_ms - fmean(values)) <= 0.5
    assert found.median_ms == pytest.approx(median(values), rel=0.02, abs=1)


def test_durations_that_are_equal_have_their_own_median():
    assert durations_of([3_600_000] * 7).median_ms == 3_600_000


def test_of_an_even_number_the_median_is_between_the_two_in_the_middle():
    assert durations_of([1_000, 2_000, 40_000, 80_000]).median_ms == 21_000


def test_nothing_has_no_mean():
    assert (Durations().mean_ms, Durations().median_ms) == (None, None)


def test_memory_does_not_grow_with_the_number():
    """Ten thousand durations from a second to a year: 1 + ln(31,536,000) / ln(1.02) buckets."""
    found = durations_of([1_000 + number * 3_153_500 for number in range(10_000)])
    assert len(found._buckets) < 900
