"""The properties of track and page calls, one typed struct for each group of events.

Only fields that a record needs are declared; everything else is skipped by the JSON decoder
without becoming an object. Next to the specification's fields stand Shoal's extensions:
list_price, cost, size, availability or in_stock and reason on a product, payment_method, store,
channel, cart_id and gift on an order, results_count on a search.

A shop's own events may use the same field names for other things, so properties are decoded only
once the event's name says what they are.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field

TEXT_MAX: Final = 256
"""Characters of a text property; longer ones are cut. A row keeps dozens of them."""

ITEMS_MAX: Final = 100
"""Products in one event; the rest is cut. A line costs about 120 bytes in the customer log, so
that a record stays below 16 KB."""

Text = Annotated[str, Meta(max_length=TEXT_MAX)]
Label = Text | int | None
"""An id: numbers are usual for ids of products and orders, and become text."""
Amount = float | str | None


class Product(Struct, gc=False):
    """A product in a list, or the product that an event is about."""

    product_id: Label = None
    sku: Label = None
    category: Text | None = None
    brand: Text | None = None
    price: Amount = None
    quantity: int | float | str | None = None
    coupon: Text | None = None
    list_price: Amount = None
    cost: Amount = None
    size: Text | None = None
    availability: Text | bool | None = None
    in_stock: bool | None = None
    reason: Text | None = None
    id: Label = None  # v1's name of product_id


Products = Annotated[list[Product], Meta(max_length=ITEMS_MAX)]


class ProductProperties(Product, gc=False):
    cart_id: Label = None
    channel: Text | None = None
    rating: float | str | None = None


class CartProperties(Struct, gc=False):
    cart_id: Label = None
    products: Products | None = None
    channel: Text | None = None


class SearchProperties(Struct, gc=False):
    query: Text | int | float | dict[str, Any] | None = None
    results_count: int | None = None
    channel: Text | None = None


class ListProperties(Struct, gc=False):
    list_id: Label = None
    category: Text | None = None
    channel: Text | None = None


class PromotionProperties(Struct, gc=False):
    promotion_id: Label = None
    name: Text | None = None
    id: Label = None
    channel: Text | None = None


class OrderProperties(Struct, gc=False):
    """Of orders, their changes, refunds and checkouts."""

    checkout_id: Label = None
    order_id: Label = None
    total: Amount = None
    subtotal: Amount = None
    revenue: Amount = None
    value: Amount = None
    shipping: Amount = None
    tax: Amount = None
    discount: Amount = None
    coupon: Text | None = None
    currency: Text | None = None
    products: Products | None = None
    payment_method: Text | None = None
    shipping_method: Text | None = None
    store: Label = None
    channel: Text | None = None
    cart_id: Label = None
    gift: bool | None = None
    reason: Text | None = None
    order_id_v1: Label = field(name="orderId", default=None)


class CouponProperties(Struct, gc=False):
    coupon_id: Label = None
    coupon: Label = None
    coupon_name: Text | None = None
    discount: Amount = None
    reason: Text | None = None
    channel: Text | None = None


class ShareProperties(Struct, gc=False):
    share_via: Text | None = None
    channel: Text | None = None


class Campaign(Struct, gc=False):
    id: Label = None
    name: Text | None = None
    source: Text | None = None


class MessageProperties(Struct, gc=False):
    """Of e-mail, push and SMS events. `conversation_id` marks a chat, which is none of these."""

    campaign_id: Label = None
    campaign_name: Text | None = None
    medium: Text | None = None
    campaign: Campaign | Text | None = None
    channel: Text | None = None
    conversation_id: Label = field(name="conversationId", default=None)


class PageProperties(Struct, gc=False):
    path: Text | None = None
    title: Text | None = None
    channel: Text | None = None
