"""Short hands for stories: a segment change, an order, a refund, a look at a product."""

from __future__ import annotations

from itertools import count
from typing import Any

from stream.clock import DAY_MS
from stream.events import records as r
from stream.events.changes import SegmentChanged

START_MS = 1_772_409_600_000
"""2026-03-02T00:00:00Z."""

_numbers = count(1)


def at(days: float) -> int:
    return START_MS + round(days * DAY_MS)


def entered(customer: str, segment: str, days: float, **fields: Any) -> SegmentChanged:
    """An entry on which an action acts."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "id": f"change-{number}", "customer": customer, "segment": segment, "entered": True,
        "time_ms": at(days), "sequence": number, "definition": "v", "cause": "timer",
        "evidence": (), "next_flip_ms": None, "segments": (segment,), "historic": False,
        "initial": False, "valid_until_ms": None, "control": False,
        "action": {"channels": ["email"]}, **fields,
    }  # fmt: skip
    return SegmentChanged(**values)


def left(customer: str, segment: str, days: float, *remaining: str) -> SegmentChanged:
    return entered(customer, segment, days, entered=False, segments=remaining, action={})


def _record(kind: Any, days: float, fields: dict[str, Any]) -> Any:
    fields.setdefault("message_id", next(_numbers))
    return kind(time_ms=at(days), received_ms=at(days), **fields)


def order(days: float, number: str, units: float, **fields: Any) -> r.OrderCompleted:
    return _record(
        r.OrderCompleted,
        days,
        {"order_id": number, "revenue_micros": round(units * r.MICROS), **fields},
    )


def cancelled(days: float, number: str) -> r.OrderCancelled:
    return _record(r.OrderCancelled, days, {"order_id": number})


def refunded(days: float, number: str, units: float | None = None) -> r.OrderRefunded:
    micros = None if units is None else round(units * r.MICROS)
    return _record(r.OrderRefunded, days, {"order_id": number, "refund_micros": micros})


def answered(days: float, action: str) -> r.MessageResponded:
    return _record(r.MessageResponded, days, {"action": action})


def agreed(days: float, *, yes: bool = True) -> r.ConsentChanged:
    """A word about marketing on all channels; and one about a channel, as is sent along."""
    return _record(
        r.ConsentChanged, days, {"preferences": {"/marketing": yes, "sms/marketing": False}}
    )


def own(days: float) -> r.Custom:
    return _record(r.Custom, days, {"name": "Survey Answered"})


def page(days: float) -> r.PageViewed:
    return _record(r.PageViewed, days, {})


def item(product: str, size: str | None = None, **fields: Any) -> r.Item:
    units = fields.pop("price", 10.0)
    return r.Item(product_id=product, size=size, price_micros=round(units * r.MICROS), **fields)


def viewed(days: float, seen: r.Item) -> r.ProductViewed:
    return _record(r.ProductViewed, days, {"item": seen})


def added(days: float, put: r.Item) -> r.CartAdded:
    return _record(r.CartAdded, days, {"item": put})
