"""Names for clusters: by the features that set them apart from everybody."""

from __future__ import annotations

from collections.abc import Sequence

from stream.clustering.model import Trait

TRAITS_NAMED = 2
"""Features in a name, more only where two clusters would share one."""

TRAIT_MIN = 0.25
"""Standard deviations from everybody's mean below which a feature says nothing about a cluster."""

KEPT_AMONG = 3
"""A cluster keeps its former name while that speaks of its first so many features."""

AVERAGE = "near the average"


def ranked(deviations: Sequence[float], features: Sequence[str]) -> list[Trait]:
    """The traits of a cluster, what sets it apart most first.

    `deviations` are the centroid's from everybody's mean, in everybody's standard deviations.

    >>> ranked((0.1, -2.0, 0.5), ("orders", "discount", "evening"))
    [Trait(feature='discount', high=False), Trait(feature='evening', high=True)]
    """
    order = sorted(range(len(features)), key=lambda i: (-abs(deviations[i]), i))
    return [
        Trait(features[i], deviations[i] > 0.0) for i in order if abs(deviations[i]) >= TRAIT_MIN
    ]


def named(
    rankings: Sequence[list[Trait]], former: Sequence[tuple[Trait, ...] | None]
) -> list[tuple[Trait, ...]]:
    """The traits to name each cluster by, no two alike as far as the rankings differ.

    Parameters
    ----------
    rankings
        Each cluster's traits by `ranked`.
    former
        The traits that it was named by in the previous version, None for a new cluster. It keeps
        them while they are among its first `KEPT_AMONG` and nobody before it has them.
    """
    taken: set[frozenset[Trait]] = set()
    chosen: list[tuple[Trait, ...]] = []
    for ranking, kept in zip(rankings, former, strict=True):
        traits = kept if kept and set(kept) <= set(ranking[:KEPT_AMONG]) else None
        if traits is None or frozenset(traits) in taken:
            traits = _first_free(ranking, taken)
        taken.add(frozenset(traits))
        chosen.append(traits)
    return chosen


def _first_free(ranking: list[Trait], taken: set[frozenset[Trait]]) -> tuple[Trait, ...]:
    for count in range(TRAITS_NAMED, len(ranking) + 1):
        if frozenset(ranking[:count]) not in taken:
            return tuple(ranking[:count])
    return tuple(ranking[:TRAITS_NAMED])


def worded(chosen: Sequence[tuple[Trait, ...]], ids: Sequence[str]) -> tuple[str, ...]:
    """The names in words; where two are alike nonetheless, the later one bears its id.

    >>> worded([(Trait("orders", True), Trait("discount", False)), (), ()], ["c1", "c2", "c7"])
    ('high orders, low discount', 'near the average', 'near the average (c7)')
    """
    names: list[str] = []
    for traits, cluster_id in zip(chosen, ids, strict=True):
        words = [f"{'high' if trait.high else 'low'} {trait.feature}" for trait in traits]
        name = ", ".join(words) or AVERAGE
        names.append(f"{name} ({cluster_id})" if name in names else name)
    return tuple(names)
