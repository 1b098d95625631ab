"""The properties of track and page calls, one typed struct for each group of events.

Only fields that a record needs are declared; everything else is skipped by the JSON decoder
without becoming an object. Next to the specification's fields stand Shoal's extensions:
list_price, cost, size, availability or in_stock and reason on a product, payment_method, store,
channel, cart_id and gift on an order, results_count on a search.

A shop's own events may use the same field names for other things, so properties are decoded only
once the event's name says what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct, field, structs

from stream.events.rejection import RejectedEventError, of_validation

TEXT_MAX = 256
"""Characters of a text property; longer ones are cut. A row keeps dozens of them."""

ITEMS_MAX = 100
"""Products in one event; the rest is cut. A line costs about 120 bytes in the customer log, so
that a record stays below 16 KB."""

Text = Annotated[str, Meta(max_length=TEXT_MAX)]
Label = Text | int | None
"""An id: numbers are usual for ids of products and orders, and become text."""
Amount = float | str | None

P = TypeVar("P", bound=Struct)


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


class PropertiesDecoder(Generic[P]):
    """Decodes one kind of properties: typed at first, and leniently where that fails.

    The lenient way costs ten times as much. It cuts what is too long, makes text of numbers where
    text is due, and reads PHP's empty array as the empty object that it stands for.
    """

    def __init__(self, kind: type[P]) -> None:
        self.kind = kind
        self._texts = _text_names(kind)
        self.decode: Callable[[bytes | msgspec.Raw], P] = msgspec.json.Decoder(
            kind, strict=False
        ).decode

    def decode_leniently(
        self, raw: bytes | msgspec.Raw, error: msgspec.ValidationError
    ) -> tuple[P, bool]:
        """The properties after the typed decode's `error`, and whether something was cut.

        Raises
        ------
        RejectedEventError
            `wrong_type` or `out_of_range`, with the path below `$.properties`.
        """
        try:
            content = msgspec.json.decode(raw) or {}
        except msgspec.ValidationError:
            raise of_validation(error, "$.properties") from None
        try:
            if not isinstance(content, dict):
                raise RejectedEventError("wrong_type", "$.properties", "Expected `object`")
            cut = _tidy(content, self._texts)
            products = content.get("products")
            if isinstance(products, list):
                cut |= len(products) > ITEMS_MAX
                content["products"] = products[:ITEMS_MAX]
                for product in products[:ITEMS_MAX]:
                    if isinstance(product, dict):
                        cut |= _tidy(product, _PRODUCT_TEXTS)
            return msgspec.convert(content, self.kind, strict=False), cut
        except msgspec.ValidationError as again:
            raise of_validation(again, "$.properties") from None


def _text_names(kind: type[Struct]) -> frozenset[str]:
    """Names of the fields in which a text of any length, or a number, stands for a short text."""
    return frozenset(
        found.encode_name for found in structs.fields(kind) if Text in get_args(found.type)
    )


def _tidy(content: dict[str, Any], texts: frozenset[str]) -> bool:
    cut = False
    for name in texts & content.keys():
        value = content[name]
        if isinstance(value, int | float) and not isinstance(value, bool):
            content[name] = value = label(value)
        if isinstance(value, str) and len(value) > TEXT_MAX:
            content[name] = value[:TEXT_MAX]
            cut = True
    return cut


def label(value: str | float) -> str:
    """An id as text; a whole number that went through a double loses its `.0`.

    >>> label(17850.0), label(7), label("A-1")
    ('17850', '7', 'A-1')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def text_label(value: str | int | None) -> str | None:
    """An optional id as text."""
    return value if value is None or isinstance(value, str) else label(value)


_PRODUCT_TEXTS = _text_names(Product)
