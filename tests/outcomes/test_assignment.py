"""Who is held back and who gets which variant: shares, stickiness, independence, few moves."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from stream.outcomes.assignment import IN_GLOBAL_CONTROL, IN_SEGMENT_CONTROL, Assignment, assign
from stream.segments.definition import Variant

CUSTOMERS = [f"customer-{number}" for number in range(20_000)]
NAMES = st.text(min_size=1, max_size=20)
SHARES = st.floats(0.0, 1.0)
VARIANTS = st.lists(
    st.builds(Variant, name=NAMES, weight=st.integers(0, 100)),
    max_size=4,
    unique_by=lambda v: v.name,
)


def near(count: int, share: float, total: int) -> bool:
    """Within four standard deviations of a binomial."""
    return abs(count - share * total) <= 4 * sqrt(share * (1 - share) * total)


def variants(**weights: int) -> tuple[Variant, ...]:
    return tuple(Variant(name, weight) for name, weight in weights.items())


def drawn(weights: tuple[Variant, ...], control: float = 0.0) -> list[Assignment]:
    return [assign(c, "at_risk", "s", control, 0.0, weights) for c in CUSTOMERS]


def test_groups_and_variants_have_their_shares():
    weights = variants(plain=1, shipping=3)
    found = [assign(c, "at_risk", "s", 0.2, 0.1, weights) for c in CUSTOMERS]
    groups = Counter(a.holdout for a in found)
    named = Counter(a.variant for a in found if a.holdout is None)
    assert near(groups["global"], 0.1, len(CUSTOMERS))
    assert near(groups["segment"], 0.2 * 0.9, len(CUSTOMERS))
    assert near(named["plain"], 0.25, groups[None])


def test_the_draw_is_xxh3_of_salt_segment_and_customer():
    for customer in CUSTOMERS[:200]:
        hasher = xxhash.xxh3_64()
        for part in (b"s", b"\0", b"at_risk", b"\0", customer.encode()):
            hasher.update(part)
        expected = hasher.intdigest() / 2**64 < 0.3
        assert (assign(customer, "at_risk", "s", 0.3, 0.0, ()).holdout == "segment") == expected


@given(NAMES, NAMES, NAMES, SHARES, SHARES, VARIANTS)
def test_a_customer_keeps_the_assignment_whatever_the_order_of_the_variants(
    customer: str, segment: str, salt: str, control: float, everywhere: float, found: list[Variant]
):
    first = assign(customer, segment, salt, control, everywhere, found)
    assert assign(customer, segment, salt, control, everywhere, found[::-1]) == first
    if first.holdout is not None:
        assert first.variant is None
    else:
        assert first.variant in {v.name for v in found if v.weight} | {None}


@given(NAMES, NAMES, SHARES, SHARES, SHARES)
def test_a_larger_share_only_adds_to_the_control_group(
    customer: str, segment: str, one: float, other: float, everywhere: float
):
    small, large = sorted((one, other))
    if assign(customer, segment, "s", small, everywhere, ()).holdout is not None:
        assert assign(customer, segment, "s", large, everywhere, ()).holdout is not None
    if assign(customer, segment, "s", everywhere, small, ()) == IN_GLOBAL_CONTROL:
        assert assign(customer, segment, "s", everywhere, large, ()) == IN_GLOBAL_CONTROL


def test_the_global_group_is_the_same_for_every_segment():
    held = [
        {c for c in CUSTOMERS if assign(c, name, "s", 0.3, 0.1, ()).holdout == "global"}
        for name in ("at_risk", "loyal")
    ]
    assert held[0] == held[1]
    assert held[0]


@pytest.mark.parametrize("other", [("loyal", "s"), ("at_risk", "another salt")])
def test_segments_and_salts_draw_independently(other: tuple[str, str]):
    def held(segment: str, salt: str) -> set[str]:
        return {
            c for c in CUSTOMERS if assign(c, segment, salt, 0.3, 0.0, ()) == IN_SEGMENT_CONTROL
        }

    assert near(len(held("at_risk", "s") & held(*other)), 0.09, len(CUSTOMERS))


def test_variants_are_drawn_independently_of_the_control_group():
    weights = variants(plain=1, shipping=1)
    alone, beside = drawn(weights), drawn(weights, control=0.5)
    treated = [(a, b) for a, b in zip(alone, beside, strict=True) if b.holdout is None]
    assert all(a == b for a, b in treated)
    assert near(sum(b.variant == "plain" for _, b in treated), 0.5, len(treated))


def test_a_weight_that_rises_moves_only_customers_to_its_variant_and_no_more_than_needed():
    before = drawn(variants(a=1, b=1, c=2))
    after = drawn(variants(a=5, b=1, c=2))
    moved = [(x.variant, y.variant) for x, y in zip(before, after, strict=True) if x != y]
    assert {to for _, to in moved} == {"a"}
    assert near(len(moved), 5 / 8 - 1 / 4, len(CUSTOMERS))


def test_a_variant_that_goes_moves_only_its_own_customers():
    before, after = drawn(variants(a=1, b=1, c=2)), drawn(variants(a=1, b=1, c=0))
    moved = [x.variant for x, y in zip(before, after, strict=True) if x != y]
    assert set(moved) == {"c"}
    assert near(len(moved), 0.5, len(CUSTOMERS))


def test_equal_proportions_are_the_same_draw():
    assert drawn(variants(a=1, b=3)) == drawn(variants(a=2, b=6))


def test_without_variants_the_treated_have_none():
    assert assign("c", "at_risk", "s", 0.0, 0.0, ()) == Assignment(None, None)
