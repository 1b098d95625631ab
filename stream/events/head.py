"""What the envelope of a call gives to the record that is built from its properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from stream.events.records import CustomerEvent
from stream.events.reference import ReferenceBook

Head = tuple[int, int, int, str | None, ReferenceBook | None]
"""time_ms, message_id (the 64-bit dedupe key), received_ms, channel, and the reference data.

A tuple, for it lives as long as one call of a builder, and each of its parts is read once.
"""

P = TypeVar("P")
Builder = Callable[[P, Head], CustomerEvent]
AnyBuilder = Builder[Any]
