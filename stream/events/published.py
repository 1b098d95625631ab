"""What others read from Shoal's topics: the reader's side of `cloudevent.py`, typed.

Sinks, the read model and the schemas take it from here; a test keeps both sides the same. Readers
pass over fields that they do not know, so that fields can be added.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Instant = Annotated[
    str,
    msgspec.Meta(
        description="RFC 3339, UTC, milliseconds", extra_json_schema={"format": "date-time"}
    ),
]
Digits = Annotated[str, msgspec.Meta(pattern="^[0-9]+$")]


class Evidence(msgspec.Struct, frozen=True):
    """One comparison of the definition's condition: its truth before and after, its value now.

    null stands for unknown.
    """

    leaf: str
    before: bool | None
    after: bool | None
    value: float | int | str | bool | None


class ChangeData(msgspec.Struct, frozen=True):
    """The change itself.

    `historic` changes are old news and `initial` ones a definition's first reading of everyone:
    neither should act, nor should one after its `valid_until`. `control` marks the customers who
    are left alone to measure against, and `holdout` says by which group: the segment's own or the
    global one, which is the same for all segments. `variant` is which of the action's variants the
    others get. Nobody acts before `not_before`: it spreads waves. `at` is the true instant, where a
    late event told of it. `withheld` says why an entry has no action, or fewer channels of it than
    the definition: consent.
    """

    customer: str
    segment: str
    definition: str
    cause: Literal["event", "timer", "merge", "definition", "consent", "model", "reference"]
    evidence: list[Evidence]
    next_flip: Instant | None
    segments: list[str]
    historic: bool
    initial: bool
    valid_until: Instant | None
    control: bool
    action: dict[str, Any]
    at: Instant | msgspec.UnsetType = msgspec.UNSET
    variant: str | msgspec.UnsetType = msgspec.UNSET
    holdout: Literal["segment", "global"] | msgspec.UnsetType = msgspec.UNSET
    not_before: Instant | msgspec.UnsetType = msgspec.UNSET
    withheld: Literal["consent"] | msgspec.UnsetType = msgspec.UNSET


class PublishedChange(msgspec.Struct, frozen=True):
    """A customer entered or left a segment: a CloudEvent 1.0 in structured mode.

    `id` is the same whenever and wherever the change is computed, so that readers can dedupe.
    Within a `subject`, `sequence` grows: keep the greatest.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["shoal.segment.entered", "shoal.segment.exited"]
    subject: str
    time: Instant
    sequence: Digits
    partitionkey: str
    datacontenttype: Literal["application/json"]
    data: ChangeData

    @property
    def entered(self) -> bool:
        """Whether the customer came in; else it left."""
        return self.type == "shoal.segment.entered"


class PublishedMembership(msgspec.Struct, frozen=True):
    """A customer's segments now, each with the instant since when; in none: a tombstone."""

    customer: str
    segments: list[str]
    since: dict[str, Instant]
    sequence: Digits
    time: Instant


decode_change = msgspec.json.Decoder(PublishedChange).decode
decode_membership = msgspec.json.Decoder(PublishedMembership).decode
