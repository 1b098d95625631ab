"""What river 0.26.1's clusterers do: what we build on, and why their own loops are not used.

Where an upgrade fails a test of the second kind, river has become better: look whether
`stream/clustering/micro.py` can become shorter.
"""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest
from river import cluster, drift
from river._river_rust.drift import AdaptiveWindowing
from river.cluster.clustream import CluStreamMicroCluster

from stream.clustering.drift import CHECK_EVERY, FALSE_ALARM_RATIO, GRACE

Point = dict[int, float]


def two_kinds(count: int, features: int = 10, seed: int = 1) -> list[Point]:
    draw = random.Random(seed)
    return [
        {i: draw.gauss(centre, 0.1) for i in range(features)}
        for centre, _ in zip([0.2, 0.8] * count, range(count), strict=False)
    ]


def micro_cluster(points: list[Point], weights: list[float]) -> CluStreamMicroCluster:
    made = CluStreamMicroCluster(points[0], weights[0], 0)
    for point, weight in zip(points[1:], weights[1:], strict=True):
        made.insert(point, weight, 0)
    return made


def moments(points: list[Point], weights: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and weighted sum of squared deviations, in two passes."""
    rows = np.array([list(point.values()) for point in points])
    mean = np.average(rows, axis=0, weights=weights)
    return mean, ((rows - mean) ** 2 * np.array(weights)[:, None]).sum(axis=0)


class TestWhatWeBuildOn:
    def test_a_micro_cluster_keeps_the_moments_of_weighted_points(self):
        points = two_kinds(50)
        weights = [2.0 ** (i / 7) for i in range(50)]
        made = micro_cluster(points, weights)
        mean, scatter = moments(points, weights)
        assert made.weight == pytest.approx(sum(weights))
        assert list(made.center.values()) == pytest.approx(mean)
        assert [part._S for part in made.var_x.values()] == pytest.approx(scatter)

    def test_two_micro_clusters_add_up_to_that_of_all_points(self):
        points, weights = two_kinds(60), [1.0 + i / 10 for i in range(60)]
        both = micro_cluster(points[:25], weights[:25])
        both += micro_cluster(points[25:], weights[25:])
        mean, scatter = moments(points, weights)
        assert both.weight == pytest.approx(sum(weights))
        assert list(both.center.values()) == pytest.approx(mean)
        assert [part._S for part in both.var_x.values()] == pytest.approx(scatter)

    def test_a_first_point_is_the_centre_to_the_last_bit_whatever_its_weight(self):
        point = {0: 0.1, 1: 1 / 3, 2: 1e-17}
        made = CluStreamMicroCluster(point, 1.7e-9, 0)
        assert made.center == point
        assert [part._S for part in made.var_x.values()] == [0.0, 0.0, 0.0]

    def test_the_centre_is_that_of_now_after_an_insert(self):
        made = micro_cluster([{0: 0.0}], [1.0])
        before = made.center
        made.insert({0: 1.0}, 1.0, 0)
        assert (before, made.center) == ({0: 0.0}, {0: 0.5})

    def test_the_rust_class_is_rivers_adwin(self):
        draw = random.Random(5)
        values = [draw.random() * 0.4 for _ in range(3_000)]
        values += [0.3 + draw.random() * 0.4 for _ in range(3_000)]
        rust = AdaptiveWindowing(FALSE_ALARM_RATIO, CHECK_EVERY, 5, 5, GRACE)
        public = drift.ADWIN(delta=FALSE_ALARM_RATIO, clock=CHECK_EVERY, grace_period=GRACE)
        found: list[int] = []
        for i, value in enumerate(values):
            public.update(value)
            assert rust.update(value) == public.drift_detected
            if public.drift_detected:
                found.append(i)
                break
            assert (rust.get_width(), rust.get_total()) == (public.width, public.total)
        assert found
        assert 3_000 <= found[0] < 3_500


class TestWhyTheirLoopsAreNotUsed:
    def test_predicting_changes_dbstream_and_denstream(self):
        dbstream = cluster.DBSTREAM(clustering_threshold=0.5)
        denstream = cluster.DenStream(
            decaying_factor=0.01, beta=0.5, mu=2.5, epsilon=0.4, n_samples_init=10
        )
        points = two_kinds(400)
        for model in (dbstream, denstream):
            for point in points:
                model.learn_one(point)
            before = pickle.dumps(model)
            model.predict_one(points[0])
            assert pickle.dumps(model) != before

    def test_predicting_changes_kmeans_which_draws_the_centre_of_a_feature_not_seen_before(self):
        kmeans = cluster.KMeans(n_clusters=3, seed=1)
        before = kmeans._rng.getstate()
        kmeans.predict_one({0: 0.5})
        assert kmeans._rng.getstate() != before
        assert all(list(centre) == [0] for centre in kmeans.centers.values())

    def test_dbstream_forgets_by_the_number_of_learns(self):
        def left_after(others: int) -> bool:
            model = cluster.DBSTREAM(
                clustering_threshold=0.5, fading_factor=0.05, cleanup_interval=10
            )
            model.learn_one({0: 9.0})
            for _ in range(others):
                model.learn_one({0: 0.0})
            return any(kept.center == {0: 9.0} for kept in model.micro_clusters.values())

        assert (left_after(5), left_after(50)) == (True, False)

    def test_dbstream_has_no_bound_on_its_micro_clusters(self):
        model = cluster.DBSTREAM(0.3, fading_factor=0.0005, cleanup_interval=1_000)
        for point in two_kinds(1_500):
            model.learn_one(point)
        assert len(model.micro_clusters) > 200

    def test_denstream_takes_two_kinds_for_one_since_its_radius_comes_out_as_0(self):
        model = cluster.DenStream(
            decaying_factor=0.01, beta=0.5, mu=2.5, epsilon=0.05, n_samples_init=10
        )
        for point in two_kinds(400):
            model.learn_one(point)
        kept = [*model.p_micro_clusters.values(), *model.o_micro_clusters.values()]
        assert [micro.calc_radius(0) for micro in kept] == [0.0]
        spread = np.std([list(point.values()) for point in two_kinds(400)])
        assert spread > 0.3

    def test_clustream_rejects_most_points_of_ten_features_and_merges_for_each(self):
        class Counting(cluster.CluStream):
            misfits = 0

            def _maintain_micro_clusters(self, x: Point, w: float) -> None:
                self.misfits += 1
                super()._maintain_micro_clusters(x, w)

        model = Counting(max_micro_clusters=32, time_gap=10**9)
        points = two_kinds(800)
        for point in points:
            model.learn_one(point)
        assert model.misfits > len(points) / 2
        assert len(model.micro_clusters) == 32
