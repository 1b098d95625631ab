"""The batch oracle: what is true of a customer at an instant, from the whole of their events.

Separate from the program and simple on purpose; see `reading`. Rules:

- An order is its id, or its message where it has none. A later word on a known id corrects its
  revenue. A cancelled order never was; its refunds neither.
- A refund takes at most what is left of the order that it names, else it counts as it is.
- There is one open cart. An order empties it, ends the checkout, and closes what was looked at.
- Orders less than a day after the start of a purchase occasion belong to it. The rhythm is the
  mean of the gaps between occasions and of one gap of 60 days, within 7 to 180 days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.reading import Act, Line, acts_by_customer

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
VISIT_GAP_MS = 30 * MINUTE_MS
MATURE_MS = 30 * DAY_MS

CHECKOUT = {
    "Checkout Started",
    "Checkout Step Viewed",
    "Checkout Step Completed",
    "Payment Info Entered",
}


@dataclass
class Order:
    time_ms: int
    revenue: int
    refunded: int = 0
    cancelled: bool = False


@dataclass
class Customer:
    """State as of the acts walked so far. Money in micros."""

    orders: dict[str, Order] = field(default_factory=dict)
    unmatched_refunds: int = 0
    currency: str | None = None
    cart: dict[str, int] = field(default_factory=dict)
    cart_ms: int | None = None
    checkout_ms: int | None = None
    browsed: set[str] = field(default_factory=set)
    browsed_ms: int | None = None
    visits: int = 0
    visit_ms: int | None = None
    products_viewed: int = 0

    @property
    def standing(self) -> list[Order]:
        """The orders that were not cancelled, in time order."""
        kept = [order for order in self.orders.values() if not order.cancelled]
        return sorted(kept, key=lambda order: order.time_ms)

    @property
    def order_count(self) -> int:
        return len(self.standing)

    @property
    def revenue(self) -> int:
        """Gross: before refunds, without cancelled orders."""
        return sum(order.revenue for order in self.standing)

    @property
    def refunded(self) -> int:
        return sum(order.refunded for order in self.standing) + self.unmatched_refunds

    @property
    def net_revenue(self) -> int:
        return self.revenue - self.refunded

    @property
    def cart_items(self) -> int:
        return sum(self.cart.values())

    def occasions(self) -> list[int]:
        """When each purchase occasion began."""
        found: list[int] = []
        for order in self.standing:
            if not found or order.time_ms - found[-1] >= DAY_MS:
                found.append(order.time_ms)
        return found

    def matured(self, now_ms: int) -> list[Order]:
        return [order for order in self.standing if order.time_ms + MATURE_MS <= now_ms]

    def return_rate(self, now_ms: int) -> float | None:
        """Share of the matured orders' revenue that came back; refunds of no order count too."""
        matured = self.matured(now_ms)
        revenue = sum(order.revenue for order in matured)
        if revenue <= 0:
            return None
        refunded = sum(order.refunded for order in matured) + self.unmatched_refunds
        return min(refunded / revenue, 1.0)


def rhythm_ms(occasions: list[int]) -> int:
    span = occasions[-1] - occasions[0]
    return min(max((span + 60 * DAY_MS) // len(occasions), 7 * DAY_MS), 180 * DAY_MS)


def last_gap_ratio(occasions: list[int]) -> float:
    """The latest gap as a multiple of the rhythm that there was before it; 0 without a gap."""
    if len(occasions) < 2:
        return 0.0
    return round((occasions[-1] - occasions[-2]) / rhythm_ms(occasions[:-1]), 6)


def apply(customer: Customer, act: Act) -> None:
    """Let one act change the state."""
    if act.visit:
        if customer.visit_ms is None or act.time_ms - customer.visit_ms >= VISIT_GAP_MS:
            customer.visits += 1
        customer.visit_ms = act.time_ms
    name = act.name
    if name in {"Order Completed", "Order Updated"}:
        _order(customer, act)
    elif name == "Order Cancelled":
        order = customer.orders.setdefault(act.order or act.message, Order(act.time_ms, 0))
        order.cancelled = True
    elif name == "Order Refunded":
        _refund(customer, act)
    elif name in CHECKOUT:
        customer.checkout_ms = act.time_ms
    elif name == "Product Viewed":
        customer.products_viewed += 1
        customer.browsed |= {line.product for line in act.lines}
        customer.browsed_ms = act.time_ms
    else:
        _cart(customer, act)


def _order(customer: Customer, act: Act) -> None:
    customer.currency = customer.currency or act.currency
    foreign = act.currency not in {None, customer.currency}
    revenue = 0 if foreign else revenue_of(act)
    number = act.order or act.message
    known = customer.orders.get(number)
    if known is None:
        customer.orders[number] = Order(act.time_ms, revenue)
    else:
        known.revenue = revenue
    if known is None or act.name == "Order Completed":
        customer.cart, customer.cart_ms, customer.checkout_ms = {}, None, None
        customer.browsed, customer.browsed_ms = set(), None


def revenue_of(act: Act) -> int:
    """Without shipping and tax, by whichever amount the shop sends."""
    amounts = act.amounts
    if "revenue" in amounts:
        return amounts["revenue"]
    if "subtotal" in amounts:
        return amounts["subtotal"]
    extra = amounts.get("shipping", 0) + amounts.get("tax", 0)
    if "total" in amounts:
        return max(amounts["total"] - extra, 0)
    if "value" in amounts:
        return amounts["value"]
    return max(_sum(act.lines) - abs(amounts.get("discount", 0)), 0)


def _sum(lines: tuple[Line, ...]) -> int:
    return sum((line.price or 0) * line.quantity for line in lines)


def _refund(customer: Customer, act: Act) -> None:
    told = [abs(act.amounts[each]) for each in ("total", "revenue", "value") if each in act.amounts]
    paid = told[0] if told else None
    if act.lines and all(line.price is not None for line in act.lines):
        lines = _sum(act.lines)
        paid = lines if paid is None else min(paid, lines)
    order = customer.orders.get(act.order) if act.order is not None else None
    if order is None:
        customer.unmatched_refunds += paid or 0
        return
    left = max(order.revenue - order.refunded, 0)
    order.refunded += left if paid is None else min(paid, left)


def _cart(customer: Customer, act: Act) -> None:
    cart = customer.cart
    if act.name in {"Product Added", "Wishlist Product Added to Cart"}:
        for line in act.lines:
            cart[line.key] = cart.get(line.key, 0) + max(line.quantity, 1)
        customer.cart_ms = act.time_ms
    elif act.name == "Product Removed":
        for line in act.lines:
            if line.key in cart:
                cart[line.key] = max(cart[line.key] - max(line.quantity, 1), 0)
                customer.cart_ms = act.time_ms
                if not cart[line.key]:
                    del cart[line.key]
    elif act.name == "Cart Viewed":
        if act.lines:
            cart.clear()
            for line in act.lines:
                cart[line.key] = cart.get(line.key, 0) + max(line.quantity, 1)
        if act.lines or customer.cart_ms is not None:
            customer.cart_ms = act.time_ms


def customers_at(events: Iterable[dict[str, Any]], now_ms: int) -> dict[str, Customer]:
    """Every customer's state at `now_ms`, that instant included."""
    found = {}
    for key, acts in acts_by_customer(events).items():
        customer = Customer()
        for act in acts:
            if act.time_ms <= now_ms:
                apply(customer, act)
        if any(act.time_ms <= now_ms for act in acts):
            found[key] = customer
    return found
