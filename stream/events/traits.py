"""Traits of an identify call, properties of a shop's own event: bounded, scalar, made flat."""

from __future__ import annotations

from typing import Any, Final, TypeGuard

import msgspec

from stream.events.properties import TEXT_MAX
from stream.events.rejection import RejectedEventError

TRAITS_MAX: Final = 50
"""Traits of one call, in the order sent. With names and texts at their limits that is 16 KB."""

TRAIT_NAME_MAX: Final = 64
"""Characters of a trait's name, dots included."""

OWN_PROPERTIES_MAX: Final = 20
"""Properties of an event of the shop's own, in the order sent: at their limits 6 KB."""

_INTEGER_MAX: Final = 2**63 - 1

Trait = str | int | float | bool


def traits_of(raw: msgspec.Raw, field: str) -> tuple[dict[str, Trait], bool]:
    """The traits, and whether something was cut.

    An object's fields are traits with a dotted name (`address.postalCode`); lists, null and
    anything deeper are left out, and so are integers beyond 64 bits.

    Raises
    ------
    RejectedEventError
        `wrong_type` where traits are no object.
    """
    content = msgspec.json.decode(raw) or {}
    if not isinstance(content, dict):
        raise RejectedEventError("wrong_type", field, "Expected `object`")
    return _bounded(content, TRAITS_MAX)


def own_properties(raw: msgspec.Raw) -> tuple[dict[str, Trait], bool]:
    """The same of an event of the shop's own; properties that are no object are none."""
    content = msgspec.json.decode(raw)
    return _bounded(content, OWN_PROPERTIES_MAX) if isinstance(content, dict) else ({}, False)


def _bounded(content: dict[str, Any], traits_max: int) -> tuple[dict[str, Trait], bool]:
    traits: dict[str, Trait] = {}
    cut = False
    for name, value in _flat(content):
        if len(traits) == traits_max:
            return traits, True
        if not _is_storable(value):
            continue
        cut |= len(name) > TRAIT_NAME_MAX or (isinstance(value, str) and len(value) > TEXT_MAX)
        traits[name[:TRAIT_NAME_MAX]] = value[:TEXT_MAX] if isinstance(value, str) else value
    return traits, cut


def _flat(content: dict[str, Any]) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in content.items():
        if isinstance(value, dict):
            pairs.extend((f"{name}.{inner}", scalar) for inner, scalar in value.items())
        else:
            pairs.append((name, value))
    return pairs


def _is_storable(value: object) -> TypeGuard[Trait]:
    if isinstance(value, int):
        return -_INTEGER_MAX <= value <= _INTEGER_MAX
    return isinstance(value, float | str)
