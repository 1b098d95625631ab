"""Which new cluster is which old one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.clustering.identity import assigned, matched

amounts = st.integers(0, 100).map(float)
tables = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda size: st.lists(
        st.lists(amounts, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0]
    )
)


def most_kept(shared: tuple[tuple[float, ...], ...], taken: frozenset[int]) -> float:
    """The most that any assignment keeps, one new cluster after the other."""
    if not shared:
        return 0.0
    options = [most_kept(shared[1:], taken)]
    options += [
        amount + most_kept(shared[1:], taken | {old})
        for old, amount in enumerate(shared[0])
        if old not in taken
    ]
    return max(options)


def test_a_cluster_that_keeps_its_customers_keeps_its_identity():
    assert matched([[5.0, 90.0, 0.0], [100.0, 2.0, 0.0], [0.0, 1.0, 70.0]]) == [1, 0, 2]


def test_of_a_split_cluster_the_larger_part_goes_on():
    assert matched([[40.0, 0.0], [60.0, 0.0], [0.0, 80.0]]) == [None, 0, 1]


def test_of_two_that_become_one_the_larger_goes_on():
    assert matched([[30.0, 70.0, 0.0], [0.0, 0.0, 50.0]]) == [1, 2]


def test_a_cluster_that_has_died_passes_its_identity_to_nobody():
    assert matched([[100.0, 0.0], [0.0, 0.0]]) == [0, None]
    # The last two of the old one, together with 300 others: that is no continuation.
    assert matched([[400.0, 0.0], [300.0, 2.0]]) == [0, None]


@given(tables)
def test_nothing_is_shared_out_twice_and_a_match_shares_a_fifth(shared: list[list[float]]):
    olds = matched(shared)
    given_away = [old for old in olds if old is not None]
    assert len(olds) == len(shared)
    assert len(set(given_away)) == len(given_away)
    for new, old in enumerate(olds):
        if old is not None:
            either = sum(shared[new]) + sum(row[old] for row in shared) - shared[new][old]
            assert shared[new][old] >= 0.2 * either > 0.0


@given(tables)
def test_no_other_assignment_leaves_more_customers_under_their_id(shared: list[list[float]]):
    kept = sum(shared[new][old] for new, old in enumerate(assigned(shared)) if old is not None)
    assert kept == most_kept(tuple(map(tuple, shared)), frozenset())
