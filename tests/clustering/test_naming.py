"""Names: by what sets a cluster apart, no two alike, and lasting."""

from __future__ import annotations

from stream.clustering.model import Trait
from stream.clustering.naming import named, ranked, worded

FEATURES = ("orders", "discount", "evening")
MANY_ORDERS, FEW_ORDERS = Trait("orders", high=True), Trait("orders", high=False)
MUCH_DISCOUNT, EVENING = Trait("discount", high=True), Trait("evening", high=True)


def test_the_farthest_from_the_mean_comes_first_and_what_is_near_it_is_left_out():
    assert ranked((0.3, 2.0, -0.2), FEATURES) == [MUCH_DISCOUNT, MANY_ORDERS]
    assert ranked((-1.0, 1.0, 1.0), FEATURES) == [FEW_ORDERS, MUCH_DISCOUNT, EVENING]


def test_two_traits_make_a_name_and_a_third_tells_twins_apart():
    ranking = [MANY_ORDERS, MUCH_DISCOUNT, EVENING]
    chosen = named([ranking, ranking, [FEW_ORDERS]], [None, None, None])
    assert chosen == [
        (MANY_ORDERS, MUCH_DISCOUNT),
        (MANY_ORDERS, MUCH_DISCOUNT, EVENING),
        (FEW_ORDERS,),
    ]


def test_the_same_traits_in_another_order_are_no_other_name():
    chosen = named(
        [[MANY_ORDERS, MUCH_DISCOUNT], [MUCH_DISCOUNT, MANY_ORDERS, EVENING]], [None, None]
    )
    assert chosen[1] == (MUCH_DISCOUNT, MANY_ORDERS, EVENING)


def test_a_name_lasts_while_it_is_among_what_sets_the_cluster_apart():
    former = (MANY_ORDERS, MUCH_DISCOUNT)
    assert named([[EVENING, MUCH_DISCOUNT, MANY_ORDERS]], [former]) == [former]


def test_a_name_that_has_become_wrong_is_given_up():
    former = (MANY_ORDERS, MUCH_DISCOUNT)
    assert named([[FEW_ORDERS, MUCH_DISCOUNT]], [former]) == [(FEW_ORDERS, MUCH_DISCOUNT)]


def test_a_lasting_name_is_never_given_to_two():
    former = (MANY_ORDERS, MUCH_DISCOUNT)
    ranking = [MANY_ORDERS, MUCH_DISCOUNT, EVENING]
    chosen = named([ranking, ranking], [former, former])
    assert chosen == [former, tuple(ranking)]


def test_clusters_that_nothing_sets_apart_are_told_apart_by_their_ids():
    assert worded([(), (), (EVENING,)], ["c1", "c2", "c3"]) == (
        "near the average",
        "near the average (c2)",
        "high evening",
    )
