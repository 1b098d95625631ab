"""Weighted k-means on points whose clusters are plain to see."""

from __future__ import annotations

import numpy as np
import pytest

from stream.clustering.kmeans import fit, settle, silhouettes, squared_distances
from tests.clustering.mixtures import ari, spheres

SQUARE = np.array([[0.0, 0.0], [0.0, 4.0], [4.0, 0.0], [4.0, 4.0]])


def test_squared_distances_of_a_right_triangle():
    found = squared_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
    assert found.tolist() == [[25.0, 1.0]]


def test_a_weight_counts_like_as_many_points():
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    weights = np.array([3.0, 1.0, 1.0, 1.0])
    fitted = fit(points, weights, 2, seed=1)
    assert sorted(fitted.centroids[:, 0]) == pytest.approx([0.25, 10.5])
    # 3 * 0.25^2 + 0.75^2 + 2 * 0.5^2
    assert fitted.inertia == pytest.approx(1.25)


def test_it_finds_clouds_that_are_well_apart():
    points, truth = spheres(seed=7, kinds=6, count=900)
    fitted = fit(points, np.ones(900), 6, seed=1)
    assert ari(fitted.labels.tolist(), truth) > 0.98


def test_the_same_seed_gives_the_same_centroids():
    points, _ = spheres(seed=7, kinds=5, count=400)
    one, other = (fit(points, np.ones(400), 5, seed=3) for _ in range(2))
    assert one.centroids.tobytes() == other.centroids.tobytes()


def test_a_centroid_that_holds_nothing_moves_to_where_it_helps_most():
    start = np.array([[0.0, 0.0], [0.0, 4.0], [4.0, 0.0], [99.0, 99.0]])
    fitted = settle(SQUARE, np.ones(4), start)
    assert fitted.inertia == 0.0
    assert sorted(fitted.labels.tolist()) == [0, 1, 2, 3]


def test_the_silhouette_of_two_pairs_by_hand():
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    fitted = fit(points, np.ones(4), 2, seed=1)
    # Own mean distance 1/2 (itself included), next 10.5 or 9.5; by symmetry two of each.
    expected = (1 - 0.5 / 10.5 + 1 - 0.5 / 9.5) / 2
    assert silhouettes(points, np.ones(4), [fitted]) == [pytest.approx(expected)]


@pytest.mark.parametrize("kinds", [4, 5, 6])
def test_the_silhouette_is_best_for_the_true_number(kinds: int):
    points, _ = spheres(seed=kinds, kinds=kinds, count=700)
    fits = [fit(points, np.ones(700), k, seed=1) for k in (3, 4, 5, 6, 7)]
    judged = silhouettes(points, np.ones(700), fits)
    assert judged.index(max(judged)) + 3 == kinds


def test_points_that_are_all_alike_have_no_silhouette_and_no_error():
    points = np.zeros((6, 2))
    fitted = settle(points, np.ones(6), np.zeros((2, 2)))
    assert silhouettes(points, np.ones(6), [fitted]) == [0.0]
