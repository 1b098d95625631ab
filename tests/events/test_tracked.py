"""Every event of the specifications, under each of its names, to its record."""

from __future__ import annotations

from typing import Any

import pytest

from stream.events import records
from stream.events.envelope import decode
from stream.events.names import ALIASES, canonical_name
from stream.events.records import Custom, Item
from stream.events.tracked import CANONICAL
from tests.events.shop_calls import BROKER_MS, PRODUCT, tracked

ITEM = Item(
    product_id="507f1f77bcf86cd799439011",
    sku="G-32",
    quantity=2,
    price_micros=18_990_000,
    category="Games",
    brand="Hasbro",
    coupon="MAYDEALS",
)
ORDER = {
    "order_id": "50314b8e",
    "total": 43.0,
    "revenue": 37.98,
    "shipping": 3,
    "tax": 2.02,
    "currency": "usd",
    "products": [PRODUCT],
}
MAIL = {"email_id": "18vzF7u3z", "campaign_id": "123", "campaign_name": "New Customer Discount"}
PUSH = {"campaign": {"medium": "Push", "source": "Vendor", "name": "Referral Flow"}}
SHARE = {"share_via": "email", "share_message": "Look", "recipient": "friend@example.com"}
COUPON = {"cart_id": "c", "coupon_id": "may_deals", "coupon_name": "May Deals", "discount": 23.32}
PROMOTION = {"promotion_id": "promo_1", "creative": "banner", "name": "sale", "position": "top"}
ORDER_FIELDS = {
    "order_id": "50314b8e",
    "revenue_micros": 37_980_000,
    "total_micros": 43_000_000,
    "shipping_micros": 3_000_000,
    "tax_micros": 2_020_000,
    "currency": "USD",
    "items": (ITEM,),
}

# Names as the specification prints them (ecommerce v2 with its v1 and GA aliases, e-mail, mobile),
# the properties of its examples, the record and its fields.
TABLE: list[tuple[tuple[str, ...], dict[str, Any], str, dict[str, Any]]] = [
    (
        ("Products Searched",),
        {"query": "blue roses", "results_count": "0"},
        "ProductsSearched",
        {"query": "blue roses", "results_count": 0},
    ),
    (
        ("Product List Viewed", "Viewed Product Category"),
        {"list_id": "hot_deals_1", "category": "Deals", "products": [PRODUCT]},
        "ListViewed",
        {"list_id": "hot_deals_1", "category": "Deals", "filtered": False},
    ),
    (
        ("Product List Filtered",),
        {"list_id": "todays_deals", "filters": [{"type": "price", "value": "under-$25"}]},
        "ListViewed",
        {"list_id": "todays_deals", "filtered": True},
    ),
    (
        ("Promotion Viewed", "Viewed Promotion"),
        PROMOTION,
        "PromotionSeen",
        {"promotion_id": "promo_1", "clicked": False},
    ),
    (
        ("Promotion Clicked", "Clicked Promotion"),
        PROMOTION,
        "PromotionSeen",
        {"promotion_id": "promo_1", "clicked": True},
    ),
    (("Product Clicked", "Clicked Product"), PRODUCT, "ProductClicked", {"item": ITEM}),
    (("Product Viewed", "Viewed Product"), PRODUCT, "ProductViewed", {"item": ITEM}),
    (
        ("Product Added", "Added Product"),
        {**PRODUCT, "cart_id": "skdj"},
        "CartAdded",
        {"item": ITEM, "cart_id": "skdj"},
    ),
    (
        ("Product Removed", "Removed Product"),
        {**PRODUCT, "cart_id": 77},
        "CartRemoved",
        {"item": ITEM, "cart_id": "77"},
    ),
    (
        ("Cart Viewed",),
        {"cart_id": "d92", "products": [PRODUCT]},
        "CartViewed",
        {"cart_id": "d92", "items": (ITEM,)},
    ),
    (
        ("Checkout Started", "Started Order"),
        {**ORDER, "value": 30},
        "CheckoutStepped",
        {"step": "started", "order_id": "50314b8e", "value_micros": 30_000_000},
    ),
    (
        ("Checkout Step Viewed", "Viewed Checkout Step"),
        {"checkout_id": "5031", "step": 2, "shipping_method": "Fedex", "payment_method": "Visa"},
        "CheckoutStepped",
        {"step": "viewed", "checkout_id": "5031", "shipping_method": "Fedex"},
    ),
    (
        ("Checkout Step Completed", "Completed Checkout Step"),
        {"checkout_id": "5031", "step": 2, "payment_method": "Visa"},
        "CheckoutStepped",
        {"step": "completed", "payment_method": "Visa", "value_micros": None},
    ),
    (
        ("Payment Info Entered",),
        {"checkout_id": "39f3", "order_id": "dkfs"},
        "CheckoutStepped",
        {"step": "payment", "checkout_id": "39f3", "order_id": "dkfs"},
    ),
    (("Order Completed", "Completed Order"), ORDER, "OrderCompleted", ORDER_FIELDS),
    (("Order Updated", "Updated Order"), ORDER, "OrderUpdated", ORDER_FIELDS),
    (
        ("Order Cancelled", "Order Canceled"),
        ORDER,
        "OrderCancelled",
        {"order_id": "50314b8e", "revenue_micros": 37_980_000, "items": (ITEM,)},
    ),
    (
        ("Order Refunded",),
        {"order_id": "50314b8e", "total": 30, "currency": "USD"},
        "OrderRefunded",
        {"order_id": "50314b8e", "refund_micros": 30_000_000, "currency": "USD", "items": ()},
    ),
    (
        ("Coupon Entered",),
        {"coupon_id": "may_deals"},
        "CouponUsed",
        {"action": "entered", "coupon": "may_deals", "discount_micros": None},
    ),
    (
        ("Coupon Applied",),
        COUPON,
        "CouponUsed",
        {"action": "applied", "coupon": "may_deals", "discount_micros": 23_320_000},
    ),
    (
        ("Coupon Denied",),
        {"coupon": "may_deals", "reason": "Coupon expired"},
        "CouponUsed",
        {"action": "denied", "coupon": "may_deals", "reason": "Coupon expired"},
    ),
    (
        ("Coupon Removed",),
        COUPON,
        "CouponUsed",
        {"action": "removed", "coupon": "may_deals", "discount_micros": 23_320_000},
    ),
    (
        ("Product Added to Wishlist",),
        {**PRODUCT, "wishlist_id": "w"},
        "WishlistChanged",
        {"action": "added", "item": ITEM},
    ),
    (
        ("Product Removed from Wishlist",),
        PRODUCT,
        "WishlistChanged",
        {"action": "removed", "item": ITEM},
    ),
    (
        ("Wishlist Product Added to Cart",),
        PRODUCT,
        "WishlistChanged",
        {"action": "moved_to_cart", "item": ITEM},
    ),
    (("Product Shared",), {**PRODUCT, **SHARE}, "Shared", {"via": "email"}),
    (("Cart Shared",), {**SHARE, "products": [{"product_id": "5"}]}, "Shared", {"via": "email"}),
    (
        ("Product Reviewed",),
        {"product_id": "507f", "review_id": "k", "review_body": "I love it", "rating": "5"},
        "ProductReviewed",
        {"item": Item(product_id="507f"), "rating": 5.0},
    ),
    (("Message Sent",), MAIL, "MessageResponded", {"action": "sent", "campaign": "123"}),
    (("Email Sent",), MAIL, "MessageResponded", {"medium": "email", "action": "sent"}),
    (
        ("Email Delivered",),
        MAIL,
        "MessageResponded",
        {"medium": "email", "action": "delivered", "campaign": "123"},
    ),
    (("Email Opened",), MAIL, "MessageResponded", {"action": "opened", "campaign": "123"}),
    (
        ("Email Link Clicked",),
        {**MAIL, "link_id": "101", "link_url": "https://www.example.com?promo=NEW"},
        "MessageResponded",
        {"medium": "email", "action": "clicked", "campaign": "123"},
    ),
    (("Email Bounced",), MAIL, "MessageResponded", {"action": "bounced", "campaign": "123"}),
    (("Email Marked as Spam",), MAIL, "MessageResponded", {"action": "marked_spam"}),
    (
        ("Unsubscribed",),
        {"campaign_name": "New Customer Discount", "list_id": "1425"},
        "MessageResponded",
        {"medium": "email", "action": "unsubscribed", "campaign": "New Customer Discount"},
    ),
    (("Push Notification Sent",), PUSH, "MessageResponded", {"medium": "push", "action": "sent"}),
    (
        ("Push Notification Received",),
        PUSH,
        "MessageResponded",
        {"medium": "push", "action": "delivered", "campaign": "Referral Flow"},
    ),
    (
        ("Push Notification Tapped",),
        {**PUSH, "action": "Accept"},
        "MessageResponded",
        {"medium": "push", "action": "clicked", "campaign": "Referral Flow"},
    ),
    (("Push Notification Dismissed",), PUSH, "MessageResponded", {"action": "dismissed"}),
    (("Push Notification Bounced",), PUSH, "MessageResponded", {"action": "bounced"}),
    (("SMS Sent",), {}, "MessageResponded", {"medium": "sms", "action": "sent"}),
    (("SMS Delivered",), {}, "MessageResponded", {"medium": "sms", "action": "delivered"}),
    (("SMS Link Clicked",), {}, "MessageResponded", {"medium": "sms", "action": "clicked"}),
    (("SMS Bounced",), {}, "MessageResponded", {"medium": "sms", "action": "bounced"}),
    (("SMS Unsubscribed",), {}, "MessageResponded", {"medium": "sms", "action": "unsubscribed"}),
]
CASES = [
    pytest.param(name, properties, kind, fields, id=name)
    for names, properties, kind, fields in TABLE
    for name in names
]


@pytest.mark.parametrize(("name", "properties", "kind", "fields"), CASES)
def test_an_event_of_the_specification_becomes_its_record(
    name: str, properties: dict[str, Any], kind: str, fields: dict[str, Any]
):
    record = decode(tracked(name, properties), BROKER_MS, None).record

    assert type(record) is getattr(records, kind)
    assert {field: getattr(record, field) for field in fields} == fields
    assert record.time_ms == BROKER_MS - 2_500


def test_every_canonical_name_is_in_the_table_above_and_has_a_builder():
    assert {names[0] for names, *_ in TABLE} == set(ALIASES) == set(CANONICAL)


def test_no_alias_means_two_events():
    spellings = [name for canonical in ALIASES for name in (canonical, *ALIASES[canonical])]

    assert len({name.casefold() for name in spellings}) == len(spellings)


@pytest.mark.parametrize("name", ["product viewed", "PRODUCT_VIEWED", "Product  Viewed "])
def test_case_and_blanks_do_not_make_another_event(name: str):
    assert type(decode(tracked(name, PRODUCT), BROKER_MS, None).record).__name__ == "ProductViewed"


def test_an_unknown_event_is_activity_with_a_name():
    # Its properties are the shop's own business: a price may be anything there.
    decoded = decode(tracked("Course Clicked", {"price": {"amount": -1}}), BROKER_MS, None)

    assert type(decoded.record) is Custom
    assert decoded.record.name == "Course Clicked"
    assert canonical_name("Course Clicked") is None


def test_a_chat_that_sends_messages_is_no_campaign():
    chat = {"conversationId": "1238041hdou", "messageId": "msg123", "role": "customer"}

    record = decode(tracked("Message Sent", chat), BROKER_MS, None).record

    assert type(record) is Custom
    assert record.name == "Message Sent"


def test_a_medium_in_the_properties_wins():
    record = decode(tracked("Unsubscribed", {"medium": "SMS"}), BROKER_MS, None).record

    assert (record.medium, record.action) == ("sms", "unsubscribed")


def test_a_query_may_be_an_object():
    record = decode(tracked("Products Searched", {"query": {"b": 1, "a": "x"}}), 0, None).record

    assert record.query == '{"a":"x","b":1}'
