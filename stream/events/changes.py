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
    """Since when it has been so, where that is before `time_ms`: a late event told of it.

    By all that is known at `time_ms`, and not before that event. A row keeps sums, and not the
    events between, so what came after the late one counts as if it had been there at once. Where
    nothing did that the condition reads, it is the instant at which it had been told in time.
    """
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
