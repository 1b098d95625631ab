"""Two versions of the definitions over one history: what was edited, who would join, who leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from stream.backtest.observer import Observer, Turn, shared
from stream.backtest.sampling import chosen
from stream.backtest.stays import SegmentFigures
from stream.segments.definition import Definition

NEW, REMOVED, CHANGED, SETTINGS, MOVED, SAME = (
    "new", "removed", "changed", "settings", "moved", "same",
)  # fmt: skip


class Edit(msgspec.Struct, frozen=True):
    """What became of a definition.

    `kind` is new, removed, changed, settings (its text is the same, yet a setting that it names or
    the time zone is not, which is a new version as well), moved (others come before it in its
    exclusive group, which is no new version) or same; `fields` are those that changed: name ->
    (old, new).
    """

    segment: str
    kind: str
    old_version: str | None
    new_version: str | None
    fields: dict[str, tuple[Any, Any]]


class Example(msgspec.Struct, frozen=True):
    """A customer who is in the segment under one version alone, and why.

    `story` says which turn `turn` is: entered, left, or never (it never came in under the new
    version, and `turn` is how it did under the old one).
    """

    customer: str
    story: str
    turn: Turn | None


class Difference(msgspec.Struct, frozen=True):
    """A segment under both versions at the end; `net_size` is new less old, at each day's end."""

    segment: str
    edit: Edit
    members_old: int
    members_new: int
    joins: int
    leaves: int
    entries_old: int
    entries_new: int
    exits_old: int
    exits_new: int
    net_size: tuple[int, ...]
    joiners: tuple[Example, ...]
    leavers: tuple[Example, ...]


Versioned = tuple[Mapping[str, Definition], Mapping[str, str]]
"""Definitions and their versions, by segment."""


def edits(old: Versioned, new: Versioned) -> list[Edit]:
    """What became of every definition, in the order of the new file, then the removed ones."""
    (old_definitions, old_versions), (new_definitions, new_versions) = old, new
    found = []
    for name in dict.fromkeys((*new_definitions, *old_definitions)):
        before, after = old_definitions.get(name), new_definitions.get(name)
        fields: dict[str, tuple[Any, Any]] = {}
        if before is None:
            kind = NEW
        elif after is None:
            kind = REMOVED
        else:
            fields = _edited_fields(before, after)
            if old_versions[name] != new_versions[name]:
                kind = CHANGED if fields else SETTINGS
            else:
                earlier = _earlier(before, old_definitions), _earlier(after, new_definitions)
                kind = SAME if earlier[0] == earlier[1] else MOVED
        found.append(Edit(name, kind, old_versions.get(name), new_versions.get(name), fields))
    return found


def _edited_fields(before: Definition, after: Definition) -> dict[str, tuple[Any, Any]]:
    found = {}
    for field in Definition.__struct_fields__:
        one, other = getattr(before, field), getattr(after, field)
        if one != other:
            found[field] = msgspec.to_builtins(one), msgspec.to_builtins(other)
    return found


def _earlier(definition: Definition, definitions: Mapping[str, Definition]) -> set[str]:
    """The segments of the same exclusive group that come before the definition."""
    found: set[str] = set()
    for name, other in definitions.items():
        if name == definition.name:
            break
        if other.group is not None and other.group == definition.group:
            found.add(name)
    return found


def edited_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Settings that are not the same: name -> (old, new), None where there is none."""
    names = sorted(old.keys() | new.keys())
    return {n: (old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n)}


def compare(
    edited: Iterable[Edit],
    old: tuple[Observer, Mapping[str, SegmentFigures]],
    new: tuple[Observer, Mapping[str, SegmentFigures]],
    examples_max: int,
) -> list[Difference]:
    """Set both runs' members and sizes against each other, segment by segment."""
    found = []
    for edit in edited:
        name = edit.segment
        before, after = old[0].members(name), new[0].members(name)
        both = shared(before, after)
        one, other = old[1].get(name), new[1].get(name)
        joiners = chosen(after.keys() - before.keys(), examples_max)
        leavers = chosen(before.keys() - after.keys(), examples_max)
        found.append(
            Difference(
                segment=name,
                edit=edit,
                members_old=len(before),
                members_new=len(after),
                joins=len(after) - both,
                leaves=len(before) - both,
                entries_old=one.entries if one else 0,
                entries_new=other.entries if other else 0,
                exits_old=one.exits if one else 0,
                exits_new=other.exits if other else 0,
                net_size=_net(one.size if one else (), other.size if other else ()),
                joiners=tuple(_joiner(name, customer, new[0]) for customer in joiners),
                leavers=tuple(_leaver(name, customer, old[0], new[0]) for customer in leavers),
            )
        )
    return found


def _net(old: Sequence[int], new: Sequence[int]) -> tuple[int, ...]:
    days = max(len(old), len(new))
    return tuple(
        (new[day] if new else 0) - (old[day] if old else 0) for day in range(days)
    )  # fmt: skip


def _joiner(segment: str, customer: str, new: Observer) -> Example:
    return Example(customer, "entered", new.turns.get(segment, {}).get(customer))


def _leaver(segment: str, customer: str, old: Observer, new: Observer) -> Example:
    left = new.turns.get(segment, {}).get(customer)
    if left is not None:
        return Example(customer, "left", left)
    return Example(customer, "never", old.turns.get(segment, {}).get(customer))
