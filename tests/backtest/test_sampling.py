"""Samples: nested, sticky, of the size that was asked for."""

from __future__ import annotations

from stream.backtest.sampling import chosen, estimate, place_of

CUSTOMERS = [f"customer-{number}" for number in range(20_000)]


def test_a_tenth_of_the_customers_is_a_tenth():
    """20,000 draws: a standard deviation is 42."""
    assert abs(sum(place_of(c) < 0.1 for c in CUSTOMERS) - 2_000) < 4 * 42


def test_places_are_the_same_in_every_build():
    assert [round(place_of(c), 6) for c in ("a", "b", "")] == [0.727076, 0.91784, 0.765487]


def test_who_is_chosen_does_not_depend_on_the_order():
    assert chosen(CUSTOMERS, 3) == chosen(reversed(CUSTOMERS), 3)
    assert chosen(["only"], 3) == ["only"]


def test_the_interval_holds_the_truth_nineteen_times_in_twenty():
    """Of 500 groups of 40 customers, with a sample of a half; binomial: 475 +- 5, less ties."""
    hits = 0
    for group in range(500):
        found = sum(place_of(c) < 0.5 for c in CUSTOMERS[group * 40 : group * 40 + 40])
        members, either_way = estimate(found, 0.5)
        hits += abs(members - 40) <= either_way
    assert 450 <= hits <= 495
