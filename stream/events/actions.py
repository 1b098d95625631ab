"""What is said to a customer: the one current message, and what keeps others from speaking.

The arbiter's events (engine/arbiter.py), their bytes on `actions`, and the reader's side of them.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from stream.clock import rfc3339
from stream.events.published import Digits, Instant

STARTED: Final = "shoal.action.started"
WITHDRAWN: Final = "shoal.action.withdrawn"

Cause = Literal["event", "timer", "merge", "definition", "consent", "model", "reference"]
Reason = Literal[
    "exited", "expired", "outranked", "suppressed", "consent", "definition", "merge", "control"
]


class ActionTurned(msgspec.Struct, frozen=True):
    """An action was started or withdrawn; `encode_action` gives it its bytes.

    `of` is the id of the event that started what is withdrawn.
    """

    id: str
    customer: str
    segment: str
    started: bool
    time_ms: int
    sequence: int
    definition: str
    kind: str
    cause: str
    channels: tuple[str, ...]
    reason: str | None = None
    of: str | None = None
    purpose: str | None = None
    priority: int | None = None
    variant: str | None = None
    valid_until_ms: int | None = None
    action: dict[str, Any] = {}


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


def encode_action(turned: ActionTurned, shop: str) -> bytes:
    """The bytes on `actions`, and of a line of `shoal replay --actions`."""
    until_ms = turned.valid_until_ms
    return _encode(
        PublishedAction(
            specversion="1.0",
            id=turned.id,
            source=f"/shoal/{shop}",
            type=STARTED if turned.started else WITHDRAWN,
            subject=turned.customer,
            time=rfc3339(turned.time_ms),
            sequence=str(turned.sequence),
            partitionkey=turned.customer,
            datacontenttype="application/json",
            data=ActionData(
                customer=turned.customer,
                segment=turned.segment,
                definition=turned.definition,
                kind=turned.kind,  # type: ignore[arg-type]  # a checked one
                cause=turned.cause,  # type: ignore[arg-type]  # the engine writes no other
                channels=list(turned.channels),
                reason=turned.reason,  # type: ignore[arg-type]  # the engine writes no other
                of=turned.of,
                purpose=turned.purpose,
                priority=turned.priority,
                variant=turned.variant,
                valid_until=None if until_ms is None else rfc3339(until_ms),
                action=turned.action,
            ),
        )
    )


_encode = msgspec.json.Encoder().encode
decode_action = msgspec.json.Decoder(PublishedAction).decode
