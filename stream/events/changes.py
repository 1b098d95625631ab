"""What Shoal tells: a segment change, and a customer's memberships."""

from __future__ import annotations

from typing import Any

import msgspec


class Leaf(msgspec.Struct, frozen=True):
    """One comparison of a condition: its text, its truth before and after, its value now.

    None stands for unknown.
    """

    leaf: str
    before: bool | None
    after: bool | None
    value: float | int | str | bool | None


class SegmentChanged(msgspec.Struct, frozen=True):
    """A customer entered or left a segment; `events/cloudevent.py` gives it its bytes."""

    id: str
    customer: str
    segment: str
    entered: bool
    time_ms: int
    sequence: int
    definition: str
    cause: str
    evidence: tuple[Leaf, ...]
    next_flip_ms: int | None
    segments: tuple[str, ...]
    historic: bool
    initial: bool
    valid_until_ms: int | None
    control: bool
    action: dict[str, Any]
    at_ms: int | None = None
    """The true instant of the flip, where it is before `time_ms`: told of by a late event."""
    variant: str | None = None
    """Of the action, sticky by customer; None where it has none, and for who is left alone."""
    holdout: str | None = None
    """The control group that the customer is in: segment, global, or None."""
    not_before_ms: int | None = None
    """Where the definition spreads its waves: nobody acts on the change before this instant."""
    withheld: str | None = None
    """Why the action of an entry is left out: consent, or None."""


class Membership(msgspec.Struct, frozen=True):
    """A customer's segments after a batch, each with the instant since when; none: a tombstone.

    `sequence` and `time_ms` are of the customer's latest change.
    """

    customer: str
    since_ms: dict[str, int]
    sequence: int
    time_ms: int
