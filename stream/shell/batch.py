"""One batch of a partition: what was computed, and what of it is to be written."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream.engine.coordinator import SourceReport
from stream.engine.effects import Effects
from stream.engine.routed import Routed
from stream.shell.outbox import Outbox


@dataclass(slots=True, kw_only=True)
class Batch:
    """Each part is None where the batch has none; times are the broker's, of the oldest record."""

    outbox: Outbox = field(default_factory=Outbox)
    routed: Routed | None = None
    effects: Effects | None = None
    report: SourceReport | None = None
    oldest_raw_ms: int | None = None
    oldest_logged_ms: int | None = None
