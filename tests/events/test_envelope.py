"""Calls other than track, the channel, message ids, and the end of a history."""

from __future__ import annotations

from typing import Any

import pytest
import xxhash

from stream.events.decoded import Decoded
from stream.events.envelope import HISTORY_ENDS, decode
from stream.events.records import Custom, Identified, PageViewed
from stream.events.reference import ReferenceBook
from tests.events.shop_calls import BROKER_MS, PRODUCT, sent, tracked


def decoded(**fields: Any) -> Decoded:
    return decode(sent(**fields), BROKER_MS, None)


@pytest.mark.parametrize(
    ("fields", "page"),
    [
        ({"name": "Home", "properties": {"path": "/", "title": "Welcome"}}, "Home"),
        ({"properties": {"path": "/academy/", "title": "Academy"}}, "/academy/"),
        ({"properties": {"title": "Academy"}}, "Academy"),
        ({"name": "Home", "category": "Retail Page"}, "Retail Page Home"),
        ({}, None),
        ({"properties": None}, None),
        ({"name": "x" * 300}, "x" * 256),
    ],
)
def test_a_page_has_a_name_or_a_path(fields: dict[str, Any], page: str | None):
    record = decoded(type="page", **fields).record

    assert type(record) is PageViewed
    assert record.page == page


@pytest.mark.parametrize(
    ("campaign", "name"),
    [
        ({"name": "spring", "source": "newsletter", "medium": "email"}, "spring"),
        ({"id": 7, "name": "spring"}, "7"),
        ({"source": "newsletter"}, "newsletter"),
        ({}, None),
        (None, None),
    ],
)
def test_a_page_keeps_the_campaign_that_led_to_it(campaign: Any, name: str | None):
    assert decoded(type="page", context={"campaign": campaign}).record.campaign == name


def test_a_screen_is_a_page_of_the_app():
    record = decoded(type="screen", name="Home", properties={"Feed Type": "private"}).record

    assert type(record) is PageViewed
    assert (record.page, record.channel) == ("Home", "app")


def test_traits_come_from_the_call_or_as_rudderstack_sends_them_from_its_context():
    segment = decoded(type="identify", traits={"plan": "premium", "logins": 5})
    rudder = decoded(type="identify", context={"traits": {"plan": "premium", "logins": 5}})
    neither = decoded(type="identify")

    assert type(segment.record) is Identified
    assert segment.record.traits == rudder.record.traits == {"plan": "premium", "logins": 5}
    assert neither.record.traits == {}


@pytest.mark.parametrize(
    ("fields", "channel"),
    [
        ({"channel": "browser"}, "web"),
        ({"channel": "mobile"}, "app"),
        ({"channel": "server"}, None),
        ({"channel": "Till"}, "store"),
        ({"channel": "Messe Köln"}, "messe köln"),
        ({"context": {"library": {"name": "analytics.js"}}}, "web"),
        ({"context": {"library": {"name": "analytics-android"}}}, "app"),
        ({"context": {"library": {"name": "analytics-node"}}}, None),
        ({"channel": "web", "context": {"library": {"name": "analytics-ios"}}}, "web"),
        ({"channel": "web", "properties": {"channel": "phone"}}, "phone"),
        ({}, None),
    ],
)
def test_the_channel_is_the_nearest_that_is_stated(fields: dict[str, Any], channel: str | None):
    assert decoded(event="Cart Viewed", **fields).record.channel == channel


def test_a_message_id_is_hashed_and_a_missing_one_is_the_hash_of_the_bytes():
    with_id = decoded(event="Custom", messageId="ajs-f8ca")
    number = decoded(event="Custom", messageId=42)
    without = sent(event="Custom", messageId=None)
    expected = xxhash.xxh3_64(b"ajs-f8ca").intdigest()

    assert with_id.record.message_id == expected
    assert number.record.message_id == xxhash.xxh3_64(b"42").intdigest()
    for value in (without, sent(event="Custom", messageId="")):
        digest = xxhash.xxh3_64(value).intdigest()
        assert decode(value, BROKER_MS, None).record.message_id == digest


def test_a_retry_is_the_same_message_whatever_else_changed():
    first = decoded(event="Custom")
    retry = decoded(event="Custom", sentAt="2026-11-21T10:14:59.000Z", channel="server")

    assert first.record.message_id == retry.record.message_id


def test_an_older_call_says_action_instead_of_type():
    assert decoded(type=None, action="screen", name="Home").record.channel == "app"
    record = decoded(type=None, action="track", event="Custom").record

    assert type(record) is Custom


def test_the_end_of_a_history_is_no_event():
    marker = decode(b'{"type":"history_ends"}', BROKER_MS, None)

    assert HISTORY_ENDS == "history_ends"
    assert marker.history_ends
    assert (marker.key, marker.record, marker.links, marker.time_ms) == ("", None, (), BROKER_MS)
    assert not decoded(event="Custom").history_ends


def test_the_reference_fills_in_what_was_true_at_the_events_time():
    book = ReferenceBook()
    book.update(b'{"type":"product","id":"507f1f77bcf86cd799439011","list_price":25}')
    later = b'{"type":"product","id":"507f1f77bcf86cd799439011","list_price":20,'
    book.update(later + b'"valid_from":"2026-11-21T10:14:57.501Z"}')
    value = tracked("Product Viewed", PRODUCT)

    assert decode(value, BROKER_MS, book).time_ms == BROKER_MS - 2_500
    assert decode(value, BROKER_MS, book).record.item.list_price_micros == 25_000_000
    assert decode(value, BROKER_MS, None).record.item.list_price_micros is None
