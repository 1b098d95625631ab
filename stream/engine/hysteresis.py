"""When a membership may turn, where its definition asks for patience.

A turn that comes too soon waits: its unit's bits are marked, so that it is asked for again when the
time has come, or sooner by an event. Where the condition has changed its mind until then, nothing
is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from stream.clock import NEVER_MS
from stream.events.changes import Leaf
from stream.segments.conditions import LEAVES_MAX
from stream.segments.stay import Stay
from stream.segments.unit import Unit
from stream.state.row import Row

WAITING: Final = 1 << (2 * LEAVES_MAX)
"""Set among a unit's bits while a turn of it waits."""


def may_turn_ms(row: Row, stay: Stay, segment: str, held: dict[str, int]) -> int:
    """From when on a member may leave, or another customer may enter; `NEVER_MS`: not again."""
    if segment in held:
        return stay.may_leave_ms(held[segment])
    entered_ms, left_ms = row.past.get(segment, (0, 0))
    return stay.may_enter_ms(entered_ms, left_ms)


def remember(row: Row, segment: str, now_ms: int, *, entered: bool) -> None:
    """Note a turn of a segment whose rules ask for what was before."""
    entered_ms, left_ms = row.past.get(segment, (0, 0))
    row.past[segment] = (now_ms, left_ms) if entered else (entered_ms, now_ms)


def unfinished(row: Row) -> dict[str, int]:
    """Stays that a row which was handed over had not left: segment -> when it was entered."""
    return {name: past[0] for name, past in row.past.items() if past[0] > past[1]}


def settle(row: Row, stays: Mapping[str, int], units: Iterable[Unit], now_ms: int) -> None:
    """Note what has become of stays that another id of this customer had not left.

    One that goes on began when it was first entered. One that does not ends with the merge, unless
    this row was not to enter yet: then it never was.
    """
    rules = {unit.clauses[0].segment: unit.stay for unit in units}
    for segment, entered_ms in stays.items():
        stay, own = rules.get(segment), row.past.get(segment, (0, 0))
        if segment in row.segments or segment in row.shadows:
            row.past[segment] = min(own[0], entered_ms), own[1]
        elif stay is not None and stay.may_enter_ms(*own) <= now_ms:
            row.past[segment] = max(own[0], entered_ms), now_ms


def waited(stay: Stay, since_ms: int | None, now_ms: int) -> Leaf:
    """What evidence says of a turn that had to wait."""
    if since_ms is not None:
        text, value = f"min_stay {stay.min_stay_ms // 1000} s", (now_ms - since_ms) // 1000
    else:
        seconds = min(max(stay.cooldown_ms, stay.reentry_ms), NEVER_MS) // 1000
        text, value = f"cooldown or re-entry {seconds} s", seconds
    return Leaf(text, before=False, after=True, value=value)
