"""Receipts of erasures: that it was done, when, and what there was. Nobody's id is in them."""

from __future__ import annotations

from typing import Literal

import msgspec

from stream.clock import rfc3339
from stream.events.published import Instant

Outcome = Literal["erased", "suppressed", "lifted", "unlinked", "unknown"]


class Receipt(msgspec.Struct, frozen=True):
    """That an erasure was done at one id, as the engine says it; see `PublishedReceipt`."""

    request: str
    outcome: Outcome
    subject: str
    keyed: bool
    partition: int
    time_ms: int
    removed: dict[str, int]
    sent_on: int


class PublishedReceipt(msgspec.Struct, frozen=True):
    """That an erasure was done at one id. A request has one receipt and `sent_on` more of each.

    request    names the request: what `shoal forget` printed, or partition and offset of the
               event; empty for an id that was found to point to somebody erased when it was used
    outcome    erased; suppressed: what comes later is refused, too; lifted: no more; unlinked: it
               is somebody else's, and names of the erased were let go; unknown: nothing to lift
    subject    hash of the id, in hexadecimal digits, `keyed` by the installation's secret or not
    time       up to when what happened is refused
    removed    what there was: row, memberships, actions, links
    sent_on    to how many other ids of the person the request went on
    """

    request: str
    outcome: Outcome
    subject: str
    keyed: bool
    partition: int
    time: Instant
    removed: dict[str, int]
    sent_on: int


def encode_receipt(receipt: Receipt) -> bytes:
    """The bytes on `erasures`."""
    return _encode(
        PublishedReceipt(
            request=receipt.request,
            outcome=receipt.outcome,
            subject=receipt.subject,
            keyed=receipt.keyed,
            partition=receipt.partition,
            time=rfc3339(receipt.time_ms),
            removed=receipt.removed,
            sent_on=receipt.sent_on,
        )
    )


_encode = msgspec.json.Encoder().encode
decode_receipt = msgspec.json.Decoder(PublishedReceipt).decode
