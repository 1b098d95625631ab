"""Merging partitions into a model whose clusters keep their identity."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.clock import DAY_MS
from stream.clustering.macro import CLUSTER_WEIGHT_MIN, MICRO_MIN, MOVED_MIN, WEIGHT_MIN, merge
from stream.clustering.micro import MicroLearner
from stream.clustering.model import ClusterModel, UnreadableModelError, decode_model, encode_model
from stream.clustering.news import news
from stream.clustering.summary import HALF_LIFE_MS, UnreadableSummaryError
from tests.clustering.mixtures import FEATURES, START_MS, Vector, shoppers, spheres, vectors

CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
PLANE = ("x", "y")


def around(centres: dict[Vector, int], seed: int = 1, width: float = 0.15) -> list[Vector]:
    """So many points in a square around each centre, in random order."""
    draw = random.Random(seed)
    points = [
        (x + draw.uniform(-width, width), y + draw.uniform(-width, width))
        for (x, y), count in centres.items()
        for _ in range(count)
    ]
    draw.shuffle(points)
    return points


def learned(points: list[Vector], partitions: int = 3, at_ms: int = START_MS) -> list[bytes]:
    learners = [MicroLearner(partition) for partition in range(partitions)]
    for i, point in enumerate(points):
        learners[i % partitions].learn_one(point, at_ms + i)
    return [learner.summary() for learner in learners]


def merged(summaries: list[bytes], previous: bytes | None = None) -> ClusterModel:
    content = merge(summaries, previous, PLANE)
    assert content is not None
    return decode_model(content)


def id_at(model: ClusterModel, x: float, y: float) -> str:
    return model.assign((x, y), None)[0]


def test_four_corners_are_four_clusters_with_their_shares():
    model = merged(learned(around(dict(zip(CORNERS, (300, 200, 400, 100), strict=True)))))
    found = dict(zip(model.centroids, model.weights, strict=True))
    assert model.ids == ("c1", "c2", "c3", "c4")
    assert [round(weight) for weight in model.weights] == [400, 300, 200, 100]
    for corner, count in zip(CORNERS, (300, 200, 400, 100), strict=True):
        nearest = min(found, key=lambda centre: np.hypot(*np.subtract(centre, corner)))
        assert nearest == pytest.approx(corner, abs=0.03)
        assert found[nearest] == pytest.approx(count, rel=1e-3)


def test_names_say_which_corner_it_is():
    model = merged(learned(around(dict.fromkeys(CORNERS, 200))))
    names = {id_at(model, *corner): corner for corner in CORNERS}
    for cluster_id, name in zip(model.ids, model.names, strict=True):
        x, y = names[cluster_id]
        assert {f"{'high' if x else 'low'} x", f"{'high' if y else 'low'} y"} == set(
            name.split(", ")
        )


def test_a_spread_is_the_root_mean_square_distance_to_the_centroid():
    points = around(dict.fromkeys(CORNERS, 250))
    model = merged(learned(points))
    for cluster_id, spread in zip(model.ids, model.spreads, strict=True):
        found = [model.assign(point, None) for point in points]
        squares = [distance**2 for own_id, distance in found if own_id == cluster_id]
        assert spread == pytest.approx(np.mean(squares) ** 0.5, rel=0.02)


def test_too_little_data_makes_no_model():
    enough = learned(around(dict.fromkeys(CORNERS, 75)))
    too_few = learned(around(dict.fromkeys(CORNERS, int(WEIGHT_MIN / 4 - 1))))
    assert merge(too_few, None, PLANE) is None
    assert merge([], None, PLANE) is None
    assert merge([MicroLearner(0).summary()], None, PLANE) is None
    assert merge(enough, None, PLANE) is not None


def test_customers_who_do_not_differ_make_no_model():
    few_points = [(float(i), 0.0) for i in range(3)] * 200
    assert merge(learned(few_points, partitions=1), None, PLANE) is None
    # The same three places in many partitions are many micro-clusters and still three places.
    assert MICRO_MIN < 3 * 8
    assert merge(learned(few_points, partitions=8), None, PLANE) is None


def test_what_has_not_moved_is_not_announced_again():
    summaries = learned(around(dict.fromkeys(CORNERS, 200)))
    first = merge(summaries, None, PLANE)
    again = learned(around(dict.fromkeys(CORNERS, 200), seed=2, width=0.14))
    assert first is not None
    assert merge(summaries, first, PLANE) is None
    assert merge(again, first, PLANE) is None


def test_a_cluster_that_moved_is_announced_under_its_old_id_and_name():
    before = merged(learned(around(dict.fromkeys(CORNERS, 200))))
    moved = {(0.0, 0.0): 200, (0.0, 1.0): 200, (1.0, 0.0): 200, (1.0 + 2 * MOVED_MIN, 1.0): 200}
    after = merged(learned(around(moved)), encode_model(before))
    assert after.ids == before.ids
    assert after.names == before.names
    assert [id_at(after, *corner) for corner in CORNERS] == [
        id_at(before, *corner) for corner in CORNERS
    ]


def test_a_new_kind_gets_a_new_id_and_the_others_keep_theirs():
    before = merged(learned(around(dict.fromkeys(CORNERS, 200))))
    after = merged(
        learned(around(dict.fromkeys(CORNERS, 200) | {(3.0, 3.0): 200})), encode_model(before)
    )
    assert after.ids == ("c1", "c2", "c3", "c4", "c5")
    assert id_at(after, 3.0, 3.0) == "c5"
    assert all(id_at(after, *corner) == id_at(before, *corner) for corner in CORNERS)


def test_the_id_of_a_kind_that_vanished_is_never_given_again():
    five = merged(learned(around(dict.fromkeys(CORNERS, 200) | {(3.0, 3.0): 200})))
    gone = id_at(five, 3.0, 3.0)
    four = merged(learned(around(dict.fromkeys(CORNERS, 200))), encode_model(five))
    assert gone not in four.ids
    elsewhere = learned(around(dict.fromkeys(CORNERS, 200) | {(-3.0, 3.0): 200}))
    again = merged(elsewhere, encode_model(four))
    assert id_at(again, -3.0, 3.0) == "c6"
    assert set(again.ids) - set(four.ids) == {"c6"}


def test_a_model_of_other_features_lends_no_ids_and_no_names():
    before = merge(learned(around(dict.fromkeys(CORNERS, 200))), None, ("a", "b"))
    after = merge(learned(around(dict.fromkeys(CORNERS, 200))), before, PLANE)
    assert after is not None
    assert decode_model(after).ids == ("c5", "c6", "c7", "c8")
    assert decode_model(after).features == PLANE


def test_summaries_of_other_features_are_left_out():
    plane = learned(around(dict.fromkeys(CORNERS, 200)))
    other = MicroLearner(7)
    for i in range(500):
        other.learn_one((i / 500, 0.5, 0.5), START_MS)
    assert merge([*plane, other.summary()], None, PLANE) == merge(plane, None, PLANE)


def test_of_two_summaries_of_a_partition_the_later_counts():
    points = around(dict.fromkeys(CORNERS, 200))
    early = learned(points[:300])
    assert merge([*learned(points), *early], None, PLANE) == merge(learned(points), None, PLANE)


def test_what_an_idle_partition_knows_fades_against_the_others():
    old = learned(around({(0.0, 0.0): 400, (0.0, 1.0): 400}), partitions=1)
    fresh_learner = MicroLearner(1)
    for point in around({(1.0, 0.0): 400, (1.0, 1.0): 400}):
        fresh_learner.learn_one(point, START_MS + 2 * HALF_LIFE_MS)
    model = merged([*old, fresh_learner.summary()])
    by_side = {0: 0.0, 1: 0.0}
    for centroid, weight in zip(model.centroids, model.weights, strict=True):
        by_side[round(centroid[0])] += weight
    assert by_side == pytest.approx({0: 200.0, 1: 800.0}, rel=1e-3)


def test_one_odd_customer_is_no_cluster():
    points = [*around(dict.fromkeys(CORNERS, 200)), (40.0, 40.0)]
    model = merged(learned(points))
    assert len(model.ids) == 4
    assert min(model.weights) > 0.02 * len(points)


@pytest.mark.parametrize(("visits", "is_cluster"), [(20, False), (60, True)])
def test_a_cluster_weighs_more_than_one_customer_can(visits: int, is_cluster: bool):
    """Nobody is told apart by a model: one customer's points weigh 30 at most, whatever they do."""
    corners = dict.fromkeys(CORNERS, 100)
    model = merged(learned(around({**corners, (3.0, 3.0): visits})))
    alone = [weight for weight in model.weights if weight < CLUSTER_WEIGHT_MIN]
    assert alone == []
    near = [c for c in model.centroids if abs(c[0] - 3.0) < 0.5 and abs(c[1] - 3.0) < 0.5]
    assert bool(near) == is_cluster


def test_what_one_customer_can_weigh_is_less_than_a_cluster():
    """A point a minute for two years, each worth what is new in it, fading by half in 30 days."""
    step_ms, half_ms = DAY_MS // 1_440, 30 * DAY_MS
    weight = 0.0
    for _ in range(730 * 1_440):
        weight = weight * 2.0 ** (-step_ms / half_ms) + news(step_ms)
    assert 29 < weight < CLUSTER_WEIGHT_MIN


def test_the_number_of_clusters_does_not_flap():
    """Five squares that touch: whichever number was chosen first stays for a month."""
    learner = MicroLearner(0)
    previous: bytes | None = None
    counts = set()
    for day in range(30):
        squares = dict.fromkeys(CORNERS, 200) | {(0.5, 0.5): 200}
        for point in around(squares, seed=day, width=0.3):
            learner.learn_one(point, START_MS + day * DAY_MS)
        previous = merge([learner.summary()], previous, PLANE) or previous
        assert previous is not None
        counts.add(len(decode_model(previous).ids))
    assert len(counts) == 1


def test_bytes_of_another_kind_are_refused():
    summaries = learned(around(dict.fromkeys(CORNERS, 200)))
    with pytest.raises(UnreadableSummaryError):
        merge([*summaries, b"\x00"], None, PLANE)
    with pytest.raises(UnreadableModelError):
        merge(summaries, msgspec.msgpack.encode({"version": 1}), PLANE)


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 2**16))
def test_the_order_of_the_summaries_changes_no_byte(shuffler: random.Random, seed: int):
    points, _ = shoppers(seed % 5, kinds=5, count=700)
    summaries = learned(vectors(points), partitions=6)
    previous = merge(summaries[:3], None, FEATURES)
    shuffled = [*summaries, summaries[seed % 6]]
    shuffler.shuffle(shuffled)
    assert merge(shuffled, None, FEATURES) == merge(summaries, None, FEATURES)
    assert merge(shuffled, previous, FEATURES) == merge(summaries, previous, FEATURES)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**16), st.integers(4, 6))
def test_a_refit_leaves_the_customers_where_they_were(seed: int, kinds: int):
    points, _ = spheres(seed, kinds, 1_500)
    first = merge(learned(vectors(points)[:1_000]), None, FEATURES)
    second = merge(learned(vectors(points)), first, FEATURES) or first
    assert first is not None
    assert second is not None
    before, after = decode_model(first), decode_model(second)
    moved = 0
    for vector in vectors(points):
        cluster_id = before.assign(vector, None)[0]
        moved += after.assign(vector, cluster_id)[0] != cluster_id
    assert moved <= 0.01 * len(points)
