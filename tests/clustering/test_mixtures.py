"""The measure itself, against values worked out elsewhere."""

from __future__ import annotations

import pytest

from tests.clustering.mixtures import ari, batch_kmeans, spheres


def test_the_adjusted_rand_index_of_the_textbook_example():
    # Hubert and Arabie's formula by hand: pairs together in both 2, in a 6, in b 7, of 15.
    labels_a = [0, 0, 0, 1, 1, 1]
    labels_b = [0, 0, 1, 1, 1, 1]
    together = 1 + 3  # {0,1} of the first three; {3,4,5} of the rest
    by_chance = (3 + 3) * (1 + 6) / 15
    expected = (together - by_chance) / ((6 + 7) / 2 - by_chance)
    assert ari(labels_a, labels_b) == pytest.approx(expected)


def test_the_same_partition_under_other_names_is_1_and_one_by_chance_is_near_0():
    assert ari([0, 0, 1, 1, 2], "aabbc") == 1.0
    labels = [i % 3 for i in range(3_000)]
    unrelated = [(i * 7919 % 3001) % 4 for i in range(3_000)]
    assert abs(ari(labels, unrelated)) < 0.01


def test_batch_kmeans_finds_clouds_that_are_well_apart():
    points, truth = spheres(seed=1, kinds=4, count=1_500)
    assert ari(batch_kmeans(points, 4, seed=1), truth) > 0.99
