"""The envelope of a call, as Segment and RudderStack send it, and where the call came from."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Raw, Struct, field

from stream.events.properties import Campaign

EMPTY = Raw(b"{}")

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


STAMPS = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
"""The times of a call. The JSON decoder reads them as RFC 3339 without making texts of them."""

decode_call = msgspec.json.Decoder(Call).decode

CHANNELS = {
    "web": "web",
    "browser": "web",
    "online": "web",
    "app": "app",
    "mobile": "app",
    "ios": "app",
    "android": "app",
    "store": "store",
    "pos": "store",
    "till": "store",
    "retail": "store",
    "phone": "phone",
    "telephone": "phone",
    "server": None,
}
"""Words for the channel of a sale. A server tells nothing about it; unlisted words stay."""

CHANNEL_MAX = 32
"""Characters of a channel that is not listed."""

LIBRARY_CHANNELS = {
    "analytics.js": "web",
    "RudderLabs JavaScript SDK": "web",
    "analytics-ios": "app",
    "analytics-swift": "app",
    "analytics-android": "app",
    "analytics-kotlin": "app",
    "analytics-react-native": "app",
    "@segment/analytics-react-native": "app",
    "analytics-flutter": "app",
    "rudder-ios-library": "app",
    "com.rudderstack.android.sdk.core": "app",
}
"""What the client libraries of both vendors call themselves in context.library.name."""


def channel_of(stated: str | None, call: Call) -> str | None:
    """The channel that the properties state, else the envelope's, else the library's."""
    if stated is None:
        stated = call.channel
        if stated is None:
            context = call.context
            if context is None or context.library is None or context.library.name is None:
                return None
            return LIBRARY_CHANNELS.get(context.library.name)
    if stated in CHANNELS:
        return CHANNELS[stated]
    word = stated.strip().casefold()
    return CHANNELS.get(word, word[:CHANNEL_MAX] or None)
