"""What one call says, decoded."""

from __future__ import annotations

import msgspec

from stream.events.identity import Links
from stream.events.records import CustomerEvent


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """One call, decoded.

    key                the customer's id; empty for the history's end
    record             None where the call only links ids (alias), or says nothing of a customer
    time_ms            event time, also of the links
    received_ms        when the collector received it, else the broker's time
    links              pairs of an id and the id that it is the same person as
    skew_corrected     the client's clock was off by more than a second
    clamped            the event came from the future and got the time of its arrival
    cut                texts, items or traits beyond their bounds were left out
    history_ends       the marker after an imported history
    """

    key: str
    record: CustomerEvent | None
    time_ms: int
    received_ms: int
    links: Links = ()
    skew_corrected: bool = False
    clamped: bool = False
    cut: bool = False
    history_ends: bool = False
