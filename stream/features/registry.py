"""What a feature is, and the one list of them all.

A feature's `code` is an expression over `row`; the segment compiler inlines it, so that a
condition costs attribute reads and no calls. It gives a number, a text, a boolean, an instant in
milliseconds, or None for unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Feature(msgspec.Struct, frozen=True):
    """One feature.

    name      as in conditions, `family.feature`
    code      Python expression over `row`
    unit      count, ratio, instant (ms), duration (ms), micros, text, flag
    parts     bit set of the row's parts that it reads (state/fold.py)
    nullable  whether it can be unknown
    about     one sentence for those who write segments
    turns     code of the next instant at which time alone changes it, or nothing
    measure   key of what the row keeps for it, or nothing; its past begins with its definitions
    reach_ms  how far back it looks, of a measure; 0 is all time
    is_lower_bound_at_first  whether it is too low while a part of that past is missing
    """

    name: str
    code: str
    unit: str
    parts: int
    about: str
    nullable: bool = False
    turns: str = ""
    measure: str = ""
    reach_ms: int = 0
    is_lower_bound_at_first: bool = False


Registry = Mapping[str, Feature]


def by_name(families: tuple[tuple[Feature, ...], ...]) -> dict[str, Feature]:
    """The registry of all families; a name stands once.

    Raises
    ------
    ValueError
        Where two features have one name.
    """
    found: dict[str, Feature] = {}
    for family in families:
        for feature in family:
            if feature.name in found:
                raise ValueError(f"feature {feature.name} is defined twice")
            found[feature.name] = feature
    return found
