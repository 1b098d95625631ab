"""Canonical events as plain acts, read without any of the program's code.

The oracle is written to be read in one sitting: it sorts, groups and walks, keeps everything, and
knows no limits, no lateness and no partitions. Where it and the program differ on input that is
in order and within the bounds, one of them is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_MS = 631_152_000_000  # 1990
FUTURE_MS = 5 * 60_000
OFFLINE = {"store", "pos", "till", "retail", "phone", "telephone"}
NO_ID = {"", "null", "undefined", "none", "nil", "nan", "(null)", "[object object]"}

VISITS = {
    "Products Searched",
    "Product List Viewed",
    "Product List Filtered",
    "Promotion Viewed",
    "Promotion Clicked",
    "Product Clicked",
    "Product Viewed",
    "Product Added",
    "Product Removed",
    "Cart Viewed",
    "Checkout Started",
    "Checkout Step Viewed",
    "Checkout Step Completed",
    "Payment Info Entered",
    "Order Completed",
    "Coupon Entered",
    "Coupon Applied",
    "Coupon Denied",
    "Coupon Removed",
    "Product Added to Wishlist",
    "Product Removed from Wishlist",
    "Wishlist Product Added to Cart",
    "Product Shared",
    "Cart Shared",
    "Product Reviewed",
    "page",
    "screen",
}
"""What somebody does in the shop; a refund or an e-mail happens without a visit."""


@dataclass(frozen=True)
class Line:
    """A product in an event; money in micros."""

    key: str
    product: str
    quantity: int
    price: int | None


@dataclass(frozen=True)
class Act:
    """What one event says. `place` is where it stands in the input."""

    place: int
    time_ms: int
    name: str
    message: str
    visit: bool
    order: str | None = None
    amounts: dict[str, int] = field(default_factory=dict)
    currency: str | None = None
    lines: tuple[Line, ...] = ()


def micros(value: Any) -> int | None:
    """Money as integer micros, exactly, half to even; None where nothing was said."""
    if value is None or value == "":
        return None
    return round(Fraction(str(value)) * 1_000_000)


def instant_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def event_time_ms(event: dict[str, Any]) -> int | None:
    """Segment's rule, with the future clamped to when it was received."""
    known = ("receivedAt", "sentAt", "originalTimestamp", "timestamp")
    received, sent, original, stamped = (
        instant_ms(event[name]) if event.get(name) else None for name in known
    )
    if received is not None and sent is not None and original is not None:
        time_ms = received - (sent - original)
    else:
        time_ms = next((t for t in (stamped, original, received) if t is not None), None)
    if time_ms is not None and received is not None and time_ms > received + FUTURE_MS:
        return received
    return time_ms


def ids_of(event: dict[str, Any]) -> list[str]:
    """The ids in the event, the one that it is keyed by first."""
    found = [event.get("userId"), event.get("anonymousId")]
    if event.get("type") == "alias":
        found.append(event.get("previousId"))
    found += [
        f"{each['type']}:{each['id']}"
        for each in (event.get("context") or {}).get("externalIds") or []
    ]
    texts = [str(each).strip() for each in found if each is not None]
    return [text for text in texts if text.lower() not in NO_ID]


def acts_by_customer(events: Iterable[dict[str, Any]]) -> dict[str, list[Act]]:
    """Each customer's acts in time order, at one time in the input's; retries once.

    Ids that an event names together are one person. That person is called by the id that the
    events are keyed by in the end: where links form a chain, its last target.
    """
    target: dict[str, str] = {}
    found: list[tuple[str, Act]] = []
    for place, event in enumerate(events):
        ids, time_ms = ids_of(event), event_time_ms(event)
        if not ids or time_ms is None or time_ms < EARLIEST_MS:
            continue
        for other in ids[1:]:
            if other != ids[0]:
                target[other] = ids[0]
        if event.get("type") not in {"alias", "group", "history_ends"}:
            found.append((ids[0], _act(event, place, time_ms)))
    customers: dict[str, list[Act]] = {}
    seen: set[tuple[str, str]] = set()
    for key, act in found:
        root = _root(key, target)
        if (root, act.message) not in seen:
            seen.add((root, act.message))
            customers.setdefault(root, []).append(act)
    for acts in customers.values():
        acts.sort(key=lambda act: (act.time_ms, act.place))
    return customers


def ambiguous_customers(events: Iterable[dict[str, Any]]) -> set[str]:
    """Who shares an id with somebody else: two people at one device.

    What came with that id alone belongs to whoever had it at the time, which the final links that
    are used here do not tell.
    """
    targets: dict[str, set[str]] = {}
    for event in events:
        ids = ids_of(event)
        for other in ids[1:]:
            if other != ids[0]:
                targets.setdefault(other, set()).add(ids[0])
    shared = {key: found for key, found in targets.items() if len(found) > 1}
    return set(shared).union(*shared.values())


def _root(key: str, target: dict[str, str]) -> str:
    passed = {key}
    while key in target and target[key] not in passed:
        key = target[key]
        passed.add(key)
    return key


def _act(event: dict[str, Any], place: int, time_ms: int) -> Act:
    kind = event["type"]
    name = event["event"] if kind == "track" else kind
    properties = event.get("properties") or {}
    products = properties.get("products")
    if products is None and name.startswith(("Product ", "Wishlist Product ")):
        products = [properties]
    money = ("revenue", "subtotal", "total", "value", "shipping", "tax", "discount")
    amounts = {each: micros(properties.get(each)) for each in money}
    order = properties.get("order_id")
    message = event.get("messageId")
    return Act(
        place=place,
        time_ms=time_ms,
        name=name,
        message=str(message) if message else f"line {place}",
        visit=name in VISITS and _channel(event) not in OFFLINE,
        order=None if order is None else str(order),
        amounts={each: value for each, value in amounts.items() if value is not None},
        currency=properties.get("currency"),
        lines=tuple(_line(product) for product in products or ()),
    )


def _channel(event: dict[str, Any]) -> str:
    properties = event.get("properties") or {}
    return str(properties.get("channel") or event.get("channel") or "").lower()


def _line(product: dict[str, Any]) -> Line:
    number, sku = product.get("product_id") or product.get("id"), product.get("sku")
    quantity = Fraction(str(product.get("quantity", 1)))
    price = micros(product.get("price"))
    if quantity.denominator != 1:
        price = None if price is None else round(price * quantity)
        quantity = Fraction(1)
    return Line(
        key=str(sku or number or "?"),
        product=str(number or sku or "?"),
        quantity=int(quantity),
        price=price,
    )
