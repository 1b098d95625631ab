"""Calls as a shop's tracker sends them, for the tests of decoding."""

from __future__ import annotations

import json
from typing import Any

BROKER_MS = 1_795_256_100_000
"""2026-11-21T10:15:00Z, when the broker took what these tests send."""

ENVELOPE: dict[str, Any] = {
    "type": "track",
    "userId": "customer-1",
    "messageId": "ajs-f8ca1e4de5024d9430b3928bd8ac6b96",
    "originalTimestamp": "2026-11-21T10:14:57.000Z",
    "sentAt": "2026-11-21T10:14:57.500Z",
    "receivedAt": "2026-11-21T10:14:58.000Z",
}

PRODUCT: dict[str, Any] = {
    "product_id": "507f1f77bcf86cd799439011",
    "sku": "G-32",
    "category": "Games",
    "name": "Monopoly: 3rd Edition",
    "brand": "Hasbro",
    "variant": "200 pieces",
    "price": 18.99,
    "quantity": 2,
    "coupon": "MAYDEALS",
    "position": 3,
    "url": "https://www.example.com/product/path",
    "image_url": "https://www.example.com/product/path.jpg",
}


def sent(**fields: Any) -> bytes:
    """The envelope with these fields; None takes one away."""
    call = {**ENVELOPE, **fields}
    return json.dumps({name: value for name, value in call.items() if value is not None}).encode()


def tracked(event: str, properties: Any = None, **fields: Any) -> bytes:
    """A track call."""
    return sent(event=event, properties={} if properties is None else properties, **fields)
