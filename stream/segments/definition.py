"""What a definitions file says, as types: the shape that is checked before anything is compiled."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Success(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it shows that a segment earns its keep: an event within a time of the entry."""

    event: str
    value: str | None = None
    within: str | None = None


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    weight: int = 1
    incentive: str | None = None


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do for a member. `enabled` actions are on by default; at most five are."""

    channels: tuple[str, ...] = ()
    message: str | None = None
    consent: str | None = None
    kind: str = "message"
    enabled: bool = False
    variants: tuple[Variant, ...] = ()


Name = Annotated[str, msgspec.Meta(pattern=r"^(?!cluster:)[A-Za-z0-9_.:-]{1,100}$")]
"""Of letters, digits and `_ . : -`; memberships of clusters are named `cluster:ID`."""


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    purpose: str
    enter: str
    title: str | None = None
    exit: str | None = None
    priority: int = 50
    group: str | None = None
    review_by: str | None = None
    success: Success | None = None
    action: Action = Action()


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    segments: tuple[Definition, ...]
    settings: dict[str, int | float | str] = {}
    customer: str | None = None
