"""The needs that are written down, against what folding really does to a row."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import count

import msgspec
import pytest

from stream.clock import DAY_MS, MINUTE_MS, rfc3339
from stream.events.envelope import decode
from stream.events.kinds import CUSTOM, IDENTIFIED, KINDS, PAGE
from stream.events.records import CustomerEvent
from stream.features.catalogue import FEATURES
from stream.features.needs import NEEDS, Events
from stream.features.properties import PROPERTIES, PROPERTIES_OF
from stream.segments.compiler import value_of
from stream.state.fold import FOLDS, expire, fold
from stream.state.row import Row

START_MS = 1_772_409_600_000
_CALLS = {PAGE: "page", IDENTIFIED: "identify"}
_numbers = count(1)


def rich(order: str) -> dict[str, object]:
    """Properties with everything that any event can carry; o2 is at the full price."""
    product: dict[str, object] = {"product_id": f"p-{order}", "price": 20, "quantity": 2}
    product["availability"] = "out_of_stock"
    offer = {"discount": 0} if order == "o2" else {"discount": 5, "coupon": "TEN"}
    return {
        **offer,
        **product,
        "products": [product],
        "order_id": order,
        "revenue": 20,
        "total": 5,
        "shipping": 5,
        "results_count": 0,
        "channel": "web",
    }


def event(name: str, at_ms: int, *, order: str = "o1", bare: bool = False) -> CustomerEvent:
    """An event of that name as the decoder makes it; bare, it carries no property."""
    number = next(_numbers)
    call = {
        "type": _CALLS.get(name, "track"),
        "event": "Something Else" if name == CUSTOM else name,
        "userId": "u",
        "messageId": str(number),
        "timestamp": rfc3339(at_ms),
        "properties": {} if bare else rich(order),
        "traits": {"vip": True},
    }
    found = decode(msgspec.json.encode(call), 0, None).record
    assert found is not None
    return found


def after(events: Iterable[Events], *, bare: bool = False) -> Row:
    """A row after the first event of each of these, thrice, and long enough to mature."""
    row = Row()
    names = [choices[0] for choices in events]
    for round_ in range(3):
        for number, name in enumerate(names):
            for minute in (0, 5):
                at_ms = START_MS + (20 * round_ + 2 * number) * DAY_MS + minute * MINUTE_MS
                expire(row, at_ms)
                fold(row, event(name, at_ms, order=f"o{round_}", bare=bare))
    expire(row, START_MS + 400 * DAY_MS)
    return row


@cache
def changed_by(name: str) -> frozenset[str]:
    """The features that an event of that name changes, in one of several rows."""
    found: set[str] = set()
    histories: tuple[tuple[Events, ...], ...] = (
        (),
        (("Order Completed",),),
        (("Product Added",), ("Product Viewed",), ("Checkout Started",), ("Email Opened",)),
        ((PAGE,), ("Order Completed",), ("Order Refunded",), ("Product Added",)),
    )
    for history in histories:
        row = after(history)
        before = {feature: value_of(feature)(row) for feature in FEATURES}
        for days in (410, 411):
            fold(row, event(name, START_MS + days * DAY_MS))
        found |= {f for f in FEATURES if value_of(f)(row) != before[f]}
    return frozenset(found)


def test_every_feature_has_its_needs_and_no_other():
    assert set(NEEDS) == set(FEATURES)


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_needs_speak_of_events_and_properties_that_there_are(name: str):
    need = NEEDS[name]
    groups = (need.feeds, *need.must, *need.should)
    assert all(events and set(events) <= set(KINDS) for events in groups)
    assert need.must
    for carried in (each for choice in (*need.carry, *need.better) for each in choice):
        assert carried.property in PROPERTIES
        for event_name in carried.events:
            assert PROPERTIES[carried.property] in PROPERTIES_OF[event_name]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_event_changes_only_features_that_name_it(name: str):
    assert changed_by(name) <= {feature for feature, need in NEEDS.items() if name in need.feeds}


@pytest.mark.parametrize("name", sorted(set(NEEDS) - {"seen.first"}))
def test_events_that_feed_a_feature_are_among_those_that_have_it_decided(name: str):
    decided = {kind for kind in KINDS if FOLDS[KINDS[kind]].parts & FEATURES[name].parts}
    visits = {kind for kind in KINDS if FOLDS[KINDS[kind]].visits} | {
        PAGE, "Products Searched", "Product Viewed",
    }  # fmt: skip
    assert set(NEEDS[name].feeds) <= decided | visits


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_what_a_feature_must_have_is_enough_for_it_to_say_something(name: str):
    assert value_of(name)(after(NEEDS[name].must)) not in (None, 0, False, 0.0)


@pytest.mark.parametrize("name", sorted(n for n, need in NEEDS.items() if len(need.must) > 1))
def test_orders_without_refunds_do_not_tell_of_them(name: str):
    assert not value_of(name)(after(NEEDS[name].must[:-1]))


@pytest.mark.parametrize("name", sorted(n for n, need in NEEDS.items() if need.carry))
def test_without_the_properties_that_it_rests_on_a_feature_says_nothing_right(name: str):
    must = NEEDS[name].must
    assert value_of(name)(after(must, bare=True)) != value_of(name)(after(must))


@pytest.mark.parametrize("name", sorted(n for n, need in NEEDS.items() if need.by_time))
def test_what_time_does_to_a_feature_is_said(name: str):
    row = Row()
    for choices in NEEDS[name].must:
        for minute in (0, 5):
            fold(row, event(choices[0], START_MS + minute * MINUTE_MS))
    before = value_of(name)(row)
    expire(row, START_MS + 400 * DAY_MS)
    assert value_of(name)(row) != before


def test_features_that_time_changes_are_those_that_say_so():
    changed = set()
    for names in ((PAGE,), ("Order Completed",), ("Order Completed", "Order Refunded"), _CART):
        row = Row()
        for number, name in enumerate(names):
            for minute in (0, 5):
                fold(row, event(name, START_MS + (number + minute) * MINUTE_MS))
        before = {feature: value_of(feature)(row) for feature in FEATURES}
        expire(row, START_MS + 400 * DAY_MS)
        changed |= {f for f in FEATURES if value_of(f)(row) != before[f]}
    assert changed == {name for name, need in NEEDS.items() if need.by_time}


_CART = ("Product Viewed", "Product Added", "Checkout Started", "Email Opened")
