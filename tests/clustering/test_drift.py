"""The drift signal on distances whose distribution is known."""

from __future__ import annotations

import random

import pytest

from stream.clustering.drift import DriftSignal


def fed(signal: DriftSignal, mean: float, count: int, draw: random.Random) -> list[int]:
    """The positions at which it found a change."""
    return [i for i in range(count) if signal.update(abs(draw.gauss(mean, 0.12)))]


@pytest.mark.parametrize("seed", range(4))
def test_what_stays_the_same_raises_no_alarm(seed: int):
    assert fed(DriftSignal(), 0.4, 50_000, random.Random(seed)) == []


@pytest.mark.parametrize("seed", range(4))
def test_distances_that_grow_by_a_fifth_are_noticed_within_a_few_thousand(seed: int):
    draw, signal = random.Random(seed), DriftSignal()
    assert fed(signal, 0.4, 20_000, draw) == []
    found = fed(signal, 0.48, 5_000, draw)
    assert found
    assert found[0] < 3_000
    assert signal.drifts == len(found)


def test_after_a_change_the_mean_is_that_of_what_came_after():
    draw, signal = random.Random(1), DriftSignal()
    fed(signal, 0.4, 10_000, draw)
    assert signal.mean_distance == pytest.approx(0.4, abs=0.01)
    fed(signal, 0.7, 10_000, draw)
    assert signal.mean_distance == pytest.approx(0.7, abs=0.01)
    assert 9_000 < signal.width < 11_000


def test_a_single_far_customer_is_no_drift():
    draw, signal = random.Random(2), DriftSignal()
    fed(signal, 0.4, 5_000, draw)
    assert not any(signal.update(1e9) for _ in range(3))
    assert signal.mean_distance == pytest.approx(0.4, abs=0.01)


def test_nothing_seen_has_no_mean():
    assert (DriftSignal().mean_distance, DriftSignal().width) == (0.0, 0)
