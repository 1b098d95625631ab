"""What conditions can say of an event: its names, and the properties that records carry.

Conditions name events as the specification does, `"Order Completed"`, or in one word,
`order_completed`. A property belongs to the event, or to each of its items: a filter over items
holds for one item at a time. Codes are expressions over `event`, `item` and `local`, the event's
time at the shop; None stands for what the event does not carry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from stream.events import records as r
from stream.events.names import canonical_name

NUMBER, MONEY, TEXT, FLAG = "number", "money", "text", "flag"
OWN = "own"
"""Kind of a property of a shop's own event: a number, text or flag, as what it is compared with."""


class Property(NamedTuple):
    """A property of an event: Python code for its value, of one kind (money is in micros)."""

    code: str
    kind: str
    about: str

    @property
    def is_of_items(self) -> bool:
        """Whether each item has its own."""
        return "item." in self.code


class EventKind(NamedTuple):
    """An event that conditions can name.

    records     the records that stand for it
    test        code that tells it from other events of the same record, or nothing
    properties  by name
    items       code of the tuple of its items, or nothing
    """

    records: tuple[type, ...]
    test: str
    properties: dict[str, Property]
    items: str = ""


_HOUR = (
    "(None if event.time_ms % 86400000 == 0 or (local.hour == 0 and event.time_ms % 1800000 == 0) "
    "else local.hour)"
)
"""The first instant of a day, UTC or at the shop, is what a date without a time becomes."""

_COMMON = {
    "channel": Property("event.channel", TEXT, "web, app, store, phone or another word."),
    "hour": Property(
        _HOUR, NUMBER, "Hour of the day at the shop, 0 to 23; unknown of a bare date."
    ),
    "weekday": Property("local.weekday", NUMBER, "Day of the week, 1 Monday to 7 Sunday."),
    "day": Property("local.day", NUMBER, "Day of the month, 1 to 31."),
    "month": Property("local.month", NUMBER, "Month, 1 to 12."),
}
_ITEM = {
    "product": Property("item.product_id", TEXT, "Id of the product."),
    "sku": Property("item.sku", TEXT, "Id of the variant."),
    "category": Property("item.category", TEXT, "Category of the product."),
    "brand": Property("item.brand", TEXT, "Brand of the product."),
    "size": Property("item.size", TEXT, "Size of the variant."),
    "quantity": Property("item.quantity", NUMBER, "Pieces."),
    "price": Property("item.price_micros", MONEY, "Price of a piece, as charged."),
    "list_price": Property("item.list_price_micros", MONEY, "Price of a piece without an offer."),
    "cost": Property("item.cost_micros", MONEY, "What a piece costs the shop."),
    "amount": Property(
        "(None if item.price_micros is None else item.price_micros * item.quantity)", MONEY,
        "Price times pieces."),
    "margin": Property(
        "(None if item.price_micros is None or item.cost_micros is None "
        "else (item.price_micros - item.cost_micros) * item.quantity)", MONEY,
        "What the pieces earn: price less cost."),
    "on_offer": Property(
        "(None if item.price_micros is None or item.list_price_micros is None "
        "else item.price_micros < item.list_price_micros)", FLAG,
        "Whether the price is below the list price."),
    "in_stock": Property("item.in_stock", FLAG, "Whether it can be sent now."),
    "reason": Property("item.reason", TEXT, "Why a line came back."),
}  # fmt: skip
_ONE_ITEM = {**_COMMON, **_ITEM}
_ORDER = {
    **_ONE_ITEM,
    "order": Property("event.order_id", TEXT, "Number of the order."),
    "revenue": Property("event.revenue_micros", MONEY, "Revenue, without shipping and tax."),
    "total": Property("event.total_micros", MONEY, "What the customer paid."),
    "discount": Property("event.discount_micros", MONEY, "Discount on the order."),
    "shipping": Property("event.shipping_micros", MONEY, "Cost of shipping."),
    "currency": Property("event.currency", TEXT, "Currency of the amounts."),
    "coupon": Property("event.coupon", TEXT, "Code that was used."),
    "payment_method": Property("event.payment_method", TEXT, "How it was paid."),
    "store": Property("event.store", TEXT, "Store where it was bought."),
    "gift": Property("event.gift", FLAG, "Whether it is a gift."),
    "lines": Property("len(event.items)", NUMBER, "Different products."),
}  # fmt: skip
_CHECKOUT = {
    **_COMMON,
    "value": Property("event.value_micros", MONEY, "Value of the checkout."),
    "payment_method": Property("event.payment_method", TEXT, "How it is to be paid."),
    "shipping_method": Property("event.shipping_method", TEXT, "How it is to be sent."),
    "shipping": Property("event.shipping_micros", MONEY, "What sending it will cost."),
}
_COUPON = {
    **_COMMON,
    "coupon": Property("event.coupon", TEXT, "Code."),
    "discount": Property("event.discount_micros", MONEY, "What it takes off."),
    "reason": Property("event.reason", TEXT, "Why it was denied."),
}
_MESSAGE = {
    **_COMMON,
    "medium": Property("event.medium", TEXT, "email, push or sms."),
    "campaign": Property("event.campaign", TEXT, "Campaign that it belongs to."),
}
_LIST = {
    **_COMMON,
    "list": Property("event.list_id", TEXT, "Id of the list."),
    "category": Property("event.category", TEXT, "Category of the list."),
}
_PROMOTION = {**_COMMON, "promotion": Property("event.promotion_id", TEXT, "Id of the promotion.")}

_ONE = "(event.item,)"
_MANY = "event.items"


def _is(field: str, value: str) -> str:
    return f"event.{field} == {value!r}"


def _message(action: str, medium: str | None = None) -> EventKind:
    test = _is("action", action)
    if medium is not None:
        test += f" and {_is('medium', medium)}"
    return EventKind((r.MessageResponded,), test, _MESSAGE)


EVENTS: dict[str, EventKind] = {
    "Page Viewed": EventKind((r.PageViewed,), "", {
        **_COMMON,
        "page": Property("event.page", TEXT, "Name of the page, else its path."),
        "campaign": Property("event.campaign", TEXT, "Campaign that led to it."),
    }),
    "Products Searched": EventKind((r.ProductsSearched,), "", {
        **_COMMON,
        "query": Property("event.query", TEXT, "What was searched for."),
        "results": Property("event.results_count", NUMBER, "How much was found."),
    }),
    "Product List Viewed": EventKind((r.ListViewed,), "not event.filtered", _LIST),
    "Product List Filtered": EventKind((r.ListViewed,), "event.filtered", _LIST),
    "Product Viewed": EventKind((r.ProductViewed,), "", _ONE_ITEM, _ONE),
    "Product Clicked": EventKind((r.ProductClicked,), "", _ONE_ITEM, _ONE),
    "Product Added": EventKind((r.CartAdded,), "", _ONE_ITEM, _ONE),
    "Product Removed": EventKind((r.CartRemoved,), "", _ONE_ITEM, _ONE),
    "Cart Viewed": EventKind((r.CartViewed,), "", _ONE_ITEM, _MANY),
    "Checkout Started": EventKind((r.CheckoutStepped,), _is("step", "started"), _CHECKOUT),
    "Checkout Step Viewed": EventKind((r.CheckoutStepped,), _is("step", "viewed"), _CHECKOUT),
    "Checkout Step Completed": EventKind(
        (r.CheckoutStepped,), _is("step", "completed"), _CHECKOUT),
    "Payment Info Entered": EventKind((r.CheckoutStepped,), _is("step", "payment"), _CHECKOUT),
    "Order Completed": EventKind((r.OrderCompleted,), "", _ORDER, _MANY),
    "Order Updated": EventKind((r.OrderUpdated,), "", _ORDER, _MANY),
    "Order Cancelled": EventKind((r.OrderCancelled,), "", {
        **_ONE_ITEM,
        "order": Property("event.order_id", TEXT, "Number of the order."),
        "revenue": Property("event.revenue_micros", MONEY, "Revenue that is gone."),
    }, _MANY),
    "Order Refunded": EventKind((r.OrderRefunded,), "", {
        **_ONE_ITEM,
        "order": Property("event.order_id", TEXT, "Number of the order."),
        "refund": Property("event.refund_micros", MONEY, "Money given back."),
    }, _MANY),
    "Coupon Entered": EventKind((r.CouponUsed,), _is("action", "entered"), _COUPON),
    "Coupon Applied": EventKind((r.CouponUsed,), _is("action", "applied"), _COUPON),
    "Coupon Denied": EventKind((r.CouponUsed,), _is("action", "denied"), _COUPON),
    "Coupon Removed": EventKind((r.CouponUsed,), _is("action", "removed"), _COUPON),
    "Product Added to Wishlist": EventKind(
        (r.WishlistChanged,), _is("action", "added"), _ONE_ITEM, _ONE),
    "Product Removed from Wishlist": EventKind(
        (r.WishlistChanged,), _is("action", "removed"), _ONE_ITEM, _ONE),
    "Wishlist Product Added to Cart": EventKind(
        (r.WishlistChanged,), _is("action", "moved_to_cart"), _ONE_ITEM, _ONE),
    "Product Shared": EventKind((r.Shared,), "", {
        **_COMMON, "via": Property("event.via", TEXT, "Where it was shared.")}),
    "Cart Shared": EventKind((r.Shared,), "", {
        **_COMMON, "via": Property("event.via", TEXT, "Where it was shared.")}),
    "Product Reviewed": EventKind((r.ProductReviewed,), "", {
        **_ONE_ITEM, "rating": Property("event.rating", NUMBER, "Points given.")}, _ONE),
    "Promotion Viewed": EventKind((r.PromotionSeen,), "not event.clicked", _PROMOTION),
    "Promotion Clicked": EventKind((r.PromotionSeen,), "event.clicked", _PROMOTION),
    "Message Sent": _message("sent"),
    "Message Delivered": _message("delivered"),
    "Message Opened": _message("opened"),
    "Message Clicked": _message("clicked"),
    "Message Bounced": _message("bounced"),
    "Message Dismissed": _message("dismissed"),
    "Message Marked as Spam": _message("marked_spam"),
    "Email Sent": _message("sent", "email"),
    "Email Delivered": _message("delivered", "email"),
    "Email Opened": _message("opened", "email"),
    "Email Link Clicked": _message("clicked", "email"),
    "Email Bounced": _message("bounced", "email"),
    "Email Marked as Spam": _message("marked_spam", "email"),
    "Push Notification Sent": _message("sent", "push"),
    "Push Notification Received": _message("delivered", "push"),
    "Push Notification Tapped": _message("clicked", "push"),
    "Push Notification Dismissed": _message("dismissed", "push"),
    "Push Notification Bounced": _message("bounced", "push"),
    "SMS Sent": _message("sent", "sms"),
    "SMS Delivered": _message("delivered", "sms"),
    "SMS Link Clicked": _message("clicked", "sms"),
    "SMS Bounced": _message("bounced", "sms"),
    "SMS Unsubscribed": _message("unsubscribed", "sms"),
    "Unsubscribed": _message("unsubscribed"),
    "Identified": EventKind((r.Identified,), "", _COMMON),
}  # fmt: skip
"""What the specification's events become, by their names there; any other name is a custom event's.

A message's names without a medium stand for all media; a record does not tell whether a product or
the cart was shared, so each of the two names stands for both.
"""

EVENT_BY_WORD: dict[str, str] = {name.lower().replace(" ", "_"): name for name in EVENTS}
"""`order_completed` to "Order Completed"."""


def event_kind(name: str) -> EventKind:
    """The event of a name, in any spelling of the specifications; else a shop's own event."""
    if name in EVENTS:
        return EVENTS[name]
    canonical = canonical_name(name)
    if canonical in EVENTS:
        return EVENTS[canonical]
    return EventKind((r.Custom,), _is("name", name), _OwnProperties(_COMMON))


def told_by(kind: EventKind) -> Callable[[r.CustomerEvent], bool]:
    """Whether a record is one of an event's.

    >>> opened = told_by(event_kind("Message Opened"))
    >>> opened(r.MessageResponded(0, 0, 0, medium="email", action="opened"))
    True
    """
    if not kind.test:
        return lambda record: type(record) in kind.records
    code = compile(f"lambda event: {kind.test}", "<test of an event>", "eval")
    holds = eval(code, {})  # noqa: S307 text of the vocabulary
    return lambda record: type(record) in kind.records and holds(record)


class _OwnProperties(dict[str, Property]):
    """Whatever the shop sends with an event of its own, by name."""

    def get(self, name: str, default: Any = None) -> Any:
        """The property of that name; what is no name of one is none."""
        known = super().get(name)
        return own_property(name) if known is None and name.isidentifier() else known or default


def own_property(name: str) -> Property:
    """A property of a shop's own event: `code` takes what it is, whatever its kind.

    >>> own_property("score").code
    "event.properties.get('score')"
    """
    return Property(f"event.properties.get({name!r})", OWN, f"{name} of the shop's own event.")
