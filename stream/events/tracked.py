"""Records of track events: for every canonical name, its properties and how it is built."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from stream.events.head import AnyBuilder, Builder, Head
from stream.events.items import item_of, items_of
from stream.events.labels import label, text_label
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
    SearchProperties,
    ShareProperties,
)
from stream.events.properties_decoder import PropertiesDecoder
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
    time_ms, message_id, received_ms, channel, reference = head
    return ProductViewed(
        time_ms, message_id, received_ms, (), channel, item_of(product, time_ms, reference)
    )


def product_clicked(product: ProductProperties, head: Head) -> ProductClicked:
    time_ms, message_id, received_ms, channel, reference = head
    return ProductClicked(
        time_ms, message_id, received_ms, (), channel, item_of(product, time_ms, reference)
    )


CartChange = TypeVar("CartChange", CartAdded, CartRemoved)


def cart_changed(kind: type[CartChange]) -> Builder[ProductProperties]:
    def build(product: ProductProperties, head: Head) -> CartChange:
        time_ms, message_id, received_ms, channel, reference = head
        changed: CartChange = kind(
            time_ms,
            message_id,
            received_ms,
            (),
            channel,
            item_of(product, time_ms, reference),
            text_label(product.cart_id),
        )
        return changed

    return build


def cart_viewed(cart: CartProperties, head: Head) -> CartViewed:
    time_ms, message_id, received_ms, channel, reference = head
    return CartViewed(
        time_ms,
        message_id,
        received_ms,
        (),
        channel,
        items_of(cart.products, time_ms, reference),
        text_label(cart.cart_id),
    )


def products_searched(search: SearchProperties, head: Head) -> ProductsSearched:
    """The query is text or, by the specification, an object, which becomes its JSON text."""
    time_ms, message_id, received_ms, channel, _ = head
    query = search.query
    if isinstance(query, dict):
        query = msgspec.json.encode(query, order="sorted").decode()[:TEXT_MAX]
    return ProductsSearched(
        time_ms,
        message_id,
        received_ms,
        (),
        channel,
        query if query is None or isinstance(query, str) else label(query),
        search.results_count,
    )


def list_viewed(filtered: bool) -> Builder[ListProperties]:
    def build(listed: ListProperties, head: Head) -> ListViewed:
        time_ms, message_id, received_ms, channel, _ = head
        return ListViewed(
            time_ms,
            message_id,
            received_ms,
            (),
            channel,
            text_label(listed.list_id),
            listed.category,
            filtered,
        )

    return build


def promotion_seen(clicked: bool) -> Builder[PromotionProperties]:
    def build(promotion: PromotionProperties, head: Head) -> PromotionSeen:
        time_ms, message_id, received_ms, channel, _ = head
        promotion_id = promotion.promotion_id
        if promotion_id is None:
            promotion_id = promotion.name if promotion.id is None else promotion.id
        return PromotionSeen(
            time_ms, message_id, received_ms, (), channel, text_label(promotion_id), clicked
        )

    return build


def coupon_used(action: str) -> Builder[CouponProperties]:
    def build(used: CouponProperties, head: Head) -> CouponUsed:
        time_ms, message_id, received_ms, channel, _ = head
        coupon = used.coupon_id if used.coupon is None else used.coupon
        return CouponUsed(
            time_ms,
            message_id,
            received_ms,
            (),
            channel,
            action,
            text_label(used.coupon_name if coupon is None else coupon),
            unsigned_micros(used.discount, "$.discount"),
            used.reason,
        )

    return build


def wishlist_changed(action: str) -> Builder[ProductProperties]:
    def build(product: ProductProperties, head: Head) -> WishlistChanged:
        time_ms, message_id, received_ms, channel, reference = head
        return WishlistChanged(
            time_ms,
            message_id,
            received_ms,
            (),
            channel,
            action,
            item_of(product, time_ms, reference),
        )

    return build


def product_reviewed(product: ProductProperties, head: Head) -> ProductReviewed:
    time_ms, message_id, received_ms, channel, reference = head
    rating = finite(product.rating, "$.rating")
    return ProductReviewed(
        time_ms,
        message_id,
        received_ms,
        (),
        channel,
        item_of(product, time_ms, reference),
        None if rating is None else float(rating),
    )


def shared(share: ShareProperties, head: Head) -> Shared:
    time_ms, message_id, received_ms, channel, _ = head
    return Shared(time_ms, message_id, received_ms, (), channel, share.share_via)


_PRODUCT: Final = PropertiesDecoder(ProductProperties)
_CART: Final = PropertiesDecoder(CartProperties)
_SEARCH: Final = PropertiesDecoder(SearchProperties)
_LIST: Final = PropertiesDecoder(ListProperties)
_PROMOTION: Final = PropertiesDecoder(PromotionProperties)
_ORDER: Final = PropertiesDecoder(OrderProperties)
_COUPON: Final = PropertiesDecoder(CouponProperties)
_SHARE: Final = PropertiesDecoder(ShareProperties)
_MESSAGE: Final = PropertiesDecoder(MessageProperties)

CANONICAL: Final[dict[str, Tracked]] = {
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

TRACKED: Final[dict[str, Tracked]] = {
    name: CANONICAL[canonical] for canonical in ALIASES for name in spellings(canonical)
}
"""Every spelling of the specifications, so that the hot path needs one look-up."""


def tracked(name: str) -> Tracked | None:
    """What is known of an event by a name that is written in another way, None if nothing is."""
    canonical = canonical_name(name)
    return None if canonical is None else CANONICAL[canonical]
