"""The Segment envelope in bytes: what opens an event of each kind, and how an instant is written.

An event is `head + page + opening + properties + stamps`. The head (ids, context) is rendered once
a visit, pages and products once a run, openings once a process: only ids and times are new.
"""

from __future__ import annotations

import orjson

from stream.clock import MINUTE_MS, rfc3339
from stream.simulation.devices import APP, WEB

SERVER = "server"
STORE = "store"
PHONE = "phone"

PAGES = (
    "Home", "Category", "Search", "Product", "Cart", "Checkout", "Account", "Wishlist",
    "Order Confirmation",
)  # fmt: skip
TRACKED = (
    "Products Searched", "Product List Viewed", "Product List Filtered", "Promotion Viewed",
    "Promotion Clicked", "Product Clicked", "Product Viewed", "Product Added", "Product Removed",
    "Cart Viewed", "Checkout Started", "Checkout Step Viewed", "Checkout Step Completed",
    "Payment Info Entered", "Payment Failed", "Order Completed", "Order Updated",
    "Order Cancelled", "Order Refunded", "Coupon Entered", "Coupon Applied", "Coupon Denied",
    "Coupon Removed", "Product Added to Wishlist", "Product Removed from Wishlist",
    "Wishlist Product Added to Cart", "Product Shared", "Cart Shared", "Product Reviewed",
    "Email Sent", "Email Delivered", "Email Opened", "Email Link Clicked", "Email Bounced",
    "Email Marked as Spam", "Unsubscribed", "Push Notification Received",
    "Push Notification Tapped", "Push Notification Dismissed", "SMS Sent", "SMS Delivered",
    "SMS Link Clicked", "SMS Unsubscribed", "Signed Up", "Survey Answered", "Invite Sent",
    "Segment Consent Preference Updated",
)  # fmt: skip
"""Every name of a `track` event that the shop sends."""

KINDS = (*(f"page {name}" for name in PAGES), "identify", "alias", *TRACKED)
"""What the summary counts."""


def _openings(channel: str) -> dict[str, bytes]:
    """Kind -> what closes the context and opens the properties, which go on with a comma."""
    # A server that reports on mail or on a web order is no channel that somebody buys through.
    via = orjson.dumps({"source": "shop"} if channel == SERVER else {"channel": channel})[:-1]
    call = b"screen" if channel == APP else b"page"
    named = {
        f"page {name}": b'},"type":"%b","name":"%b","properties":%b' % (call, name.encode(), via)
        for name in PAGES
    }
    tracked = {
        name: b'},"type":"track","event":"%b","properties":%b' % (name.encode(), via)
        for name in TRACKED
    }
    signup = b'},"type":"identify","traits":{"signup_channel":"%b"' % channel.encode()
    alias = b'},"type":"alias","traits":{"former":true'
    return {**named, **tracked, "identify": signup, "alias": alias}


OPENINGS = {channel: _openings(channel) for channel in (WEB, APP, SERVER, STORE, PHONE)}

_minutes: dict[int, bytes] = {}
_MINUTES_MAX = 4096
_SECONDS: tuple[bytes, ...] = tuple(
    b"%02d.%03dZ" % divmod(offset_ms, 1000) for offset_ms in range(MINUTE_MS)
)


def stamp(time_ms: int) -> bytes:
    """RFC 3339 of an instant, as `clock.rfc3339` has it, from tables.

    >>> stamp(1795256100123)
    b'2026-11-21T10:15:00.123Z'
    """
    minute, offset_ms = divmod(time_ms, MINUTE_MS)
    return _minute_text(minute) + _SECONDS[offset_ms]


def close(created_ms: int, sent_ms: int, received_ms: int, skew_ms: int) -> bytes:
    """The end of an event, after `"originalTimestamp":"`.

    The client's two instants are off by its clock; `timestamp` is what their distance makes of
    `receivedAt`.

    >>> close(0, 5, 25, 60_000)[:38]
    b'1970-01-01T00:01:00.000Z","sentAt":"19'
    """
    time_ms = received_ms - sent_ms + created_ms
    minute, offset_ms = divmod(created_ms, MINUTE_MS)
    if skew_ms or offset_ms + received_ms - created_ms >= MINUTE_MS:
        parts = (
            stamp(created_ms + skew_ms), b'","sentAt":"', stamp(sent_ms + skew_ms),
            b'","receivedAt":"', stamp(received_ms), b'","timestamp":"', stamp(time_ms), b'"}',
        )  # fmt: skip
        return b"".join(parts)
    # All four within one minute, as nearly always: a quarter faster (`tests/bench`).
    start_ms = created_ms - offset_ms
    text, seconds = _minute_text(minute), _SECONDS
    return b"".join(
        (
            text, seconds[offset_ms], b'","sentAt":"', text, seconds[sent_ms - start_ms],
            b'","receivedAt":"', text, seconds[received_ms - start_ms],
            b'","timestamp":"', text, seconds[time_ms - start_ms], b'"}',
        )
    )  # fmt: skip


def _minute_text(minute: int) -> bytes:
    text = _minutes.get(minute)
    if text is None:
        if len(_minutes) >= _MINUTES_MAX:
            _minutes.clear()
        text = _minutes[minute] = rfc3339(minute * MINUTE_MS)[:17].encode()
    return text


def money(cents: int) -> bytes:
    """An amount as a JSON number.

    >>> money(4990), money(-5), money(0)
    (b'49.90', b'-0.05', b'0.00')
    """
    sign = b"-" if cents < 0 else b""
    return b"%b%d.%02d" % (sign, *divmod(abs(cents), 100))


def text(value: str) -> bytes:
    """A JSON string."""
    return orjson.dumps(value)
