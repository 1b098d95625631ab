"""What routing a batch gave."""

from __future__ import annotations

import msgspec

from stream.engine.effects import DeadRecord

Outputs = list[list[tuple[bytes, bytes]]]
"""Keys and values of records for each partition, in order."""


class Routed(msgspec.Struct):
    """What routing a batch gave.

    outputs       keys and values for each partition of `customer-events`
    consumed      records used up, from the first; the rest wait
    waiting_ms    event time of the record that has to wait
    history_ended a HistoryEnds marker was among them
    """

    outputs: Outputs
    dead: list[DeadRecord]
    consumed: int = 0
    routed: int = 0
    control: int = 0
    skew_corrected: int = 0
    clamped: int = 0
    cut: int = 0
    waiting_ms: int | None = None
    history_ended: bool = False
