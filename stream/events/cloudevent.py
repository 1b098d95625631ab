"""Changes and actions as CloudEvents 1.0 in structured JSON, memberships as plain JSON.

Source: the CloudEvents specification 1.0.2 and its Kafka binding. `sequence` is the sequence
extension: consumers keep the greatest per subject and drop what comes late; `partitionkey` is the
customer, as the key of the record.
"""

from __future__ import annotations

from typing import Final

import msgspec

from stream.clock import rfc3339
from stream.events.actions import ActionTurned
from stream.events.changes import Membership, SegmentChanged
from stream.events.published import (
    ActionData,
    ChangeData,
    PublishedAction,
    PublishedChange,
    PublishedMembership,
)

CONTENT_TYPE = b"application/cloudevents+json; charset=UTF-8"
ENTERED: Final = "shoal.segment.entered"
EXITED: Final = "shoal.segment.exited"
STARTED: Final = "shoal.action.started"
WITHDRAWN: Final = "shoal.action.withdrawn"


def encode_change(change: SegmentChanged, shop: str) -> bytes:
    """The bytes of a change on `segment-changes`, and of a line of `shoal replay --changes`."""
    next_flip_ms, valid_until_ms, at_ms = change.next_flip_ms, change.valid_until_ms, change.at_ms
    not_before_ms = change.not_before_ms
    return _encode(
        PublishedChange(
            specversion="1.0",
            id=change.id,
            source=f"/shoal/{shop}",
            type=ENTERED if change.entered else EXITED,
            subject=change.customer,
            time=rfc3339(change.time_ms),
            sequence=str(change.sequence),
            partitionkey=change.customer,
            datacontenttype="application/json",
            data=ChangeData(
                customer=change.customer,
                segment=change.segment,
                definition=change.definition,
                cause=change.cause,  # type: ignore[arg-type]  # the engine writes no other
                evidence=change.evidence,  # type: ignore[arg-type]  # it has the same fields
                next_flip=None if next_flip_ms is None else rfc3339(next_flip_ms),
                segments=change.segments,  # type: ignore[arg-type]  # in JSON both are arrays
                historic=change.historic,
                initial=change.initial,
                valid_until=None if valid_until_ms is None else rfc3339(valid_until_ms),
                control=change.control,
                action=change.action,
                at=msgspec.UNSET if at_ms is None else rfc3339(at_ms),
                variant=change.variant or msgspec.UNSET,
                holdout=change.holdout or msgspec.UNSET,  # type: ignore[arg-type]  # of these two
                not_before=msgspec.UNSET if not_before_ms is None else rfc3339(not_before_ms),
                withheld=change.withheld or msgspec.UNSET,  # type: ignore[arg-type]  # of these
            ),
        )
    )


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


def encode_membership(membership: Membership) -> bytes:
    """The bytes of a customer's memberships, and of a line of `shoal replay --members`."""
    since_ms = membership.since_ms
    names = sorted(since_ms)
    return _encode(
        PublishedMembership(
            customer=membership.customer,
            segments=names,
            since={name: rfc3339(since_ms[name]) for name in names},
            sequence=str(membership.sequence),
            time=rfc3339(membership.time_ms),
        )
    )


_encode = msgspec.json.Encoder().encode
