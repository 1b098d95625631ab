"""What is allowed in a definitions file, and yet hardly meant: warnings, each with what to do.

Pure: today's date and measured members are arguments. What needs members, which a backtest
measures, is told only where they are given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from datetime import date
from difflib import get_close_matches
from itertools import combinations

import msgspec

from stream.events.consent import CHANNELS
from stream.events.names import canonical_name
from stream.events.vocabulary import EVENTS
from stream.features.catalogue import FEATURES
from stream.segments.definition import Definition
from stream.segments.exhaustive import Hole, find_hole
from stream.segments.reading import Reading

ACTIONS_ON_MAX = 5
"""Actions that run at once: more, and nobody watches what they do."""

EXHAUSTIVE_GROUPS = frozenset({"journey", "usage"})
"""Groups in which every customer has a place; others may leave customers out."""

OVERLAP_MAX = 0.9
SHARE_MIN, SHARE_MAX = 0.01, 0.6

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class LintWarning(msgspec.Struct, frozen=True):
    """One finding.

    rule     purpose, action, success, actions, review, placeholder, event, channel, exhaustive,
             overlap or size
    segment  the definition, or None for the file
    line     where it stands
    """

    rule: str
    segment: str | None
    line: int
    message: str


def lint(
    reading: Reading,
    *,
    today: str | None = None,
    members: Mapping[str, Set[str]] | None = None,
    customers: Set[str] = frozenset(),
    ever: Mapping[str, Set[str]] | None = None,
) -> tuple[LintWarning, ...]:
    """All findings, by line.

    Parameters
    ----------
    today
        ISO date; without one, no review is overdue.
    members
        Name of a definition -> who was in it; `customers` are those that rates are of: visitors
        are members as well. `ever`: who was in it at any time, where that is known; a segment
        that people pass through is not small for being empty now.
    """
    found: list[LintWarning] = []
    for name, definition in reading.definitions.items():
        for rule, field, message in (
            *_plan(definition),
            *_review(definition, today),
            *_names(definition),
        ):
            found.append(LintWarning(rule, name, reading.line(name, *field), message))
    found += _actions(reading)
    found += _groups(reading)
    if members is not None:
        found += _measured(reading, members, customers, members if ever is None else ever)
    return tuple(sorted(found, key=lambda warning: warning.line))


Finding = tuple[str, tuple[str, ...], str]
"""Rule, path of the field below the definition, message."""


def _plan(definition: Definition) -> Iterator[Finding]:
    action = definition.action
    if not definition.purpose.strip():
        yield "purpose", ("purpose",), "has no purpose; say what it is for"
    if not action.channels and not action.message and not definition.shadow:
        yield "action", ("action",), "has no action; say what to do, or measure it in shadow"
    if action.enabled and not action.channels:
        yield "action", ("action", "enabled"), "is on and names no channel; nothing starts by it"
    if definition.success is None and not definition.shadow:
        yield "success", ("success",), "has no success; say which event shows that it helps"


def _review(definition: Definition, today: str | None) -> Iterator[Finding]:
    by = definition.review_by
    if by is None:
        yield "review", ("review_by",), "has no review_by; write a date, as in 2027-06-30"
        return
    try:
        day = date.fromisoformat(by)
    except ValueError:
        yield "review", ("review_by",), f"{by!r} is no date; write one as in 2027-06-30"
        return
    if today is not None and day < date.fromisoformat(today):
        yield "review", ("review_by",), f"was to be reviewed by {by}; do it, and set the next date"


def _names(definition: Definition) -> Iterator[Finding]:
    action, success = definition.action, definition.success
    for name in _PLACEHOLDER.findall(action.message or ""):
        if name not in FEATURES:
            near = _near(name, FEATURES)
            yield "placeholder", ("action", "message"), f"{{{name}}} is no feature; {near}"
    for channel in action.channels:
        if channel not in CHANNELS:
            near = _near(channel, CHANNELS)
            yield "channel", ("action", "channels"), f"{channel!r} is no known channel; {near}"
    if success is not None and success.event not in EVENTS:
        canonical = canonical_name(success.event)
        near = f"write {canonical}" if canonical else _near(success.event, EVENTS)
        message = f"{success.event!r} is no event of the specification; {near}"
        yield "event", ("success", "event"), message


def _near(word: str, known: Set[str] | Mapping[str, object]) -> str:
    near = get_close_matches(word, sorted(known), 1, 0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(sorted(known)[:10])}" + (" ..." if len(known) > 10 else "")


def _actions(reading: Reading) -> Iterator[LintWarning]:
    on = [name for name, found in reading.definitions.items() if found.action.enabled]
    if len(on) > ACTIONS_ON_MAX:
        name = on[ACTIONS_ON_MAX]
        message = f"{len(on)} actions are on ({', '.join(on)}); keep at most {ACTIONS_ON_MAX}"
        yield LintWarning("actions", None, reading.line(name, "action", "enabled"), message)


def _groups(reading: Reading) -> Iterator[LintWarning]:
    for group in sorted(EXHAUSTIVE_GROUPS):
        members = [name for name, d in reading.definitions.items() if d.group == group]
        if not members:
            continue
        hole = find_hole(reading, group)
        if isinstance(hole, Hole):
            message = (
                f"the group {group} leaves customers out, by evaluation of generated ones: none "
                f"of its segments takes one with {hole.orders} orders, {hole.visits} visits and "
                f"{hole.products} product views, last active {hole.days:g} days ago; "
                f"let {members[-1]} catch the rest"
            )
            yield LintWarning(
                "exhaustive", members[-1], reading.line(members[-1], "enter"), message
            )


def _measured(
    reading: Reading,
    members: Mapping[str, Set[str]],
    customers: Set[str],
    ever: Mapping[str, Set[str]],
) -> Iterator[LintWarning]:
    known = {name: found for name, found in members.items() if name in reading.definitions}
    for name, found in known.items():
        count = len(customers)
        share = len(found & customers) / count if count else 0.0
        is_small = len(ever.get(name, found)) < SHARE_MIN * count
        if is_small or share > SHARE_MAX:
            advice = "widen it, or drop it" if is_small else "it tells nobody apart"
            message = f"holds {share:.1%} of {count:,} customers; {advice}"
            yield LintWarning("size", name, reading.line(name, "enter"), message)
    for one, other in combinations(known, 2):
        both = len(known[one] & known[other])
        either = len(known[one]) + len(known[other]) - both
        if either and both / either > OVERLAP_MAX:
            message = f"has {both / either:.0%} of its members in common with {one}; keep one"
            yield LintWarning("overlap", other, reading.line(other, "enter"), message)
