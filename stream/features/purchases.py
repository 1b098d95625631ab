"""Orders, their rhythm, and what came back."""

from __future__ import annotations

from stream.features.registry import Feature
from stream.state.fold import ORDERS
from stream.state.orders import rhythm_ms
from stream.state.row import Row


def rhythm(row: Row) -> int | None:
    """The customer's own gap between purchase occasions; unknown before the first order."""
    orders = row.orders
    return None if orders is None or orders.count == 0 else rhythm_ms(orders)


def return_rate(row: Row) -> float | None:
    """Share of the matured orders' revenue that was refunded; unknown while none has matured."""
    orders = row.orders
    if orders is None or orders.matured_micros <= 0:
        return None
    return min(orders.matured_refunded_micros / orders.matured_micros, 1.0)


def discount_share(row: Row) -> float | None:
    """Share of the orders that are known to be bought on offer; unknown while none says it."""
    orders = row.orders
    if orders is None or orders.count == 0 or orders.discounted + orders.full_price == 0:
        return None
    return orders.discounted / orders.count


def full_price_share(row: Row) -> float | None:
    """Share of the orders that are known to be bought without offer; unknown while none says it."""
    orders = row.orders
    if orders is None or orders.count == 0 or orders.discounted + orders.full_price == 0:
        return None
    return orders.full_price / orders.count


_O = "(0 if row.orders is None else row.orders.{})"
_T = "(None if row.orders is None else row.orders.{} or None)"

FAMILY: tuple[Feature, ...] = (
    Feature("orders.count", _O.format("count"), "count", ORDERS, "Orders that stand."),
    Feature("orders.revenue", _O.format("revenue_micros"), "micros", ORDERS,
            "Revenue of the orders that stand, before refunds."),
    Feature("orders.refunded", _O.format("refunded_micros"), "micros", ORDERS, "Money refunded."),
    Feature("orders.net_revenue", "(0 if row.orders is None else row.orders.revenue_micros - "
            "row.orders.refunded_micros)", "micros", ORDERS, "Revenue less refunds."),
    Feature("orders.items", _O.format("items"), "count", ORDERS, "Pieces bought."),
    Feature("orders.first", _T.format("first_ms"), "instant", ORDERS, "First order.",
            nullable=True),
    Feature("orders.last", _T.format("last_ms"), "instant", ORDERS, "Latest order.",
            nullable=True),
    Feature("orders.occasions", _O.format("occasions"), "count", ORDERS,
            "Orders at least a day apart."),
    Feature("orders.last_gap_ratio", _O.format("last_gap_ratio"), "ratio", ORDERS,
            "The gap before the latest order, as a multiple of the rhythm before it."),
    Feature("orders.discount_share", "discount_share(row)", "ratio", ORDERS,
            "Share of the orders known to be on offer: a coupon, a discount, or half of the money.",
            nullable=True),
    Feature("orders.full_price_share", "full_price_share(row)", "ratio", ORDERS,
            "Share of the orders known to be at the full price: most of the money, and no coupon.",
            nullable=True),
    Feature("rhythm.gap", "(None if row.orders is None else rhythm(row))", "duration", ORDERS,
            "The customer's own gap between orders, towards 60 days while little is known.",
            nullable=True),
    Feature("returns.matured_orders", _O.format("matured"), "count", ORDERS,
            "Orders older than 30 days: their returns are known."),
    Feature("returns.rate", "return_rate(row)", "ratio", ORDERS,
            "Share of the matured orders' revenue that was refunded.", nullable=True),
)  # fmt: skip
