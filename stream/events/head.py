"""What the envelope of a call gives to the record that is built from its properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec

from stream.events.records import CustomerEvent, Item


class References(Protocol):
    """What is known about products besides the event; `ReferenceBook` is the one that there is."""

    def join(self, item: Item, time_ms: int) -> Item:
        """The item with what was true of its product at `time_ms`; its own data win."""
        ...


class Head(msgspec.Struct, gc=False):
    """Times in milliseconds since the epoch; `message_id` is the 64-bit dedupe key."""

    time_ms: int
    message_id: int
    received_ms: int
    channel: str | None
    reference: References | None


P = TypeVar("P")
Builder = Callable[[P, Head], CustomerEvent]
AnyBuilder = Builder[Any]
