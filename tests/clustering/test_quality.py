"""Is what is learned in one pass, in partitions, as good as batch k-means over all points at once?

On mixtures whose kinds are known. Run with `-s` to see the numbers.
"""

from __future__ import annotations

import pytest

from stream.clock import DAY_MS
from stream.clustering.macro import merge
from stream.clustering.micro import MicroLearner
from stream.clustering.model import ClusterModel, decode_model
from tests.clustering.mixtures import (
    FEATURES,
    START_MS,
    Vector,
    ari,
    batch_kmeans,
    shoppers,
    spheres,
    vectors,
)

PARTITIONS = 4
MIXTURES = [
    pytest.param(make, seed, kinds, id=f"{make.__name__}-{kinds}-{seed}")
    for make in (spheres, shoppers)
    for kinds in (4, 5, 6)
    for seed in (11, 12)
]


def model_of(points: list[Vector]) -> ClusterModel:
    learners = [MicroLearner(partition) for partition in range(PARTITIONS)]
    for i, point in enumerate(points):
        learners[i % PARTITIONS].learn_one(point, START_MS + 10_000 * i)
    content = merge([learner.summary() for learner in learners], None, FEATURES)
    assert content is not None
    return decode_model(content)


@pytest.mark.parametrize(("make", "seed", "kinds"), MIXTURES)
def test_one_pass_is_as_good_as_batch_kmeans_of_the_same_number(make, seed, kinds):
    points, truth = make(seed, kinds, 4_000)
    model = model_of(vectors(points))
    ours = [model.assign(vector, None)[0] for vector in vectors(points)]
    batch = [batch_kmeans(points, len(model.ids), start) for start in (1, 2)]
    to_truth = ari(ours, truth)
    batch_to_truth = [ari(labels, truth) for labels in batch]
    print(
        f"\n{make.__name__} of {kinds} kinds, seed {seed}: {len(model.ids)} clusters, "
        f"ARI to the truth {to_truth:.3f}, batch k-means {batch_to_truth[0]:.3f} and "
        f"{batch_to_truth[1]:.3f}; ours to batch {ari(ours, batch[0]):.3f}, "
        f"batch to batch {ari(*batch):.3f}"
    )
    assert to_truth >= max(batch_to_truth) - 0.05


def test_a_busy_partition_that_samples_is_as_good():
    points, truth = shoppers(31, 6, 40_000)
    learner = MicroLearner(0)
    for i, point in enumerate(vectors(points)):
        learner.learn_one(point, START_MS + 1_003 * i)
    content = merge([learner.summary()], None, FEATURES)
    assert content is not None
    model = decode_model(content)
    ours = [model.assign(vector, None)[0] for vector in vectors(points[:4_000])]
    batch = batch_kmeans(points[:4_000], len(model.ids), seed=1)
    print(
        f"\n{learner.learned} of {learner.seen} learned: ARI to the truth "
        f"{ari(ours, truth[:4_000]):.3f}, batch k-means {ari(batch, truth[:4_000]):.3f}"
    )
    assert learner.learned < learner.seen / 2
    assert ari(ours, truth[:4_000]) >= ari(batch, truth[:4_000]) - 0.05


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_a_customer_who_goes_on_as_before_keeps_the_cluster_from_day_to_day(seed: int):
    """Each day a third of the customers come by, their vectors as before but for some jitter."""
    points, _ = shoppers(seed, 5, 3_000)
    jitter, _ = spheres(seed, 4, 3_000, deviation=1.0)
    customers = vectors(points)
    learners = [MicroLearner(partition) for partition in range(PARTITIONS)]
    previous: bytes | None = None
    clusters: dict[int, str] = {}
    kept: list[float] = []
    for day in range(12):
        for i in range(day % 3, len(customers), 3):
            shaken = (points[i] + 0.02 * (jitter[(i + day) % 3_000] - 0.5)).tolist()
            learners[i % PARTITIONS].learn_one(tuple(shaken), START_MS + day * DAY_MS + i)
        content = merge([learner.summary() for learner in learners], previous, FEATURES)
        if content is None:
            continue
        previous, model = content, decode_model(content)
        now = {i: model.assign(v, clusters.get(i))[0] for i, v in enumerate(customers)}
        kept += [sum(now[i] == old for i, old in clusters.items()) / len(now)] if clusters else []
        clusters = now
    print(f"\nseed {seed}: versions {1 + len(kept)}, least share that stayed {min(kept):.4f}")
    assert min(kept) >= 0.99
