from __future__ import annotations

import pytest

from stream.events.records import Item, ProductViewed, WishlistChanged
from stream.features.catalogue import FEATURES
from stream.features.registry import Feature, by_name
from stream.segments.compiler import value_of
from stream.state.fold import EVERYTHING, expire, fold
from stream.state.row import Row
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    checkout,
    head,
    message,
    order,
    page,
    product,
    refunded,
    search,
    thing,
)

UNITS = {"count", "ratio", "instant", "duration", "micros", "text", "flag"}

AT_WORK = START_MS + 40 * DAY


def a_customers_row() -> Row:
    row = Row()
    for event in (
        message(START_MS - DAY, "sent"),
        page(START_MS),
        search(START_MS + MINUTE, 0),
        search(START_MS + 2 * MINUTE, 9),
        product(START_MS + 2 * MINUTE, "p"),
        order(START_MS + 3 * MINUTE, "1", 100, coupon="X", channel="app", items=(thing("p", 2),)),
        order(START_MS + 20 * DAY, "2", 50, items=(thing("q", 1),), discount_micros=0),
        refunded(START_MS + 21 * DAY, "1", 25),
        message(START_MS + 22 * DAY, "opened"),
        message(START_MS + 22 * DAY, "clicked"),
        message(START_MS + 22 * DAY, "unsubscribed"),
        page(AT_WORK),
        product(AT_WORK + 1, "p"),
        product(AT_WORK + 2, "q"),
        *(ProductViewed(**head(AT_WORK + 2), item=Item("q", in_stock=n > 0)) for n in range(6)),
        added(AT_WORK + 3, "p", 2, 19.99),
        added(AT_WORK + 4, "q", 1, 5),
        WishlistChanged(**head(AT_WORK + 4), item=thing("r")),
        checkout(AT_WORK + 5),
        checkout(AT_WORK + 6, shipping_micros=4_950_000),
    ):
        expire(row, event.time_ms)
        fold(row, event)
    return row


EXPECTED = {
    "seen.first": START_MS - DAY,
    "seen.last": AT_WORK + 6,
    "sessions.count": 3,
    "sessions.pages": 2,
    "sessions.searches": 2,
    "sessions.empty_searches": 1,
    "sessions.time": 3 * MINUTE,
    "session.pages": 1,
    "products.viewed": 9,
    "products.sold_out_share": 1 / 6,
    "cart.items": 3,
    "cart.lines": 2,
    "cart.last_activity": AT_WORK + 4,
    "cart.value": 44_980_000,
    "checkout.open": True,
    "checkout.last_step": AT_WORK + 6,
    "checkout.steps": 2,
    "checkout.shipping": 4_950_000,
    "checkout.shipping_shown": AT_WORK + 6,
    "browse.products": 2,
    "browse.last": AT_WORK + 2,
    "orders.count": 2,
    "orders.revenue": 150_000_000,
    "orders.refunded": 25_000_000,
    "orders.net_revenue": 125_000_000,
    "orders.items": 3,
    "orders.first": START_MS + 3 * MINUTE,
    "orders.last": START_MS + 20 * DAY,
    "orders.occasions": 2,
    "orders.last_gap_ratio": round((20 * DAY - 3 * MINUTE) / (60 * DAY), 6),
    "orders.discount_share": 0.5,
    "orders.full_price_share": 0.5,
    "rhythm.gap": (20 * DAY - 3 * MINUTE + 60 * DAY) // 2,
    "returns.matured_orders": 1,
    "returns.rate": 0.25,
    "first_order.revenue": 100_000_000,
    "first_order.items": 2,
    "first_order.product": "p",
    "first_order.coupon": "X",
    "first_order.channel": "app",
    "first_order.on_offer": True,
    "orders.item_price": 50_000_000,
    "orders.basket": 75_000_000,
    "orders.looked": 1,
    "orders.look_ahead": MINUTE,
    "orders.usual_look": MINUTE,
    "wishlist.items": 1,
    "wishlist.last": AT_WORK + 4,
    "messages.unsubscribed": 1,
    "messages.sent": 1,
    "messages.opened": 1,
    "messages.clicked": 1,
    "messages.last_opened": START_MS + 22 * DAY,
}


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_each_feature_says_of_a_story_what_happened_in_it(name: str):
    assert value_of(name)(a_customers_row()) == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_of_an_empty_row_a_feature_is_nothing_or_unknown_as_it_says(name: str):
    feature = FEATURES[name]
    value = value_of(name)(Row())
    assert (value is None) == feature.nullable
    assert value in (None, 0, False, 0.0)


@pytest.mark.parametrize("feature", FEATURES.values(), ids=lambda feature: feature.name)
def test_a_feature_names_its_family_unit_parts_and_meaning(feature: Feature):
    assert feature.name.count(".") == 1
    assert feature.unit in UNITS
    assert 0 < feature.parts <= EVERYTHING
    assert feature.about.endswith(".")


def test_a_feature_changes_only_with_the_parts_that_it_names():
    """Else a segment that reads it would not be decided when it changes."""
    events = [
        page, search, product, added, checkout, order,
        lambda at: message(at, "opened"),
        lambda at: refunded(at, "1", 1),
    ]  # fmt: skip
    for build in events:
        row = a_customers_row()
        before = {name: value_of(name)(row) for name in FEATURES}
        parts = fold(row, build(AT_WORK + 2 * HOUR))
        changed = {name for name in FEATURES if value_of(name)(row) != before[name]}
        assert all(FEATURES[name].parts & parts for name in changed)


def test_a_name_stands_once():
    feature = Feature("a.b", "row.events", "count", 1, "Events.")
    with pytest.raises(ValueError, match=r"a\.b is defined twice"):
        by_name(((feature,), (feature,)))
