"""Traits, which are what the shop or the customer says: a number, a text or a flag each."""

from __future__ import annotations

from msgspec import structs

from stream.features.registry import Feature
from stream.state.fold import TRAITS

TRAIT_NAME_MAX = 128


def number_trait(value: object) -> float | None:
    """The trait where it is a number."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def text_trait(value: object) -> str | None:
    """The trait where it is a text."""
    return value if isinstance(value, str) else None


def flag_trait(value: object) -> bool | None:
    """The trait where it is a flag, as `true`, `yes` or 1 as well."""
    if isinstance(value, bool):
        return value
    return _FLAGS.get(str(value).casefold())


_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

_UNITS = {"number": "ratio", "text": "text", "flag": "flag"}


def trait(name: str, kind: str, default: float | str | None = None) -> Feature:
    """The feature of a trait that is compared with a number, text or flag; else it is unknown.

    A customer who has no such trait has the default, where there is one.
    """
    otherwise = "" if default is None else f", {default!r}"
    said = otherwise.replace(":", r"\x3a")  # the name of the trait is what stands after two colons
    return Feature(
        f"trait:{kind}{said}:{name}",
        f"{kind}_trait(row.traits.get({name!r}{otherwise}))",
        _UNITS[kind],
        TRAITS,
        f"The trait {name!r}.",
        nullable=True,
    )


def trait_of(feature: str) -> str | None:
    """The trait of a feature by the feature's name; None for another feature.

    >>> trait_of(trait("a:b", "text", "c:d").name), trait_of("orders.count")
    ('a:b', None)
    """
    return feature.split(":", 2)[2] if feature.startswith("trait:") else None


def of_kind(feature: Feature, kind: str) -> Feature:
    """A feature of any kind, such as a property of a shop's own event, where it is of this one."""
    name, code = f"{feature.name}:{kind}", f"{kind}_trait({feature.code})"
    return structs.replace(feature, name=name, code=code, unit=_UNITS[kind], nullable=True)
