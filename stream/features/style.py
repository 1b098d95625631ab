"""How orders come about: what the first one was like, how long was looked before, what it cost."""

from __future__ import annotations

from stream.features.registry import Feature
from stream.state.fold import ORDERS
from stream.state.row import Row


def usual_look(row: Row) -> int | None:
    """The median time from the first look to the order, of the latest orders that had one, in ms.

    Of two in the middle the shorter one; unknown before the first of them.
    """
    orders = row.orders
    if orders is None or orders.looked <= 0:
        return None
    looks = sorted([o.look_ms for o in orders.recent if o.look_ms and not o.cancelled])
    return looks[(len(looks) - 1) // 2] if looks else None


_F = "(None if row.orders is None or row.orders.first is None else row.orders.first.{})"
_O = "(None if row.orders is None or row.orders.{} <= 0 else row.orders.{} // row.orders.{})"

_ON_OFFER = (
    "(None if row.orders is None or row.orders.first is None or not "
    "(row.orders.first.discounted or row.orders.first.full_price) "
    "else row.orders.first.discounted)"
)

FAMILY: tuple[Feature, ...] = (
    Feature("first_order.revenue", _F.format("revenue_micros"), "micros", ORDERS,
            "Revenue of the first order.", nullable=True),
    Feature("first_order.items", _F.format("items"), "count", ORDERS,
            "Pieces of the first order.", nullable=True),
    Feature("first_order.product", _F.format("product"), "text", ORDERS,
            "Id of the first order's first product.", nullable=True),
    Feature("first_order.coupon", _F.format("coupon"), "text", ORDERS,
            "Code that the first order was bought with.", nullable=True),
    Feature("first_order.channel", _F.format("channel"), "text", ORDERS,
            "Where the first order was placed.", nullable=True),
    Feature("first_order.on_offer", _ON_OFFER, "flag", ORDERS,
            "Whether the first order was bought on offer.", nullable=True),
    Feature("orders.item_price", _O.format("items", "revenue_micros", "items"), "micros", ORDERS,
            "Mean price of a piece bought.", nullable=True),
    Feature("orders.basket", _O.format("count", "revenue_micros", "count"), "micros", ORDERS,
            "Mean revenue of an order.", nullable=True),
    Feature("orders.looked", "(0 if row.orders is None else row.orders.looked)", "count", ORDERS,
            "Orders of something that was looked at before."),
    Feature("orders.look_ahead", _O.format("looked", "looked_ms", "looked"), "duration", ORDERS,
            "Mean time from the first look to the order, of orders of something that was looked "
            "at before; 7 days at most each.", nullable=True),
    Feature("orders.usual_look", "(None if row.orders is None else usual_look(row))", "duration",
            ORDERS, "Median time from the first look to the order, of the latest 32 orders of "
            "something that was looked at before.", nullable=True),
)  # fmt: skip
