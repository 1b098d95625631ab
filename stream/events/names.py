"""Names of track events: the one table from what shops send to what Shoal calls it.

Canonical are the names of Segment's ecommerce specification v2, which RudderStack and PostHog
share, and of its e-mail and mobile specifications. Aliases are those of v1, of the GA Enhanced
E-Commerce destination that the specification itself lists, and of common e-mail senders.
"""

from __future__ import annotations

ALIASES: dict[str, tuple[str, ...]] = {
    "Products Searched": ("Searched Products", "Product Searched"),
    "Product List Viewed": ("Viewed Product Category", "Viewed Product List"),
    "Product List Filtered": ("Filtered Product List",),
    "Promotion Viewed": ("Viewed Promotion",),
    "Promotion Clicked": ("Clicked Promotion",),
    "Product Clicked": ("Clicked Product",),
    "Product Viewed": ("Viewed Product",),
    "Product Added": ("Added Product",),
    "Product Removed": ("Removed Product",),
    "Cart Viewed": ("Viewed Cart",),
    "Checkout Started": ("Started Order", "Started Checkout"),
    "Checkout Step Viewed": ("Viewed Checkout Step",),
    "Checkout Step Completed": ("Completed Checkout Step",),
    "Payment Info Entered": ("Entered Payment Info",),
    "Order Completed": ("Completed Order",),
    "Order Updated": ("Updated Order",),
    "Order Cancelled": ("Cancelled Order", "Order Canceled", "Canceled Order"),
    "Order Refunded": ("Refunded Order",),
    "Coupon Entered": ("Entered Coupon",),
    "Coupon Applied": ("Applied Coupon",),
    "Coupon Denied": ("Denied Coupon",),
    "Coupon Removed": ("Removed Coupon",),
    "Product Added to Wishlist": ("Added Product to Wishlist",),
    "Product Removed from Wishlist": ("Removed Product from Wishlist",),
    "Wishlist Product Added to Cart": ("Added Wishlist Product to Cart",),
    "Product Shared": ("Shared Product",),
    "Cart Shared": ("Shared Cart",),
    "Product Reviewed": ("Reviewed Product",),
    "Message Sent": (),
    "Email Sent": (),
    "Email Delivered": (),
    "Email Opened": (),
    "Email Link Clicked": ("Email Clicked",),
    "Email Bounced": (),
    "Email Marked as Spam": (),
    "Unsubscribed": ("Email Unsubscribed",),
    "Push Notification Sent": (),
    "Push Notification Received": ("Push Notification Delivered",),
    "Push Notification Tapped": ("Push Notification Opened",),
    "Push Notification Dismissed": (),
    "Push Notification Bounced": (),
    "SMS Sent": (),
    "SMS Delivered": (),
    "SMS Link Clicked": ("SMS Clicked",),
    "SMS Bounced": ("SMS Undelivered",),
    "SMS Unsubscribed": (),
}
"""Canonical name to the aliases that mean the same."""


def folded(name: str) -> str:
    """The name without what clients get wrong: case, and underscores for spaces.

    >>> folded("product_viewed") == folded("Product Viewed")
    True
    """
    return " ".join(name.casefold().replace("_", " ").split())


_CANONICAL = {
    folded(name): canonical
    for canonical, aliases in ALIASES.items()
    for name in (canonical, *aliases)
}


def canonical_name(name: str) -> str | None:
    """The specification's name of an event, or None for one outside of it.

    >>> canonical_name("Viewed Product"), canonical_name("order_completed")
    ('Product Viewed', 'Order Completed')
    """
    return _CANONICAL.get(folded(name))


def spellings(canonical: str) -> tuple[str, ...]:
    """The canonical name and its aliases, as they are written in the specifications."""
    return (canonical, *ALIASES[canonical])
