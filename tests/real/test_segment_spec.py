"""The Segment specification's own example calls."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stream.events.envelope import RejectedEventError, decode
from tests.events.shop_calls import BROKER_MS

pytestmark = pytest.mark.real


def payloads(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line)["payload"] for line in path.read_text("utf-8").splitlines()]


def outcomes(calls: list[dict[str, Any]]) -> Counter[str]:
    """How often each kind of record, a link alone, or a rejection came out."""
    found: Counter[str] = Counter()
    for call in calls:
        try:
            record = decode(json.dumps(call).encode(), BROKER_MS, None).record
        except RejectedEventError as error:
            found[f"{error.reason} {error.field}"] += 1
        else:
            found["links only" if record is None else type(record).__name__] += 1
    return found


def test_every_example_with_an_envelope_is_decoded_unless_it_has_no_id(shared_data: Path):
    calls = payloads(shared_data / "segment_spec" / "payloads.jsonl")

    assert outcomes(calls) == {
        # B2B, chat, video, mobile life cycle: outside the shop's specification.
        "Custom": 51,
        # 6 of the e-mail specification, 3 push notifications of the mobile one.
        "MessageResponded": 9,
        # The v1 names of the ecommerce specification's introduction.
        "ListViewed": 1,
        "ProductViewed": 1,
        "CartAdded": 1,
        "CartRemoved": 1,
        "OrderCompleted": 1,
        "Identified": 2,
        "PageViewed": 1,
        # Both alias examples and the group with an id.
        "links only": 3,
        # One each of group, page, screen and track is printed without any id.
        "no_id $.userId": 4,
    }


def test_every_browser_call_is_decoded_once_it_has_the_envelope_that_the_library_adds(
    shared_data: Path,
):
    calls = payloads(shared_data / "segment_spec" / "js_calls.jsonl")
    enveloped = [{"anonymousId": "a", "messageId": str(n), **c} for n, c in enumerate(calls)]

    assert outcomes(enveloped) == {
        "Custom": 19,
        "Identified": 6,
        "PageViewed": 2,
        "ProductsSearched": 1,
        "ListViewed": 2,
        "PromotionSeen": 2,
        "ProductClicked": 1,
        "ProductViewed": 1,
        "CartAdded": 1,
        "CartRemoved": 1,
        "CartViewed": 1,
        "CheckoutStepped": 4,
        "OrderCompleted": 1,
        "OrderUpdated": 1,
        "OrderRefunded": 1,
        "OrderCancelled": 1,
        "CouponUsed": 4,
        "WishlistChanged": 3,
        "Shared": 2,
        "ProductReviewed": 1,
        # alias and group
        "links only": 2,
        # A whole call in the place of the event's name, a slip of the tracking plan's page.
        "wrong_type $.event": 1,
    }


def test_the_example_order_of_the_second_specification(shared_data: Path):
    calls = payloads(shared_data / "segment_spec" / "js_calls.jsonl")
    call = next(call for call in calls if call.get("event") == "Order Completed")
    record = decode(json.dumps({**call, "userId": "u"}).encode(), BROKER_MS, None).record

    assert record.order_id == "50314b8e9bcf000000000000"
    assert record.revenue_micros == 22_500_000
    assert record.total_micros == 27_500_000
    assert (record.discount_micros, record.coupon, record.currency) == (2_500_000, "hasbros", "USD")
    assert [(item.sku, item.quantity, item.price_micros) for item in record.items] == [
        ("45790-32", 1, 19_000_000),
        ("46493-32", 2, 3_000_000),
    ]
