"""Traits are bounded and scalar."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from stream.events.rejection import RejectedEventError
from stream.events.traits import TRAIT_NAME_MAX, TRAITS_MAX, Trait, traits_of


def traits(content: Any) -> tuple[dict[str, Trait], bool]:
    return traits_of(msgspec.Raw(json.dumps(content).encode()), "$.traits")


def test_scalars_stay_and_an_object_becomes_names_with_dots():
    found, cut = traits(
        {
            "email": "peter@example.com",
            "logins": 5,
            "score": 0.5,
            "staff": False,
            "address": {"city": "San Francisco", "postalCode": "94103", "geo": {"lat": 1}},
            "tags": ["a", "b"],
            "phone": None,
            "huge": 2**63,
        }
    )

    assert found == {
        "email": "peter@example.com",
        "logins": 5,
        "score": 0.5,
        "staff": False,
        "address.city": "San Francisco",
        "address.postalCode": "94103",
    }
    assert not cut


def test_the_first_traits_are_kept():
    found, cut = traits({f"trait{number}": number for number in range(TRAITS_MAX + 1)})

    assert list(found.values()) == list(range(TRAITS_MAX))
    assert cut


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"a": "x" * 257}, {"a": "x" * 256}),
        ({"n" * (TRAIT_NAME_MAX + 1): 1}, {"n" * TRAIT_NAME_MAX: 1}),
    ],
)
def test_long_texts_are_cut_and_it_is_said(content: dict[str, Any], expected: dict[str, Trait]):
    assert traits(content) == (expected, True)


@pytest.mark.parametrize("content", [{}, [], None, ""])
def test_nothing_is_no_traits(content: Any):
    assert traits(content) == ({}, False)


@pytest.mark.parametrize("content", [["a"], "gold", 7, True])
def test_what_is_no_object_is_named(content: Any):
    with pytest.raises(RejectedEventError) as caught:
        traits(content)

    assert (caught.value.reason, caught.value.field) == ("wrong_type", "$.traits")
