"""Coverage: which customers, and how much revenue, no segment does anything for.

A segment is *actionable* when its definition has an action with channels. For a segment of an
exclusive group (journey, usage) the action must be enabled besides: such a group is exhaustive, so
that otherwise everybody would be covered by merely being somewhere in it. Shadow definitions and
learned clusters are not actionable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import msgspec

from stream.events.records import MICROS, PATH_MAX
from stream.segments.definition import Definition

RULE = (
    "a definition with an action that has channels; in an exclusive group (journey, usage) "
    "only where that action is enabled"
)


class Standing(msgspec.Struct, frozen=True):
    """What an id stands for: another id that it forwards to, or who it is itself.

    `is_customer` is so for an id with events of its own that the definitions' `customer` condition
    counts, where they have one.
    """

    forward_to: str | None
    is_customer: bool
    revenue_micros: int


class Uncovered(msgspec.Struct, frozen=True):
    """Customers in no actionable segment, their revenue of the period, and both as shares."""

    customers: int
    customers_share: float
    revenue: float
    revenue_share: float


class Coverage(msgspec.Struct, frozen=True):
    """`at_end`: in no actionable segment at the end; `ever`: at no time in the period."""

    rule: str
    actionable: tuple[str, ...]
    customers: int
    revenue: float
    at_end: Uncovered
    ever: Uncovered


def is_actionable(definition: Definition) -> bool:
    """Whether being in the segment makes something happen, by the rule above."""
    if definition.shadow or not definition.action.channels:
        return False
    return definition.group is None or definition.action.enabled


def coverage(
    actionable: tuple[str, ...],
    before: Mapping[str, Standing],
    after: Mapping[str, Standing],
    covered_now: Set[str],
    covered_ever: Set[str],
) -> Coverage:
    """Coverage of the customers that there are at the end; the revenue is theirs alone.

    Parameters
    ----------
    before, after
        Every id at the start and at the end of the period. An id that forwards counts for whom it
        forwards to, so that a person's revenue is all of it, whatever they were called.
    covered_now, covered_ever
        Ids in an actionable segment at the end, and at any time in the period.
    """
    revenue: dict[str, int] = {}
    now: set[str] = set()
    ever: set[str] = set()
    for customer, standing in after.items():
        person = _person(customer, after)
        earned = standing.revenue_micros
        if customer in before:
            earned -= before[customer].revenue_micros
        revenue[person] = revenue.get(person, 0) + earned
        if customer in covered_now:
            now.add(person)
        if customer in covered_ever:
            ever.add(person)
    people = [name for name, s in after.items() if s.is_customer]
    everything = sum(revenue[name] for name in people)

    def outside(covered: Set[str]) -> Uncovered:
        missed = [name for name in people if name not in covered]
        micros = sum(revenue[name] for name in missed)
        return Uncovered(
            customers=len(missed),
            customers_share=_share(len(missed), len(people)),
            revenue=round(micros / MICROS, 2),
            revenue_share=_share(micros, everything),
        )

    return Coverage(
        rule=RULE,
        actionable=actionable,
        customers=len(people),
        revenue=round(everything / MICROS, 2),
        at_end=outside(now),
        ever=outside(ever),
    )


def actionable_names(definitions: Iterable[Definition]) -> tuple[str, ...]:
    return tuple(d.name for d in definitions if is_actionable(d))


def _person(customer: str, standings: Mapping[str, Standing]) -> str:
    """Whom an id stands for in the end; a cycle of ids is cut as records on it are."""
    for _ in range(PATH_MAX):
        standing = standings.get(customer)
        if standing is None or standing.forward_to is None:
            break
        customer = standing.forward_to
    return customer


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole > 0 else 0.0
