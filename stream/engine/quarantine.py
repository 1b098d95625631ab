"""Customers who send more than a person can: their events are counted, and not applied.

A crawler, a script in a loop or a till that sends all under one id would change its row with every
event, and tell of it. The row is held instead, by its own log alone:

1. The event that makes more than `events_per_minute` within a minute of event time begins it; that
   one is still applied.
2. Until `hold` later no event of the customer is: each ends as *quarantined*. Memberships stay and
   time goes on; links, merges and versions are taken as ever.
3. It ends by itself, by a timer. Who still is as fast is held again within a minute.

It is told as any membership is, of the segment `quarantine:rate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.clock import SECOND_MS
from stream.engine.context import QUARANTINE
from stream.engine.telling import Moment, Teller
from stream.events.changes import Leaf
from stream.segments.quarantine import USUAL
from stream.state.pace import count_event
from stream.state.row import Row

if TYPE_CHECKING:
    from stream.engine.decider import Decider


def watch(decider: Decider, key: bytes, row: Row, late_ms: int | None) -> None:
    """Count an event of a row that is watched from now on; hold it where it is one too many.

    A late one is not counted: `late_ms` is its time.
    """
    count = count_event(row, row.time_ms) if late_ms is None else 0
    context = decider.timeline.of(row.activation)
    events_max, hold_ms = USUAL if context.pack is None else context.pack.quarantine
    if not 0 < events_max < count:
        return
    pace = row.pace
    assert pace is not None
    pace.until_ms = row.time_ms + hold_ms
    leaf = Leaf(f"events in a minute > {events_max}", before=False, after=True, value=count)
    moment = Moment(key, row, context, row.time_ms, "event")
    decider.tell(moment, QUARANTINE, (leaf,), pace.until_ms)


def release(teller: Teller, moment: Moment) -> bool:
    """Apply the row's events again where its time has come; whether it has."""
    row, pace = moment.row, moment.row.pace
    if pace is None or not 0 < pace.until_ms <= moment.now_ms:
        return False
    pace.until_ms = pace.count = 0
    held_s = (moment.now_ms - row.segments[QUARANTINE]) // SECOND_MS
    leaf = Leaf("seconds held apart", before=False, after=True, value=held_s)
    teller.tell(moment, QUARANTINE, (leaf,))
    return True
