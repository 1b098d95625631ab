"""Records of track events: for every canonical name, its properties and how it is built."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import msgspec

from stream.events.head import AnyBuilder, Builder, Head
from stream.events.items import item_of, items_of
from stream.events.messages import message_sent, responded
from stream.events.money import finite, unsigned_micros
from stream.events.names import ALIASES, canonical_name, spellings
from stream.events.orders import (
    checkout_stepped,
    order_cancelled,
    order_completed,
    order_refunded,
    order_updated,
)
from stream.events.properties import (
    TEXT_MAX,
    CartProperties,
    CouponProperties,
    ListProperties,
    MessageProperties,
    OrderProperties,
    ProductProperties,
    PromotionProperties,
    PropertiesDecoder,
    SearchProperties,
    ShareProperties,
    label,
    text_label,
)
from stream.events.records import (
    CartAdded,
    CartRemoved,
    CartViewed,
    CouponUsed,
    ListViewed,
    ProductClicked,
    ProductReviewed,
    ProductsSearched,
    ProductViewed,
    PromotionSeen,
    Shared,
    WishlistChanged,
)


class Tracked(NamedTuple):
    """How the properties of one event are decoded, and what is built of them."""

    decoder: PropertiesDecoder[Any]
    build: AnyBuilder


def product_viewed(product: ProductProperties, head: Head) -> ProductViewed:
    return ProductViewed(
        head.time_ms,
        head.message_id,
        head.received_ms,
        (),
        head.channel,
        item_of(product, head.time_ms, head.reference),
    )


def product_clicked(product: ProductProperties, head: Head) -> ProductClicked:
    return ProductClicked(
        head.time_ms,
        head.message_id,
        head.received_ms,
        (),
        head.channel,
        item_of(product, head.time_ms, head.reference),
    )


CartChange = TypeVar("CartChange", CartAdded, CartRemoved)


def cart_changed(kind: type[CartChange]) -> Builder[ProductProperties]:
    def build(product: ProductProperties, head: Head) -> CartChange:
        changed: CartChange = kind(
            time_ms=head.time_ms,
            message_id=head.message_id,
            received_ms=head.received_ms,
            channel=head.channel,
            item=item_of(product, head.time_ms, head.reference),
            cart_id=text_label(product.cart_id),
        )
        return changed

    return build


def cart_viewed(cart: CartProperties, head: Head) -> CartViewed:
    return CartViewed(
        time_ms=head.time_ms,
        message_id=head.message_id,
        received_ms=head.received_ms,
        channel=head.channel,
        items=items_of(cart.products, head.time_ms, head.reference),
        cart_id=text_label(cart.cart_id),
    )


def products_searched(search: SearchProperties, head: Head) -> ProductsSearched:
    """The query is text or, by the specification, an object, which becomes its JSON text."""
    query = search.query
    if isinstance(query, dict):
        query = msgspec.json.encode(query, order="sorted").decode()[:TEXT_MAX]
    return ProductsSearched(
        head.time_ms,
        head.message_id,
        head.received_ms,
        (),
        head.channel,
        query if query is None or isinstance(query, str) else label(query),
        search.results_count,
    )


def list_viewed(filtered: bool) -> Builder[ListProperties]:
    def build(listed: ListProperties, head: Head) -> ListViewed:
        return ListViewed(
            head.time_ms,
            head.message_id,
            head.received_ms,
            (),
            head.channel,
            text_label(listed.list_id),
            listed.category,
            filtered,
        )

    return build


def promotion_seen(clicked: bool) -> Builder[PromotionProperties]:
    def build(promotion: PromotionProperties, head: Head) -> PromotionSeen:
        promotion_id = promotion.promotion_id
        if promotion_id is None:
            promotion_id = promotion.name if promotion.id is None else promotion.id
        return PromotionSeen(
            time_ms=head.time_ms,
            message_id=head.message_id,
            received_ms=head.received_ms,
            channel=head.channel,
            promotion_id=text_label(promotion_id),
            clicked=clicked,
        )

    return build


def coupon_used(action: str) -> Builder[CouponProperties]:
    def build(used: CouponProperties, head: Head) -> CouponUsed:
        coupon = used.coupon_id if used.coupon is None else used.coupon
        return CouponUsed(
            time_ms=head.time_ms,
            message_id=head.message_id,
            received_ms=head.received_ms,
            channel=head.channel,
            action=action,
            coupon=text_label(used.coupon_name if coupon is None else coupon),
            discount_micros=unsigned_micros(used.discount, "$.discount"),
            reason=used.reason,
        )

    return build


def wishlist_changed(action: str) -> Builder[ProductProperties]:
    def build(product: ProductProperties, head: Head) -> WishlistChanged:
        return WishlistChanged(
            time_ms=head.time_ms,
            message_id=head.message_id,
            received_ms=head.received_ms,
            channel=head.channel,
            action=action,
            item=item_of(product, head.time_ms, head.reference),
        )

    return build


def product_reviewed(product: ProductProperties, head: Head) -> ProductReviewed:
    rating = finite(product.rating, "$.rating")
    return ProductReviewed(
        time_ms=head.time_ms,
        message_id=head.message_id,
        received_ms=head.received_ms,
        channel=head.channel,
        item=item_of(product, head.time_ms, head.reference),
        rating=None if rating is None else float(rating),
    )


def shared(share: ShareProperties, head: Head) -> Shared:
    return Shared(
        time_ms=head.time_ms,
        message_id=head.message_id,
        received_ms=head.received_ms,
        channel=head.channel,
        via=share.share_via,
    )


_PRODUCT = PropertiesDecoder(ProductProperties)
_CART = PropertiesDecoder(CartProperties)
_SEARCH = PropertiesDecoder(SearchProperties)
_LIST = PropertiesDecoder(ListProperties)
_PROMOTION = PropertiesDecoder(PromotionProperties)
_ORDER = PropertiesDecoder(OrderProperties)
_COUPON = PropertiesDecoder(CouponProperties)
_SHARE = PropertiesDecoder(ShareProperties)
_MESSAGE = PropertiesDecoder(MessageProperties)

CANONICAL: dict[str, Tracked] = {
    "Products Searched": Tracked(_SEARCH, products_searched),
    "Product List Viewed": Tracked(_LIST, list_viewed(filtered=False)),
    "Product List Filtered": Tracked(_LIST, list_viewed(filtered=True)),
    "Promotion Viewed": Tracked(_PROMOTION, promotion_seen(clicked=False)),
    "Promotion Clicked": Tracked(_PROMOTION, promotion_seen(clicked=True)),
    "Product Clicked": Tracked(_PRODUCT, product_clicked),
    "Product Viewed": Tracked(_PRODUCT, product_viewed),
    "Product Added": Tracked(_PRODUCT, cart_changed(CartAdded)),
    "Product Removed": Tracked(_PRODUCT, cart_changed(CartRemoved)),
    "Cart Viewed": Tracked(_CART, cart_viewed),
    "Checkout Started": Tracked(_ORDER, checkout_stepped("started")),
    "Checkout Step Viewed": Tracked(_ORDER, checkout_stepped("viewed")),
    "Checkout Step Completed": Tracked(_ORDER, checkout_stepped("completed")),
    "Payment Info Entered": Tracked(_ORDER, checkout_stepped("payment")),
    "Order Completed": Tracked(_ORDER, order_completed),
    "Order Updated": Tracked(_ORDER, order_updated),
    "Order Cancelled": Tracked(_ORDER, order_cancelled),
    "Order Refunded": Tracked(_ORDER, order_refunded),
    "Coupon Entered": Tracked(_COUPON, coupon_used("entered")),
    "Coupon Applied": Tracked(_COUPON, coupon_used("applied")),
    "Coupon Denied": Tracked(_COUPON, coupon_used("denied")),
    "Coupon Removed": Tracked(_COUPON, coupon_used("removed")),
    "Product Added to Wishlist": Tracked(_PRODUCT, wishlist_changed("added")),
    "Product Removed from Wishlist": Tracked(_PRODUCT, wishlist_changed("removed")),
    "Wishlist Product Added to Cart": Tracked(_PRODUCT, wishlist_changed("moved_to_cart")),
    "Product Shared": Tracked(_SHARE, shared),
    "Cart Shared": Tracked(_SHARE, shared),
    "Product Reviewed": Tracked(_PRODUCT, product_reviewed),
    "Message Sent": Tracked(_MESSAGE, message_sent),
    "Email Sent": Tracked(_MESSAGE, responded("email", "sent")),
    "Email Delivered": Tracked(_MESSAGE, responded("email", "delivered")),
    "Email Opened": Tracked(_MESSAGE, responded("email", "opened")),
    "Email Link Clicked": Tracked(_MESSAGE, responded("email", "clicked")),
    "Email Bounced": Tracked(_MESSAGE, responded("email", "bounced")),
    "Email Marked as Spam": Tracked(_MESSAGE, responded("email", "marked_spam")),
    "Unsubscribed": Tracked(_MESSAGE, responded("email", "unsubscribed")),
    "Push Notification Sent": Tracked(_MESSAGE, responded("push", "sent")),
    "Push Notification Received": Tracked(_MESSAGE, responded("push", "delivered")),
    "Push Notification Tapped": Tracked(_MESSAGE, responded("push", "clicked")),
    "Push Notification Dismissed": Tracked(_MESSAGE, responded("push", "dismissed")),
    "Push Notification Bounced": Tracked(_MESSAGE, responded("push", "bounced")),
    "SMS Sent": Tracked(_MESSAGE, responded("sms", "sent")),
    "SMS Delivered": Tracked(_MESSAGE, responded("sms", "delivered")),
    "SMS Link Clicked": Tracked(_MESSAGE, responded("sms", "clicked")),
    "SMS Bounced": Tracked(_MESSAGE, responded("sms", "bounced")),
    "SMS Unsubscribed": Tracked(_MESSAGE, responded("sms", "unsubscribed")),
}

TRACKED: dict[str, Tracked] = {
    name: CANONICAL[canonical] for canonical in ALIASES for name in spellings(canonical)
}
"""Every spelling of the specifications, so that the hot path needs one look-up."""


def tracked(name: str) -> Tracked | None:
    """What is known of an event by a name that is written in another way, None if nothing is."""
    canonical = canonical_name(name)
    return None if canonical is None else CANONICAL[canonical]
