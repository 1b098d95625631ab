"""One partition's learner."""

from __future__ import annotations

import math
import random

import msgspec
import numpy as np
import pytest

from stream.clock import DAY_MS
from stream.clustering.micro import (
    FULL_SAMPLE_WEIGHT,
    LENGTH_MAX,
    MICRO_MAX,
    RESCALE_HALF_LIVES,
    STRIDE_MAX,
    MicroLearner,
)
from stream.clustering.summary import HALF_LIFE_MS, Summary, decode_summary
from tests.clustering.mixtures import START_MS, shoppers, vectors


def weights_now(summary: Summary) -> list[float]:
    """Faded weights as of the last event time, worked out from the documented formula."""
    age = (summary.last_ms - summary.landmark_ms) / HALF_LIFE_MS
    return [kept.weight / 2.0**age for kept in summary.clusters]


def learned(points: list[tuple[float, ...]], step_ms: int = 1_000) -> MicroLearner:
    learner = MicroLearner(0)
    for i, point in enumerate(points):
        learner.learn_one(point, START_MS + i * step_ms)
    return learner


def test_the_moments_of_all_points_are_kept():
    points, _ = shoppers(seed=3, kinds=5, count=2_000)
    summary = decode_summary(learned(vectors(points), step_ms=0).summary())
    weights = np.array([kept.weight for kept in summary.clusters])
    centres = np.array([kept.centre for kept in summary.clusters])
    scatters = np.array([kept.scatter for kept in summary.clusters])
    mean = (centres * weights[:, None]).sum(axis=0) / weights.sum()
    total = (((centres - mean) ** 2) * weights[:, None]).sum(axis=0) + scatters.sum(axis=0)
    assert weights.sum() == pytest.approx(2_000)
    assert mean == pytest.approx(points.mean(axis=0))
    assert total == pytest.approx(((points - points.mean(axis=0)) ** 2).sum(axis=0))


def test_the_number_of_micro_clusters_is_bounded_and_well_used():
    points, _ = shoppers(seed=4, kinds=6, count=6_000)
    learner = MicroLearner(0)
    counts = set()
    for i, point in enumerate(vectors(points)):
        learner.learn_one(point, START_MS + i)
        counts.add(len(learner._centres))
    assert max(counts) == MICRO_MAX
    assert len(decode_summary(learner.summary()).clusters) >= MICRO_MAX // 2
    assert len(learner.summary()) < 14_000


def test_a_point_counts_for_half_after_a_half_life():
    learner = MicroLearner(0)
    learner.learn_one((0.0,), START_MS)
    learner.learn_one((1.0,), START_MS + HALF_LIFE_MS)
    assert weights_now(decode_summary(learner.summary())) == pytest.approx([0.5, 1.0])


def test_a_late_point_counts_for_what_is_left_of_it():
    learner = MicroLearner(0)
    learner.learn_one((0.0,), START_MS)
    learner.learn_one((1.0,), START_MS - 2 * HALF_LIFE_MS)
    learner.learn_one((2.0,), START_MS - 6 * HALF_LIFE_MS)
    summary = decode_summary(learner.summary())
    assert [kept.centre for kept in summary.clusters] == [(0.0,), (1.0,)]
    assert weights_now(summary) == pytest.approx([1.0, 0.25])
    assert (summary.last_ms, summary.seen, summary.learned) == (START_MS, 3, 2)


def test_the_order_of_points_in_time_does_not_matter_to_what_they_weigh():
    forth, back = MicroLearner(0), MicroLearner(0)
    points = [((float(i),), START_MS + i * DAY_MS) for i in range(20)]
    for point, time_ms in points:
        forth.learn_one(point, time_ms)
    for point, time_ms in reversed(points):
        back.learn_one(point, time_ms)
    one, other = (decode_summary(learner.summary()) for learner in (forth, back))
    assert sorted(weights_now(one)) == pytest.approx(sorted(weights_now(other)))


def test_what_moves_away_is_forgotten_and_its_place_is_used_again():
    learner = MicroLearner(0)
    for i in range(200):
        learner.learn_one((i % 20 / 100, 0.0), START_MS + i)
    later_ms = START_MS + 10 * HALF_LIFE_MS
    for i in range(3_000):
        learner.learn_one((5.0 + (i * 37 % 997) / 997, (i * 53 % 499) / 499), later_ms + i)
    centres = [kept.centre for kept in decode_summary(learner.summary()).clusters]
    assert min(centre[0] for centre in centres) >= 5.0


def test_after_a_coarse_time_the_learner_looks_closely_again():
    """A catalogue of prices a hundred times as far apart raised the radius; it comes down."""
    learner = MicroLearner(0)
    draw = random.Random(3)
    for i in range(300):
        learner.learn_one((draw.uniform(0.0, 100.0), draw.uniform(0.0, 100.0)), START_MS + i)
    coarse = decode_summary(learner.summary()).radius
    for i in range(40_000):
        point = (draw.random(), draw.random())
        learner.learn_one(point, START_MS + 8 * HALF_LIFE_MS + i * 1_000)
    summary = decode_summary(learner.summary())
    near = [kept for kept in summary.clusters if max(kept.centre) <= 1.0]
    assert coarse > 3.0
    assert summary.radius < coarse / 10
    assert len(near) >= MICRO_MAX // 8


def test_twenty_years_of_event_time_do_not_leave_the_range_of_a_double():
    learner = MicroLearner(0)
    for month in range(12 * 20):
        learner.learn_one((month % 2 * 1.0, 0.5), START_MS + month * 30 * DAY_MS)
    summary = decode_summary(learner.summary())
    halves = RESCALE_HALF_LIVES * HALF_LIFE_MS
    assert summary.last_ms - summary.landmark_ms < halves
    # 1 + 1/4 + 1/16 ... and half of it: alternating points, a month is a half-life.
    assert sorted(weights_now(summary)) == pytest.approx([2 / 3, 4 / 3])


def test_after_a_gap_beyond_any_memory_only_what_is_new_is_left():
    learner = learned([(0.0, 0.0)] * 10)
    learner.learn_one((1.0, 1.0), START_MS + 3 * RESCALE_HALF_LIVES * HALF_LIFE_MS)
    summary = decode_summary(learner.summary())
    assert [kept.centre for kept in summary.clusters] == [(1.0, 1.0)]
    assert weights_now(summary) == [1.0]


def test_other_features_start_anew():
    learner = learned([(0.1, 0.2)] * 10)
    learner.learn_one((0.1, 0.2, 0.3), START_MS + DAY_MS)
    assert [kept.centre for kept in decode_summary(learner.summary()).clusters] == [(0.1, 0.2, 0.3)]


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 2 * LENGTH_MAX, 1e300])
def test_a_vector_that_cannot_be_meant_is_counted_and_left_out(odd: float):
    learner = learned([(0.1, 0.2)] * 3)
    before = decode_summary(learner.summary())
    learner.learn_one((0.1, odd), START_MS + DAY_MS)
    after = decode_summary(learner.summary())
    assert (after.seen, after.rejected) == (4, 1)
    assert msgspec.structs.replace(after, seen=3, rejected=0) == before


def test_a_point_without_news_changes_nothing():
    learner = learned([(0.1, 0.2)] * 3)
    before = decode_summary(learner.summary()).clusters
    learner.learn_one((0.9, 0.9), START_MS + DAY_MS, weight=0.0)
    assert decode_summary(learner.summary()).clusters == before


def test_a_busy_partition_samples_and_the_sample_weighs_as_much_as_all():
    draw = random.Random(8)
    learner = MicroLearner(0)
    offered = int(40 * FULL_SAMPLE_WEIGHT)
    for i in range(offered):
        learner.learn_one((draw.random(), draw.random()), START_MS + 37 * i)
    summary = decode_summary(learner.summary())
    mean = np.average(
        [kept.centre for kept in summary.clusters], axis=0, weights=weights_now(summary)
    )
    assert summary.seen == offered
    assert offered / STRIDE_MAX < summary.learned < offered / 3
    assert sum(weights_now(summary)) == pytest.approx(offered, rel=0.03)
    assert mean == pytest.approx([0.5, 0.5], abs=0.01)
