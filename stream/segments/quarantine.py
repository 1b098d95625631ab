"""What a definitions file says of customers who send more than a person can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS
from stream.segments.definition import Document
from stream.segments.kinds import Duration
from stream.segments.source import Source
from stream.state.pace import EVENTS_PER_MINUTE_MAX

HOLD_MAX_MS = 7 * DAY_MS


class Limit(NamedTuple):
    """More than `events_max` in a minute of event time hold a customer for `hold_ms`; 0: none."""

    events_max: int
    hold_ms: int


USUAL = Limit(EVENTS_PER_MINUTE_MAX, HOUR_MS)
"""Where nothing is defined."""


def limit_of(source: Source, document: Document, settings: Mapping[str, float]) -> Limit:
    """The limit of a document.

    Raises
    ------
    DefinitionError
        Naming file, line, field, and what to write instead.
    """
    found = document.quarantine
    path = ("quarantine", "hold")
    hold_ms = source.number(path, found.hold, settings)
    if not isinstance(hold_ms, Duration) or not MINUTE_MS <= hold_ms <= HOLD_MAX_MS:
        raise source.error(
            path, f"{found.hold!r} is no time from 1 * MINUTE to 7 * DAY; write one like 1 * HOUR"
        )
    return Limit(found.events_per_minute, int(hold_ms))
