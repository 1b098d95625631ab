"""How orders come about: what the first one was like, how long was looked before, what it cost."""

from __future__ import annotations

from stream.features.registry import Feature
from stream.state.fold import ORDERS

_F = "(None if row.orders is None or row.orders.first is None else row.orders.first.{})"
_O = "(None if row.orders is None or row.orders.{} <= 0 else row.orders.{} // row.orders.{})"

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
    Feature("first_order.on_offer", _F.format("discounted"), "flag", ORDERS,
            "Whether the first order was bought on offer.", nullable=True),
    Feature("orders.item_price", _O.format("items", "revenue_micros", "items"), "micros", ORDERS,
            "Mean price of a piece bought.", nullable=True),
    Feature("orders.basket", _O.format("count", "revenue_micros", "count"), "micros", ORDERS,
            "Mean revenue of an order.", nullable=True),
    Feature("orders.looked", "(0 if row.orders is None else row.orders.looked)", "count", ORDERS,
            "Orders before which product pages were seen."),
    Feature("orders.look_ahead", _O.format("looked", "looked_ms", "looked"), "duration", ORDERS,
            "Mean time from the first look to such an order, 7 days at most each.", nullable=True),
)  # fmt: skip
