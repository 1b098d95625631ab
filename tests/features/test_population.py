from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.features.population import (
    CUSTOMERS_MIN,
    GROWTH,
    add_counts,
    bucket_of,
    lower_bound,
    threshold,
)

values = st.integers(1, 10**13)


@given(values)
@settings(derandomize=True, max_examples=500, deadline=None)
def test_a_bucket_holds_its_value(value: int):
    bucket = bucket_of(value)
    assert GROWTH ** (bucket - 1) * (1 - 1e-9) <= value <= GROWTH**bucket * (1 + 1e-9)


@given(values, values)
@settings(derandomize=True, max_examples=300, deadline=None)
def test_buckets_keep_the_order_of_values(one: int, other: int):
    assert (one <= other) <= (bucket_of(one) <= bucket_of(other))


@given(st.integers(1, 1500))
@settings(derandomize=True, max_examples=300, deadline=None)
def test_the_lower_bound_is_the_largest_integer_below_the_bucket(bucket: int):
    bound = lower_bound(bucket)
    assert bound == 0 or bucket_of(bound) < bucket
    assert bucket_of(bound + 1) >= bucket


@pytest.mark.parametrize("rank", [0.5, 0.85, 0.9, 0.99])
@pytest.mark.parametrize("seed", range(5))
def test_a_threshold_is_the_quantile_to_two_per_cent(rank: float, seed: int):
    drawn = np.random.default_rng(seed).lognormal(17, 1.2, size=3000).astype(np.int64) + 1
    found = threshold(Counter(bucket_of(int(value)) for value in drawn), rank)
    exact = np.quantile(drawn, rank, method="inverted_cdf")
    assert found == pytest.approx(exact, rel=0.021)


@pytest.mark.parametrize("rank", [0.5, 0.9])
def test_those_above_the_threshold_are_the_top_share_and_at_most_a_bucket_more(rank: float):
    drawn = [int(value) for value in np.random.default_rng(7).integers(1, 10**9, size=2000)]
    histogram = Counter(bucket_of(value) for value in drawn)
    above = sum(value > threshold(histogram, rank) for value in drawn)
    assert len(drawn) * (1 - rank) <= above <= len(drawn) * (1 - rank) + max(histogram.values())


def test_a_percentile_of_few_customers_is_unknown():
    few = {100: CUSTOMERS_MIN - 1}
    assert threshold(few, 0.5) is None
    assert threshold({100: CUSTOMERS_MIN}, 0.5) == lower_bound(100)
    assert threshold({}, 0.5) is None


def test_all_equal_values_are_all_at_the_top():
    histogram = {bucket_of(5_000_000): 50}
    assert threshold(histogram, 0.9) < 5_000_000


def test_nobody_is_above_the_whole_population():
    histogram = {bucket_of(5_000_000): 50}
    assert threshold(histogram, 1.0) > 5_000_000


@given(st.lists(st.dictionaries(st.integers(0, 5), st.integers(-3, 3)), max_size=4))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_histograms_add_up_in_any_order_without_empty_buckets(histograms):
    expected = {
        bucket: total
        for bucket in range(6)
        if (total := sum(histogram.get(bucket, 0) for histogram in histograms))
    }
    assert add_counts(histograms) == add_counts(histograms[::-1]) == expected
