"""Changes as CloudEvents 1.0 in structured JSON, memberships as plain JSON.

Source: the CloudEvents specification 1.0.2 and its Kafka binding. `sequence` is the sequence
extension: consumers keep the greatest per subject and drop what comes late; `partitionkey` is the
customer, as the key of the record.
"""

from __future__ import annotations

from typing import Any

import orjson

from stream.clock import rfc3339
from stream.events.changes import Membership, SegmentChanged

CONTENT_TYPE = b"application/cloudevents+json; charset=UTF-8"
ENTERED = "shoal.segment.entered"
EXITED = "shoal.segment.exited"


def _text(time_ms: int | None) -> str | None:
    return None if time_ms is None else rfc3339(time_ms)


def encode_change(change: SegmentChanged, shop: str) -> bytes:
    """The bytes of a change on `segment-changes`, and of a line of `shoal replay --changes`."""
    data: dict[str, Any] = {
        "customer": change.customer,
        "segment": change.segment,
        "definition": change.definition,
        "cause": change.cause,
        "evidence": [
            {"leaf": leaf.leaf, "before": leaf.before, "after": leaf.after, "value": leaf.value}
            for leaf in change.evidence
        ],
        "next_flip": _text(change.next_flip_ms),
        "segments": change.segments,
        "historic": change.historic,
        "initial": change.initial,
        "valid_until": _text(change.valid_until_ms),
        "control": change.control,
        "action": change.action,
    }
    if change.at_ms is not None:
        data["at"] = _text(change.at_ms)
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": change.id,
            "source": f"/shoal/{shop}",
            "type": ENTERED if change.entered else EXITED,
            "subject": change.customer,
            "time": rfc3339(change.time_ms),
            "sequence": str(change.sequence),
            "partitionkey": change.customer,
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def encode_membership(membership: Membership) -> bytes:
    """The bytes of a customer's memberships, and of a line of `shoal replay --members`."""
    return orjson.dumps(
        {
            "customer": membership.customer,
            "segments": sorted(membership.since_ms),
            "since": {name: rfc3339(at) for name, at in sorted(membership.since_ms.items())},
            "sequence": str(membership.sequence),
            "time": rfc3339(membership.time_ms),
        }
    )
