"""Events as the customer log holds them, short to write down: for the tests of the core.

`START_MS` is a Monday's first instant, UTC. Amounts are given in units of the currency.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from stream.events import records as r
from stream.state.fold import fold
from stream.state.row import Row

START_MS = 1_772_409_600_000
"""2026-03-02T00:00:00Z."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

MICROS = 1_000_000

_numbers = count(1)


def head(at_ms: int, **fields: Any) -> dict[str, Any]:
    """What every event carries; each call is a message of its own."""
    return {"time_ms": at_ms, "message_id": next(_numbers), "received_ms": at_ms, **fields}


def thing(sku: str = "a", quantity: int = 1, price: float | None = 10) -> r.Item:
    micros = None if price is None else round(price * MICROS)
    return r.Item(product_id=sku, sku=sku, quantity=quantity, price_micros=micros)


def page(at_ms: int, **fields: Any) -> r.PageViewed:
    return r.PageViewed(**head(at_ms, **fields))


def search(at_ms: int, results: int | None = 5) -> r.ProductsSearched:
    return r.ProductsSearched(**head(at_ms), results_count=results)


def product(at_ms: int, sku: str = "a") -> r.ProductViewed:
    return r.ProductViewed(**head(at_ms), item=thing(sku))


def added(at_ms: int, sku: str = "a", quantity: int = 1, price: float | None = 10) -> r.CartAdded:
    return r.CartAdded(**head(at_ms), item=thing(sku, quantity, price))


def removed(at_ms: int, sku: str = "a", quantity: int = 1) -> r.CartRemoved:
    return r.CartRemoved(**head(at_ms), item=thing(sku, quantity))


def cart_seen(at_ms: int, *items: r.Item) -> r.CartViewed:
    return r.CartViewed(**head(at_ms), items=items)


def checkout(at_ms: int, step: str = "started", **fields: Any) -> r.CheckoutStepped:
    return r.CheckoutStepped(**head(at_ms), step=step, **fields)


def order(
    at_ms: int, number: str | None = None, revenue: float | None = 50, **fields: Any
) -> r.OrderCompleted:
    micros = None if revenue is None else round(revenue * MICROS)
    return r.OrderCompleted(**head(at_ms), order_id=number, revenue_micros=micros, **fields)


def updated(at_ms: int, number: str, revenue: float | None = None, **fields: Any) -> r.OrderUpdated:
    micros = None if revenue is None else round(revenue * MICROS)
    return r.OrderUpdated(**head(at_ms), order_id=number, revenue_micros=micros, **fields)


def cancelled(at_ms: int, number: str) -> r.OrderCancelled:
    return r.OrderCancelled(**head(at_ms), order_id=number)


def refunded(
    at_ms: int, number: str | None, amount: float | None = None, *items: r.Item
) -> r.OrderRefunded:
    micros = None if amount is None else round(amount * MICROS)
    return r.OrderRefunded(**head(at_ms), order_id=number, refund_micros=micros, items=items)


def message(at_ms: int, action: str = "delivered", medium: str = "email") -> r.MessageResponded:
    return r.MessageResponded(**head(at_ms), action=action, medium=medium)


def consent(at_ms: int, **preferences: bool) -> r.ConsentChanged:
    """`marketing=True` is for every channel, `email__marketing=True` for one."""
    said = {name.replace("__", "/"): given for name, given in preferences.items()}
    return r.ConsentChanged(
        **head(at_ms), preferences={n if "/" in n else f"/{n}": g for n, g in said.items()}
    )


def identified(at_ms: int, **traits: Any) -> r.Identified:
    return r.Identified(**head(at_ms), traits=traits)


def row_after(*events: r.CustomerEvent) -> Row:
    """A new row that has taken these events, in this order."""
    row = Row()
    for event in events:
        fold(row, event)
    return row
