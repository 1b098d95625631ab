"""Bits for the events that measures listen to, above the bits of a row's parts (`fold.py`)."""

from __future__ import annotations

from typing import get_args

from stream.events.records import CustomerEvent

FIRST_EVENT_BIT = 16

_BITS = {record: FIRST_EVENT_BIT + at for at, record in enumerate(get_args(CustomerEvent))}


def event_part(record: type) -> int:
    """The bit of a type of record."""
    return 1 << _BITS[record]
