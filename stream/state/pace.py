"""How fast a customer's events come, by event time; who is too fast is held for a while.

It is looked at only of customers who had more ids within a day than are remembered of a
generation (dedupe.py), so that nobody else pays for it. Late events are left out: a device that
was offline sends a week at once. A merge of two rows is no event, so it makes nobody fast.
"""

from __future__ import annotations

from typing import Final

from stream.clock import MINUTE_MS, NEVER_MS
from stream.state.row import Row
from stream.state.row_parts import Pace

EVENTS_PER_MINUTE_MAX: Final = 600
"""Ten a second for a whole minute. A hurried customer clicks once a second, and a page that tells
of all that it shows makes three or four events of a click; a till or a kiosk under one id makes
two a second. Crawlers and scripts make fifty and more."""


def count_event(row: Row, time_ms: int) -> int:
    """Count an event of the row's newest minute; how many it has so far."""
    minute = time_ms // MINUTE_MS
    pace = row.pace
    if pace is None:
        row.pace = Pace(minute, 1)
        return 1
    if minute != pace.minute:
        pace.minute, pace.count = minute, 0
    pace.count += 1
    return pace.count


def held_until_ms(row: Row) -> int:
    """Until when the row's events are not applied; NEVER_MS: they are."""
    pace = row.pace
    return NEVER_MS if pace is None or pace.until_ms == 0 else pace.until_ms
