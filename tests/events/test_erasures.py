from __future__ import annotations

import json

import pytest

from stream.engine.effects import StoredRecord
from stream.engine.router import Router
from stream.events.envelope import RejectedEventError, decode
from stream.events.erasures import ErasureAskedError
from stream.events.records import Erase, decode_record
from tests.events.shop_calls import BROKER_MS, sent, tracked

SHOPIFY_REDACT = {
    "shop_id": 954889,
    "shop_domain": "snow.myshopify.com",
    "customer": {"id": 191167, "email": "kim@example.com", "phone": "555-625-1199"},
    "orders_to_redact": [299938, 280263],
}
SHOPIFY_IDS = ("191167", "email:kim@example.com", "phone:555-625-1199")

ASKED = [
    (sent(type="delete"), "forget", ("customer-1",)),
    (sent(type="delete", anonymousId="a"), "forget", ("customer-1", "a")),
    (tracked("User Deleted"), "forget", ("customer-1",)),
    (tracked("user_suppressed"), "suppress", ("customer-1",)),
    (tracked("User Unsuppressed"), "lift", ("customer-1",)),
    (
        json.dumps(
            {
                "regulationType": "SUPPRESS_WITH_DELETE",
                "subjectType": "USER_ID",
                "subjectIds": ["u1", "u2", "u1"],
            }
        ).encode(),
        "suppress",
        ("u1", "u2"),
    ),
    (b'{"regulationType":"DELETE_ONLY","subjectIds":["u1"]}', "forget", ("u1",)),
    (b'{"regulationType":"UNSUPPRESS","subjectIds":["u1"]}', "lift", ("u1",)),
    (
        b'{"regulationType":"suppress_with_delete","users":[{"userId":"u1"},{"userId":7}]}',
        "suppress",
        ("u1", "7"),
    ),
    (
        b'{"regulation_type":"Delete","attributes":{"name":"userId","values":["u1"]}}',
        "forget",
        ("u1",),
    ),
    (json.dumps(SHOPIFY_REDACT).encode(), "forget", SHOPIFY_IDS),
    (
        json.dumps({"topic": "customers/redact", "payload": SHOPIFY_REDACT}).encode(),
        "forget",
        SHOPIFY_IDS,
    ),
]


@pytest.mark.parametrize(("value", "kind", "ids"), ASKED)
def test_a_request_to_erase_is_known_in_the_spellings_of_those_who_send_it(value, kind, ids):
    with pytest.raises(ErasureAskedError) as caught:
        decode(value, BROKER_MS, None)
    assert (caught.value.kind, caught.value.ids) == (kind, ids)
    assert caught.value.time_ms == BROKER_MS  # all that had happened when it came
    assert "kim" not in str(caught.value)


ANSWERED_BY_PEOPLE = [
    ({"shop_id": 1, "shop_domain": "snow.myshopify.com"}, "shop_redact"),
    (
        {
            "shop_id": 1,
            "shop_domain": "snow.myshopify.com",
            "orders_requested": [1],
            "customer": {"id": 1},
            "data_request": {"id": 9999},
        },
        "data_request",
    ),
    ({"regulationType": "SUPPRESS_ONLY", "subjectIds": ["u1"]}, "erasure_unknown"),
    ({"regulationType": "DELETE_ONLY", "subjectIds": [None, "null"]}, "no_id"),
]


@pytest.mark.parametrize(("said", "reason"), ANSWERED_BY_PEOPLE)
def test_what_nobody_can_carry_out_here_is_a_dead_letter_that_says_why(said, reason):
    with pytest.raises(RejectedEventError) as caught:
        decode(json.dumps(said).encode(), BROKER_MS, None)
    assert caught.value.reason == reason
    assert not isinstance(caught.value, ErasureAskedError)


@pytest.mark.parametrize(
    "value",
    [
        tracked("User Registered"),
        tracked("Customers Redact"),
        tracked("Shop Visited", {"shop_domain": "snow.myshopify.com"}),
    ],
)
def test_events_that_sound_alike_are_events(value):
    assert decode(value, BROKER_MS, None).record is not None


def test_routing_writes_an_erasure_for_each_id_and_counts_the_record_as_control():
    router = Router(3, 1)
    value = ASKED[5][0]
    result = router.route([StoredRecord(9, BROKER_MS, None, value)])
    assert (result.consumed, result.control, result.routed, result.dead) == (1, 1, 0, [])
    found = [(key, decode_record(record)) for key, record in result.outputs[0]]
    expected = Erase(time_ms=BROKER_MS, received_ms=BROKER_MS, request="3-9", refuses=True)
    assert found == [(b"u1", expected), (b"u2", expected)]


@pytest.mark.parametrize("refuses", [False, True])
def test_whether_the_forgotten_may_come_again_stands_in_the_record(refuses):
    router = Router(0, 1, refuses_erased=refuses)
    result = router.route([StoredRecord(0, BROKER_MS, None, ASKED[0][0])])
    ((_, record),) = result.outputs[0]
    assert decode_record(record).refuses is refuses


def test_links_are_told_again_after_it():
    router = Router(0, 1)
    linked = sent(event="Product Viewed", anonymousId="a", properties={})
    records = [linked, linked, sent(type="delete"), linked]
    result = router.route([StoredRecord(n, BROKER_MS, None, v) for n, v in enumerate(records)])
    assert [key for key, _ in result.outputs[0]].count(b"a") == 2
