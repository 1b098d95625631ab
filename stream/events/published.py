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

Cause = Literal["event", "timer", "merge", "definition", "consent", "model", "reference", "erasure"]
Reason = Literal[
    "exited",
    "expired",
    "outranked",
    "suppressed",
    "consent",
    "definition",
    "merge",
    "control",
    "erasure",
]


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
    others get. Nobody acts before `not_before`: it spreads waves. `at` is since when it has been
    so, where a late event told of it, by all that is known at `time`. `withheld` says why an entry
    has no action, or fewer channels of it than the definition: consent.
    """

    customer: str
    segment: str
    definition: str
    cause: Cause
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


class ActionData(msgspec.Struct, frozen=True):
    """The action itself.

    A customer has at most one current message: of `kind` message, each start follows on the
    withdrawal of the one before. Several suppressions may hold at once, each until it is withdrawn;
    nothing else should be said on their `channels`. `purpose` is the consent that a message needs,
    or the legal purpose of a suppression. `reason` is why it was withdrawn, and `of` the id of the
    event that started it. Nobody acts after `valid_until`.
    """

    customer: str
    segment: str
    definition: str
    kind: Literal["message", "suppress"]
    cause: Cause
    channels: list[str]
    reason: Reason | None
    of: str | None
    purpose: str | None
    priority: int | None
    variant: str | None
    valid_until: Instant | None
    action: dict[str, Any]


class PublishedAction(msgspec.Struct, frozen=True):
    """An action was started or withdrawn: a CloudEvent 1.0 in structured mode.

    `id` is the same whenever and wherever it is computed. Within a `subject`, `sequence` grows; it
    is another one than that of the segment changes.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["shoal.action.started", "shoal.action.withdrawn"]
    subject: str
    time: Instant
    sequence: Digits
    partitionkey: str
    datacontenttype: Literal["application/json"]
    data: ActionData


class PublishedMembership(msgspec.Struct, frozen=True):
    """A customer's segments now, each with the instant since when; in none: a tombstone."""

    customer: str
    segments: list[str]
    since: dict[str, Instant]
    sequence: Digits
    time: Instant


decode_change = msgspec.json.Decoder(PublishedChange).decode
decode_action = msgspec.json.Decoder(PublishedAction).decode
decode_membership = msgspec.json.Decoder(PublishedMembership).decode
