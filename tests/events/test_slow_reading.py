"""Decoding takes short cuts; here the same calls are read slowly, by the standard library alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.events.envelope import decode
from stream.events.items import item_of
from stream.events.properties import Product
from stream.events.records import CartAdded, PageViewed, ProductClicked, ProductViewed
from stream.events.reference import ReferenceBook
from stream.simulation.traffic import TrafficConfig, generate
from tests.events.shop_calls import BROKER_MS, sent

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DAY_MS = 86_400_000
OF_ONE_PRODUCT = {
    "Product Viewed": ProductViewed,
    "Product Clicked": ProductClicked,
    "Product Added": CartAdded,
}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def micros(amount: Decimal | None) -> int | None:
    return None if amount is None else round(amount * 1_000_000)


def expected_item(properties: dict[str, Any]) -> dict[str, Any]:
    """The fields of an item whose product the simulator sent, without reference data."""
    plain = ("product_id", "sku", "category", "brand", "size", "coupon")
    return {
        **{name: properties.get(name) for name in plain},
        "quantity": int(properties.get("quantity", 1)),
        "price_micros": micros(properties.get("price")),
        "list_price_micros": micros(properties.get("list_price")),
        "in_stock": {"in_stock": True, "out_of_stock": False}.get(properties.get("availability")),
    }


def check(value: bytes, received_ms: int) -> str:
    """Compare one simulated call with its slow reading; what kind of call it was."""
    call = json.loads(value, parse_float=Decimal, parse_int=Decimal)
    found = decode(value, received_ms + 50, None)
    user, anonymous = call.get("userId"), call.get("anonymousId")
    assert found.key == (user or anonymous)
    cards = [f"{card['type']}:{card['id']}" for card in call["context"].get("externalIds", ())]
    own = [anonymous] if user and anonymous else []
    former = [call["previousId"]] if call["type"] == "alias" else []
    lesser = dict.fromkeys([*own, *cards, *former])
    assert set(found.links) == {(ident, user) for ident in lesser}
    received = instant(call["receivedAt"])
    happened = received - (instant(call["sentAt"]) - instant(call["originalTimestamp"]))
    assert found.received_ms == (received - EPOCH) // MILLISECOND
    assert found.time_ms == (happened - EPOCH) // MILLISECOND
    record = found.record
    if call["type"] == "alias":
        assert record is None
        return "other"
    assert record.message_id == xxhash.xxh3_64(call["messageId"].encode()).intdigest()
    assert (record.time_ms, record.received_ms) == (found.time_ms, found.received_ms)
    channel = call.get("properties", {}).get("channel")
    if call["type"] in ("page", "screen"):
        assert type(record) is PageViewed
        assert (record.page, record.channel) == (call["name"], channel)
        return "page"
    if call.get("event") in OF_ONE_PRODUCT:
        assert type(record) is OF_ONE_PRODUCT[call["event"]]
        assert record.channel == channel
        for name, expected in expected_item(call["properties"]).items():
            assert getattr(record.item, name) == expected, name
        return call["event"]
    return "other"


def test_simulated_calls_say_what_a_slow_reading_of_them_says():
    config = TrafficConfig(seed=5, customers=60, start_ms=BROKER_MS - 9 * DAY_MS, days=7)
    kinds = [check(event.value, event.received_ms) for event in generate(config)]
    assert set(kinds) == {"page", "other", *OF_ONE_PRODUCT}
    assert len(kinds) > 1_000


MICROSECONDS = st.one_of(
    st.integers(-2_000_000, 2_000_000),
    st.integers(-3 * DAY_MS, 3 * DAY_MS).map(lambda ms: ms * 1000),
    st.sampled_from([0, 999, 1_000, 999_999, 10**6, 86_399_999_999, 86_400_000_000, -1, -1_000]),
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.integers(0, 10**9), MICROSECONDS, MICROSECONDS, ZONES, ZONES)
@settings(max_examples=500, deadline=None)
def test_the_corrected_time_is_exact_to_the_millisecond(
    before_us: int, kept_us: int, skew_us: int, client_zone: timezone, server_zone: timezone
):
    received = EPOCH + timedelta(milliseconds=BROKER_MS) - timedelta(microseconds=before_us)
    sent_at = received - timedelta(microseconds=skew_us)
    original = sent_at - timedelta(microseconds=kept_us)
    value = sent(
        event="Custom",
        originalTimestamp=original.astimezone(client_zone).isoformat(),
        sentAt=sent_at.astimezone(client_zone).isoformat(),
        receivedAt=received.astimezone(server_zone).isoformat(),
    )

    found = decode(value, BROKER_MS, None)

    received_ms = (received - EPOCH) // MILLISECOND
    assert found.received_ms == received_ms
    assert found.skew_corrected == (not -1_000 <= skew_us // 1_000 <= 1_000)
    time_ms = received_ms - kept_us // 1_000
    assert found.clamped == (time_ms > BROKER_MS + 30_000)
    assert found.time_ms == (BROKER_MS if found.clamped else time_ms)


FACTS = {
    "list_price": st.none() | st.integers(1, 900),
    "cost": st.none() | st.integers(1, 900),
    "category": st.none() | st.sampled_from(["Shoes", "Games"]),
    "brand": st.none() | st.sampled_from(["Ostra", "Fjell"]),
    "size": st.none() | st.sampled_from(["42", "XL"]),
    "stock": st.none() | st.integers(0, 2),
}
SAID = st.fixed_dictionaries(FACTS)


@given(SAID, SAID, SAID, st.sampled_from([None, "P"]), st.sampled_from([None, "S", "T"]))
def test_of_three_that_say_something_the_nearest_to_the_event_counts(
    own: dict[str, Any],
    variant: dict[str, Any],
    product: dict[str, Any],
    product_id: str | None,
    sku: str | None,
):
    book = ReferenceBook()
    book.update(json.dumps({"type": "product", "id": "P", **product}).encode())
    book.update(json.dumps({"type": "variant", "id": "S", "product_id": "P", **variant}).encode())
    stock = own["stock"]
    said = {name: found for name, found in own.items() if name != "stock"}
    in_stock = None if stock is None else stock > 0

    item = item_of(Product(product_id=product_id, sku=sku, in_stock=in_stock, **said), 0, book)

    sources = [own]
    if sku == "S":
        sources.append(variant)
        product_id = "P"
    if product_id == "P":
        sources.append(product)
    first = {
        name: next((source[name] for source in sources if source[name] is not None), None)
        for name in FACTS
    }
    assert (item.product_id, item.sku) == (product_id, sku)
    assert (item.category, item.brand, item.size) == tuple(
        first[name] for name in ("category", "brand", "size")
    )
    assert item.list_price_micros == micros(first["list_price"])
    assert item.cost_micros == micros(first["cost"])
    assert item.in_stock == (None if first["stock"] is None else first["stock"] > 0)
