"""What the envelope of a call gives to the record that is built from its properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from stream.events.records import CustomerEvent
from stream.events.reference import ReferenceBook


class Head(msgspec.Struct, frozen=True, gc=False):
    """Times in milliseconds since the epoch; `message_id` is the 64-bit dedupe key."""

    time_ms: int
    message_id: int
    received_ms: int
    channel: str | None
    reference: ReferenceBook | None


P = TypeVar("P")
Builder = Callable[[P, Head], CustomerEvent]
AnyBuilder = Builder[Any]
