"""Changes, short to write down."""

from __future__ import annotations

from collections.abc import Iterable

from stream.backtest.observer import Observer
from stream.clock import DAY_MS
from stream.events.changes import Leaf, SegmentChanged

DAY0 = 20_000 * DAY_MS


def change(text: str) -> SegmentChanged:
    """Of "customer +segment days [cause]", with days after the first midnight; - is an exit."""
    customer, turn, days, *cause = text.split()
    entered = turn[0] == "+"
    return SegmentChanged(
        id="", customer=customer, segment=turn[1:], entered=entered,
        time_ms=DAY0 + round(float(days) * DAY_MS), sequence=1, definition="v",
        cause=cause[0] if cause else "event",
        evidence=(Leaf(f"of {text}", not entered, entered, 1),),
        next_flip_ms=None, segments=(), historic=False, initial=False, valid_until_ms=None,
        control=False, action={},
    )  # fmt: skip


def watched(
    texts: Iterable[str], start: float = 0, explained: frozenset[str] | None = None
) -> Observer:
    """An observer that saw these changes, and counts from `start` days on."""
    observer = Observer(DAY0 + round(start * DAY_MS), explained)
    observer.take(map(change, texts))
    return observer
