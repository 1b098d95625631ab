"""Control groups and variants: sticky by hash, without state.

Each draw is a 64-bit xxh3 of salt, segment and customer, so it is the same on every worker, in
every replay and after every crash, and draws of different segments are independent.

A change of shares or weights moves as few customers as it can:

- A control group is the customers whose draw is below its share. A larger share only adds to it, a
  smaller one only takes from it.
- Variants are drawn by weighted rendezvous (Thaler and Ravishankar, 1998; weights as in
  Schindelhauer and Schomaker, 2005): each variant has a draw of its own, by its name, and the
  smallest -log(draw)/weight wins. A weight that rises only brings customers to its variant; one
  that falls only takes from it; a removed variant's customers spread over the others, and nobody
  else moves. The order of the variants does not matter.
- The variant's draws are others than the control group's: who stays treated keeps the variant.

What is held back is the action: for a message, the control
group gets none; for a suppression, **the control group is not suppressed**.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import inf, log
from typing import Literal, NamedTuple

from xxhash import xxh3_64_intdigest

from stream.segments.definition import Variant

Holdout = Literal["segment", "global"]

GLOBAL = "global"
"""Salts the one control group that is the same customers for all segments, besides the salt."""

_DRAWS = float(1 << 64)


class Assignment(NamedTuple):
    """`holdout` is the control group, None for the treated; `variant` is of the treated alone."""

    holdout: Holdout | None
    variant: str | None


TREATED = Assignment(None, None)
IN_SEGMENT_CONTROL = Assignment("segment", None)
IN_GLOBAL_CONTROL = Assignment("global", None)


def assign(
    customer: str,
    segment: str,
    salt: str,
    control_share: float,
    global_share: float,
    variants: Sequence[Variant],
) -> Assignment:
    """Which group a customer of a segment belongs to; 0.4 us, 1.2 with two variants to draw from.

    Parameters
    ----------
    salt
        Names the draw; another one draws everything anew.
    control_share, global_share
        From 0 to 1. The segment's control group is drawn from those outside of the global one.
    variants
        Those of weight 0 get nobody. With none, `variant` is None.

    >>> assign("c", "at_risk", "shoal", 0.0, 0.0, (Variant("plain"),))
    Assignment(holdout=None, variant='plain')
    >>> assign("c", "at_risk", "shoal", 1.0, 0.0, (Variant("plain"),))
    Assignment(holdout='segment', variant=None)
    """
    if global_share > 0.0:
        draw = xxh3_64_intdigest(f"{GLOBAL}\0{salt}\0{customer}".encode())
        if draw < global_share * _DRAWS:
            return IN_GLOBAL_CONTROL
    key = f"{salt}\0{segment}\0{customer}".encode()
    if control_share > 0.0 and xxh3_64_intdigest(key) < control_share * _DRAWS:
        return IN_SEGMENT_CONTROL
    if not variants:
        return TREATED
    chosen = ""
    best = inf
    for variant in variants:
        name, weight = variant.name, variant.weight
        if weight > 0:
            score = -log((xxh3_64_intdigest(key, _seed(name)) + 0.5) / _DRAWS) / weight
            if score < best:
                best, chosen = score, name
    return _treated(chosen)


@lru_cache(maxsize=4_096)
def _seed(variant: str) -> int:
    """What makes a variant's draws its own: hashes with another seed are others."""
    return xxh3_64_intdigest(variant.encode())


@lru_cache(maxsize=4_096)
def _treated(variant: str) -> Assignment:
    return Assignment(None, variant) if variant else TREATED
