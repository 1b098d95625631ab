from __future__ import annotations

import msgspec
import pytest

from stream.events.consent import CONSENT_UPDATED
from stream.events.envelope import decode
from stream.events.kinds import CUSTOM, IDENTIFIED, KINDS, PAGE, kind_of, named
from stream.events.names import ALIASES
from stream.events.records import CheckoutStepped, CustomerEvent, MessageResponded, OrderCompleted
from stream.events.vocabulary import event_kind, told_by

SAME_FACT = {"Message Sent": "Email Sent", "Product Shared": "Cart Shared"}
"""Names of which a record does not tell which one it was."""


def record(**call: object) -> CustomerEvent:
    envelope = {"userId": "u", "timestamp": "2026-01-01T00:00:00Z", **call}
    found = decode(msgspec.json.encode(envelope), 0, None).record
    assert found is not None
    return found


@pytest.mark.parametrize("name", sorted(ALIASES))
def test_a_record_is_called_as_the_event_that_it_came_from(name: str):
    found = record(type="track", event=name, properties={"products": [], "price": 3})
    assert kind_of(found) == SAME_FACT.get(name, name)
    assert type(found) is KINDS[name]


def test_pages_screens_traits_and_a_shops_own_events_have_names_too():
    assert kind_of(record(type="page", name="Home")) == PAGE
    assert kind_of(record(type="screen", name="Home")) == PAGE
    assert kind_of(record(type="identify", traits={"vip": True})) == IDENTIFIED
    assert kind_of(record(type="track", event="Payment Failed")) == CUSTOM
    consent = {"consent": {"categoryPreferences": {"Marketing": True}}}
    agreed = record(type="track", event=CONSENT_UPDATED, context=consent)
    assert kind_of(agreed) == CONSENT_UPDATED
    assert set(KINDS) == {*ALIASES, PAGE, IDENTIFIED, CUSTOM, CONSENT_UPDATED}


def test_an_unusual_medium_is_called_as_the_usual_one():
    assert kind_of(MessageResponded(1, 1, 1, medium="whatsapp", action="opened")) == "Email Opened"
    assert kind_of(MessageResponded(1, 1, 1, medium="fax", action="lost")) in KINDS


def test_a_test_of_the_vocabulary_tells_which_names_it_means():
    assert named(CheckoutStepped, "event.step == 'payment'") == ("Payment Info Entered",)
    assert named(OrderCompleted, "") == ("Order Completed",)
    assert set(named(MessageResponded, "event.action == 'clicked'")) == {
        "Email Link Clicked", "Push Notification Tapped", "SMS Link Clicked",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(ALIASES))
def test_what_conditions_call_by_a_name_is_what_decoding_makes_of_it(name: str):
    kind = event_kind(name)
    assert kind.records == (KINDS[name],), "it is taken for an event of the shop's own"
    assert told_by(kind)(record(type="track", event=name, properties={"products": []}))


def test_a_name_without_a_medium_stands_for_all_media():
    clicked = told_by(event_kind("Message Clicked"))
    names = "Email Link Clicked", "Push Notification Tapped", "SMS Link Clicked"
    assert all(clicked(record(type="track", event=name)) for name in names)
    assert not clicked(record(type="track", event="Email Opened"))
