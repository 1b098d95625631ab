"""The envelope of a call, as Segment and RudderStack send it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Raw, Struct, field

from stream.events.properties import Campaign

EMPTY: Final = Raw(b"{}")

Id = str | int | float | None


class ExternalId(Struct, gc=False):
    id: Id = None
    type: str | None = None


class Library(Struct, gc=False):
    name: str | None = None


class Context(Struct, rename="camel", gc=False):
    library: Library | None = None
    campaign: Campaign | str | None = None
    external_ids: list[ExternalId] | None = None
    traits: Raw = EMPTY
    consent: Raw = EMPTY


class Call(Struct, rename="camel", gc=False):
    """One call. Properties and traits stay bytes until the call's type says what they are.

    `action` and `user_id_v1` are the names of `type` and `userId` in older calls. The JSON decoder
    looks for the next name from the last one on, so names that are often sent one after the other
    stand in that order here (tests/bench/test_decode.py).
    """

    anonymous_id: Id = None
    user_id: Id = None
    context: Context | None = None
    type: str | None = None
    event: str | None = None
    name: str | None = None
    properties: Raw = EMPTY
    traits: Raw = EMPTY
    message_id: Id = None
    original_timestamp: datetime | None = None
    sent_at: datetime | None = None
    received_at: datetime | None = None
    timestamp: datetime | None = None
    channel: str | None = None
    category: str | None = None
    previous_id: Id = None
    action: str | None = None
    user_id_v1: Id = field(name="user_id", default=None)


STAMPS: Final = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
"""The times of a call. The JSON decoder reads them as RFC 3339 without making texts of them."""

decode_call = msgspec.json.Decoder(Call).decode
