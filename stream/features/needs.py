"""What each feature needs of a shop's stream: events that feed it, and properties on them.

This is the one list from which `shoal segments readiness` says what works, and what to send. A new
feature gets its line here; a test holds the list against the catalogue and against what folding
really does.
"""

from __future__ import annotations

import msgspec

from stream.events.kinds import KINDS, PAGE
from stream.state.fold import ACTIVITY, FOLDS


class Carried(msgspec.Struct, frozen=True):
    """A property (features/properties.py) on any of some events."""

    property: str
    events: tuple[str, ...]


Events = tuple[str, ...]
"""Names of events, of which any one will do."""


class Need(msgspec.Struct, frozen=True):
    """What the stream must carry for a feature to be known, and to be right.

    feeds     events that can change it
    must      of each of these at least one event, else it says nothing
    should    of each of these at least one event, else it says less than it promises
    carry     of each of these at least one property, else it says nothing
    better    of each of these at least one property, else it says less than it promises
    by_time   what time alone does to it, if it does
    """

    feeds: Events
    must: tuple[Events, ...]
    should: tuple[Events, ...] = ()
    carry: tuple[tuple[Carried, ...], ...] = ()
    better: tuple[tuple[Carried, ...], ...] = ()
    by_time: str | None = None


def _of_part(part: int) -> Events:
    return tuple(name for name, kind in KINDS.items() if FOLDS[kind].parts & part)


_ALL = tuple(KINDS)
_ACTIVITY = _of_part(ACTIVITY)
_VISITS = tuple(
    name
    for name, kind in KINDS.items()
    if FOLDS[kind].visits or name in (PAGE, "Products Searched", "Product Viewed")
)
"""Events that are visits by themselves, unless they happen in a store or on the phone."""

_BROWSING = (PAGE, "Product Viewed", "Product List Viewed", "Products Searched")
_ORDER = ("Order Completed", "Order Updated")
_ORDERS = (*_ORDER, "Order Cancelled")
_ADDED = ("Product Added", "Wishlist Product Added to Cart", "Cart Viewed")
_CART = (*_ADDED, "Product Removed", *_ORDER)
_CHECKOUT = (
    "Checkout Started",
    "Checkout Step Viewed",
    "Checkout Step Completed",
    "Payment Info Entered",
)
_WISHED = (
    "Product Added to Wishlist",
    "Product Removed from Wishlist",
    "Wishlist Product Added to Cart",
)
_SENT = ("Message Sent", "Email Sent", "Push Notification Sent", "SMS Sent")
_CLICKED = ("Email Link Clicked", "Push Notification Tapped", "SMS Link Clicked")

_STOPPED = ("Unsubscribed", "Email Marked as Spam", "SMS Unsubscribed")

_VISIT_ENDS = "a visit ends 30 minutes after its last activity"
_MATURES = "an order's returns are known 30 days after it"

_REVENUE = ((Carried("revenue", _ORDER),),)
_OFFER = ((Carried("discount", _ORDER), Carried("coupon", _ORDER), Carried("list_price", _ORDER)),)
_FULL_PRICE = ((Carried("discount or list_price", _ORDER),),)
_WHICH_ORDER = (
    (Carried("order_id", ("Order Completed",)),),
    (Carried("order_id", ("Order Refunded",)),),
)
_SHIPPING = ((Carried("shipping", _CHECKOUT),),)
_IN_CART = ((Carried("product", _ADDED),),)


def _visits() -> Need:
    return Need(_VISITS, (_VISITS,), should=(_BROWSING,))


def _cart(carry: tuple[tuple[Carried, ...], ...] = ()) -> Need:
    """A cart is right where one also sees it emptied, and bought."""
    return Need(_CART, (_ADDED,), (("Product Removed", "Cart Viewed"), _ORDER), carry, _IN_CART)


def _checkout(carry: tuple[tuple[Carried, ...], ...] = ()) -> Need:
    return Need((*_CHECKOUT, *_ORDER), (_CHECKOUT,), should=(_ORDER,), carry=carry)


def _browse(carry: tuple[tuple[Carried, ...], ...] = ()) -> Need:
    return Need(("Product Viewed", *_ORDER), (("Product Viewed",),), should=(_ORDER,), carry=carry)


def _orders(carry: tuple[tuple[Carried, ...], ...] = ()) -> Need:
    return Need(_ORDERS, (_ORDER,), carry=carry)


def _looks() -> Need:
    """A look is at the product that is then bought, so both have to name it."""
    carry = tuple((Carried("product", events),) for events in (("Product Viewed",), _ORDER))
    return Need(_ORDERS, (("Product Viewed",), _ORDER), carry=carry)


def _wishes() -> Need:
    """A wish list is right where one also sees what becomes of it."""
    carry = ((Carried("product", _WISHED),),)
    return Need((*_WISHED, "Product Added", *_ORDER), (_WISHED[:1],), (_ORDER,), better=carry)


def _refunds() -> tuple[Events, ...]:
    return (("Order Refunded",),)


NEEDS: dict[str, Need] = {
    "seen.first": Need(_ALL, (_ALL,)),
    "seen.last": Need(_ACTIVITY, (_ACTIVITY,)),
    "sessions.count": _visits(),
    "sessions.pages": Need((PAGE,), ((PAGE,),)),
    "sessions.searches": Need(("Products Searched",), (("Products Searched",),)),
    "sessions.empty_searches": Need(
        ("Products Searched",), (("Products Searched",),),
        carry=((Carried("results_count", ("Products Searched",)),),)),
    "sessions.time": msgspec.structs.replace(_visits(), by_time=_VISIT_ENDS),
    "session.pages": Need(_VISITS, ((PAGE,),)),
    "products.viewed": Need(("Product Viewed",), (("Product Viewed",),)),
    "products.sold_out_share": Need(
        ("Product Viewed",), (("Product Viewed",),),
        carry=((Carried("availability", ("Product Viewed",)),),)),
    "cart.items": _cart(),
    "cart.lines": _cart(_IN_CART),
    "cart.last_activity": _cart(),
    "cart.value": _cart(((Carried("price", _ADDED),),)),
    "checkout.open": _checkout(),
    "checkout.last_step": _checkout(),
    "checkout.steps": _checkout(),
    "checkout.shipping": _checkout(_SHIPPING),
    "checkout.shipping_shown": _checkout(_SHIPPING),
    "browse.products": _browse(((Carried("product", ("Product Viewed",)),),)),
    "browse.last": _browse(),
    "wishlist.items": _wishes(),
    "wishlist.last": _wishes(),
    "orders.count": _orders(),
    "orders.revenue": _orders(_REVENUE),
    "orders.refunded": Need((*_ORDERS, "Order Refunded"), (_ORDER, *_refunds()),
                            better=_WHICH_ORDER),
    "orders.net_revenue": Need((*_ORDERS, "Order Refunded"), (_ORDER,), _refunds(), _REVENUE,
                               _WHICH_ORDER),
    "orders.items": _orders(((Carried("products", _ORDER),),)),
    "orders.first": _orders(),
    "orders.last": _orders(),
    "orders.occasions": _orders(),
    "orders.last_gap_ratio": _orders(),
    "orders.discount_share": _orders(_OFFER),
    "orders.full_price_share": _orders(_FULL_PRICE),
    "rhythm.gap": _orders(),
    "returns.matured_orders": Need(_ORDERS, (_ORDER,), by_time=_MATURES),
    "returns.rate": Need((*_ORDERS, "Order Refunded"), (_ORDER, *_refunds()), (), _REVENUE,
                         _WHICH_ORDER, _MATURES),
    "first_order.revenue": _orders(_REVENUE),
    "first_order.items": _orders(((Carried("products", _ORDER),),)),
    "first_order.product": _orders(((Carried("products", _ORDER),),)),
    "first_order.coupon": _orders(((Carried("coupon", _ORDER),),)),
    "first_order.channel": _orders(((Carried("channel", _ORDER),),)),
    "first_order.on_offer": _orders(_OFFER),
    "orders.item_price": _orders((*_REVENUE, (Carried("products", _ORDER),))),
    "orders.basket": _orders(_REVENUE),
    "orders.looked": _looks(),
    "orders.look_ahead": _looks(),
    "orders.usual_look": _looks(),
    "messages.unsubscribed": Need(_STOPPED, (_STOPPED,)),
    "messages.sent": Need(_SENT, (_SENT,)),
    "messages.opened": Need(("Email Opened",), (("Email Opened",),)),
    "messages.clicked": Need(_CLICKED, (_CLICKED,)),
    "messages.last_opened": Need(("Email Opened",), (("Email Opened",),)),
}  # fmt: skip
