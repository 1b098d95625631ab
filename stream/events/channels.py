"""Where a call came from, in the words of a shop."""

from __future__ import annotations

from typing import Final

from stream.events.calls import Call

CHANNELS: Final = {
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

CHANNEL_MAX: Final = 32
"""Characters of a channel that is not listed."""

LIBRARY_CHANNELS: Final = {
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
    channel = CHANNELS.get(stated)
    if channel is not None:
        return channel
    word = stated.strip().casefold()
    return CHANNELS.get(word, word[:CHANNEL_MAX] or None)
