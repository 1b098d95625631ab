"""Intervals under continuous looking, simulated with fixed seeds; a fixed-sample one beside."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from statistics import NormalDist, fmean, pvariance

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.outcomes.intervals import (
    ALPHA,
    EVENTS_MIN,
    GROUP_MIN,
    Interval,
    Moments,
    difference_of,
    radius,
    verdict_of,
)

RUNS = 150
CUSTOMERS = 2_500
LOOK_EVERY = 10
QUANTILE = NormalDist().inv_cdf(1 - ALPHA / 2)


def population(
    seed: int, control_share: float, rate: float, effect: float = 0.0, money: bool = False
) -> Iterator[tuple[bool, int]]:
    """Customers as (treated, value): whether they convert, or what they spend, heavily skewed."""
    draw = np.random.default_rng(seed)
    treated = draw.random(CUSTOMERS) >= control_share
    converted = draw.random(CUSTOMERS) < rate + effect * treated
    value = np.ones(CUSTOMERS)
    if money:
        value = np.round(100 * draw.lognormal(3.5, 1.0, CUSTOMERS))
    values = (converted * value).astype(int)
    return zip(treated.tolist(), values.tolist(), strict=True)


def looks(customers: Iterator[tuple[bool, int]]) -> Iterator[tuple[Moments, Moments]]:
    """Both groups as they stand at every look."""
    groups = {True: Moments(), False: Moments()}
    for number, (treated, value) in enumerate(customers, 1):
        groups[treated].add(value)
        if number % LOOK_EVERY == 0:
            yield groups[True], groups[False]


def fixed_sample(treated: Moments, control: Moments) -> Interval:
    """The textbook's interval of a difference of means."""
    difference = treated.mean - control.mean
    error = sqrt(treated.variance / treated.count + control.variance / control.count)
    return Interval(difference, difference - QUANTILE * error, difference + QUANTILE * error)


def is_outside(interval: Interval | None, truth: float) -> bool:
    return interval is not None and not interval.low <= truth <= interval.high


@pytest.mark.parametrize(
    ("control_share", "rate", "money"),
    [(0.5, 0.3, False), (0.1, 0.1, False), (0.1, 0.2, True), (0.5, 0.03, True)],
)
def test_who_looks_all_the_time_errs_in_at_most_alpha_where_a_fixed_sample_breaks(
    control_share: float, rate: float, money: bool
):
    wrong = fixed_wrong = 0
    for seed in range(RUNS):
        errs = fixed_errs = False
        for treated, control in looks(population(seed, control_share, rate, money=money)):
            found = difference_of(treated, control)
            errs |= is_outside(found, 0.0)
            if found is not None:
                fixed_errs |= is_outside(fixed_sample(treated, control), 0.0)
        wrong += errs
        fixed_wrong += fixed_errs
    assert wrong / RUNS <= ALPHA
    assert fixed_wrong / RUNS > 2 * ALPHA


def test_the_true_effect_is_covered_at_all_looks_and_found():
    found = covered = 0
    for seed in range(RUNS):
        intervals = [difference_of(*groups) for groups in looks(population(seed, 0.3, 0.2, 0.12))]
        covered += not any(is_outside(interval, 0.12) for interval in intervals)
        found += any(verdict_of(interval) == "higher" for interval in intervals)
    assert covered / RUNS >= 1 - ALPHA
    assert found / RUNS > 0.9


def test_the_interval_is_tightest_where_it_is_tuned_and_never_wider_than_twice_a_fixed_one():
    def against_fixed(count: int) -> float:
        return radius(count) * sqrt(count) / QUANTILE

    ratios = [against_fixed(count) for count in (100, 1_000, 10_000, 1_000_000)]
    assert min(ratios) == ratios[1]
    assert 1.0 < ratios[1] < 1.6
    assert max(ratios) < 2.4


@given(st.lists(st.integers(-(10**12), 10**12), min_size=2, max_size=30))
def test_moments_are_those_of_the_values_however_often_revised(values: list[int]):
    moments = Moments()
    for value in values:
        moments.add(7)
        moments.revise(7, value)
    sample = pvariance(values) * len(values) / (len(values) - 1)
    assert moments.mean == pytest.approx(fmean(values), rel=1e-9, abs=1e-3)
    assert moments.variance == pytest.approx(sample, rel=1e-6, abs=1e-3)
    assert moments.nonzero == sum(value != 0 for value in values)


def test_too_few_customers_or_events_give_no_interval():
    some = Moments(GROUP_MIN, EVENTS_MIN, EVENTS_MIN, EVENTS_MIN)
    few = Moments(GROUP_MIN - 1, EVENTS_MIN, EVENTS_MIN, EVENTS_MIN)
    quiet = Moments(GROUP_MIN)
    assert difference_of(some, quiet) is not None
    assert difference_of(some, few) is None
    assert difference_of(quiet, quiet) is None
    assert verdict_of(None) == "too little data"


def test_a_verdict_says_where_the_interval_lies():
    assert verdict_of(Interval(2.0, 1.0, 3.0)) == "higher"
    assert verdict_of(Interval(-2.0, -3.0, -1.0)) == "lower"
    assert verdict_of(Interval(0.5, -1.0, 2.0)) == "no difference shown"
