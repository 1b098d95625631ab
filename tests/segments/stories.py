"""Stories of one customer under the built-in pack: events go in, what was entered and left comes
out, in milliseconds since the start."""

from __future__ import annotations

from collections.abc import Iterable

from stream.events import records as r
from stream.state.windows import resolution_ms
from tests.engine.lane import Lane
from tests.state.shopping import DAY, HOUR, MICROS, START_MS, head

WHO = "a"


class Story:
    """The lane of one customer, and what of their memberships matters here."""

    def __init__(self, *segments: str) -> None:
        self.lane = Lane()
        self.segments = segments

    def put(self, *events: r.CustomerEvent) -> None:
        self.lane.put(WHO, *events)

    def until(self, at_ms: int) -> None:
        """Let time pass, to so long after the start."""
        self.lane.tick(START_MS + at_ms)

    @property
    def turns(self) -> list[tuple[str, int]]:
        """`+name` or `-name` and when, of the segments of this story."""
        return [
            (("+" if turn.entered else "-") + turn.segment, turn.time_ms - START_MS)
            for turn in self.lane.turns
            if turn.segment in self.segments
        ]

    def is_in(self, segment: str) -> bool:
        return segment in self.lane.segments(WHO)


def gone_ms(at_ms: int, within_ms: int, before_ms: int = 0) -> int:
    """When an event of that time, since the start, no longer counts in a window."""
    step_ms = resolution_ms(within_ms)
    absolute_ms = START_MS + at_ms
    return absolute_ms - absolute_ms % step_ms + step_ms + within_ms + before_ms - START_MS


def at(at_ms: int, **fields: object) -> dict[str, object]:
    """What an event has that happens so long after the start."""
    return head(START_MS + at_ms, **fields)


def item(category: str | None = None, price: float = 10, **fields: object) -> r.Item:
    return r.Item(category=category, price_micros=round(price * MICROS), **fields)  # type: ignore[arg-type]


def order(at_ms: int, *items: r.Item, **fields: object) -> r.OrderCompleted:
    """An order of these items, or of one for 10, in the web shop."""
    items = items or (item(sku="x"),)
    paid = sum((each.price_micros or 0) * each.quantity for each in items)
    given = {"channel": "web", "order_id": f"o{at_ms}", "revenue_micros": paid, **fields}
    return r.OrderCompleted(**at(at_ms), items=items, **given)  # type: ignore[arg-type]


def orders(times_ms: Iterable[int], *items: r.Item, **fields: object) -> list[r.OrderCompleted]:
    return [order(at_ms, *items, **fields) for at_ms in times_ms]


def viewed(at_ms: int, category: str | None = None, price: float = 10, **fields: object):
    """A product page."""
    return r.ProductViewed(**at(at_ms), item=item(category, price, **fields))  # type: ignore[arg-type]


def noon(day: int) -> int:
    return day * DAY + 12 * HOUR
