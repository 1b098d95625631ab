"""Properties of events that features rest on, and whether a record carries them.

Asked of the record, not of the payload: what the shop's reference data fill in is there, too.
Some stand on nearly every event of a stream that sends them at all; others, such as a discount,
only now and then, where one is proof enough.
"""

from __future__ import annotations

import msgspec

from stream.clock import MINUTE_MS
from stream.events.kinds import KINDS
from stream.events.records import CustomerEvent

MIDNIGHTS_MS = 30 * MINUTE_MS
"""Midnight is at a multiple of it in nearly every zone."""


class Property(msgspec.Struct, frozen=True):
    """A property as shops send it.

    name    as in the payload
    about   where it stands and what it means, for those who send it
    event   fields of the record, of which any says it
    item    fields of its items, of which any says it; one item that does is enough
    always  whether an event without it lacks something; else it comes with some events only
    clock   whether it is the time of the day: dates alone become midnights, somewhere
    """

    name: str
    about: str
    event: tuple[str, ...] = ()
    item: tuple[str, ...] = ()
    always: bool = True
    clock: bool = False

    def carried(self, record: CustomerEvent) -> bool:
        """Whether the record says it."""
        if self.clock:
            return record.time_ms % MIDNIGHTS_MS != 0
        for field in self.event:
            if getattr(record, field, None) not in (None, ()):
                return True
        if not self.item:
            return False
        one = getattr(record, "item", None)
        items = getattr(record, "items", ()) if one is None else (one,)
        return any(getattr(item, field) is not None for item in items for field in self.item)

    def applies(self, kind: type) -> bool:
        """Whether records of the type have a place for it."""
        fields = getattr(kind, "__struct_fields__", ())
        on_items = bool(self.item) and ("item" in fields or "items" in fields)
        return on_items or any(field in fields for field in self.event)


PROPERTIES: dict[str, Property] = {
    found.name: found
    for found in (
        Property("product", "product_id or sku on each product", item=("product_id", "sku")),
        Property("products", "products, the lines of an order or refund", ("items",)),
        Property("price", "price of a piece on each product, as charged", item=("price_micros",)),
        Property("list_price", "list_price on each product: what a piece costs without an offer",
                 item=("list_price_micros",)),
        Property("cost", "cost on each product: what a piece costs the shop",
                 item=("cost_micros",)),
        Property("category", "category on each product or list", ("category",), ("category",)),
        Property("brand", "brand on each product", item=("brand",)),
        Property("size", "size on each product", item=("size",)),
        Property("availability", "availability or in_stock on each product", item=("in_stock",)),
        Property("revenue", "revenue, subtotal or total of an order, or its products' prices",
                 ("revenue_micros",)),
        Property("refund", "total of a refund: the money that went back", ("refund_micros",)),
        Property("order_id", "order_id, the same on an order and on its refund", ("order_id",)),
        Property("currency", "currency, an ISO 4217 code", ("currency",)),
        Property("discount", "discount on what has one", ("discount_micros",), always=False),
        Property("discount or list_price", "discount on every order, 0 where there is none; or "
                 "list_price on each product", ("discount_micros",), ("list_price_micros",)),
        Property("coupon", "coupon on what was bought with one", ("coupon",), ("coupon",),
                 always=False),
        Property("payment_method", "payment_method on orders and checkout steps",
                 ("payment_method",)),
        Property("shipping_method", "shipping_method on checkout steps", ("shipping_method",)),
        Property("shipping", "shipping: what sending will cost, on checkout steps and orders",
                 ("shipping_micros",), always=False),
        Property("time of day", "the time of the day in timestamps, not the date alone",
                 ("time_ms",), clock=True),
        Property("store", "store of an order that was placed in one", ("store",), always=False),
        Property("gift", "gift: true on an order that is one", ("gift",), always=False),
        Property("results_count", "results_count: how many products a search found",
                 ("results_count",)),
        Property("channel", "channel: web, app, store, phone", ("channel",)),
        Property("campaign", "campaign that a page view or message belongs to", ("campaign",),
                 always=False),
        Property("reason", "reason of a refund's lines, or why a coupon was denied", ("reason",),
                 ("reason",), always=False),
        Property("rating", "rating of a review", ("rating",)),
    )
}  # fmt: skip
"""By name."""

PROPERTIES_OF: dict[str, tuple[Property, ...]] = {
    name: tuple(found for found in PROPERTIES.values() if found.applies(kind))
    for name, kind in KINDS.items()
}
"""Name of an event -> the properties that it can carry."""

OWN_PREFIX, TRAIT_PREFIX = "properties.", "traits."
"""Before the name of a property of a shop's own event, and of a trait of an identify call."""


def property_named(name: str) -> Property:
    """A property by its name; of a shop's own event, it is what the shop calls so.

    >>> property_named("properties.nps").about
    "nps among the event's properties"
    """
    if name.startswith(TRAIT_PREFIX):
        about = f"{name.removeprefix(TRAIT_PREFIX)} among the traits"
        return Property(name, about, always=False)
    if name.startswith(OWN_PREFIX):
        return Property(name, f"{name.removeprefix(OWN_PREFIX)} among the event's properties")
    return PROPERTIES[name]
