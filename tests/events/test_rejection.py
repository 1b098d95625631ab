"""What is no event is rejected with its reason and field, and nothing else ever happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.events.decoded import Decoded
from stream.events.envelope import DEPTH_MAX, EVENT_BYTES_MAX, RejectedEventError, decode
from stream.events.names import ALIASES
from stream.events.records import Custom, decode_record, encode_record
from stream.events.tracked import CANONICAL
from tests.events.shop_calls import BROKER_MS, ENVELOPE, PRODUCT, sent, tracked

WHOLE = tracked("Product Viewed", PRODUCT)


def nested(levels: int) -> bytes:
    """An event whose root is level 1 and whose innermost list is level `levels`."""
    inner = b"[" * (levels - 1) + b"]" * (levels - 1)
    return tracked("Custom", {})[:-1] + b', "extra": ' + inner + b"}"


BATTERY = {
    "a tombstone": (None, "empty", "$"),
    "no bytes": (b"", "empty", "$"),
    "a truncated event": (WHOLE[:-20], "not_json", "$"),
    "half a text": (WHOLE[:30], "not_json", "$"),
    "no JSON": (b"userId=1&event=Custom", "not_json", "$"),
    "more than JSON": (WHOLE + b"x", "not_json", "$"),
    "binary": (bytes(range(256)), "not_json", "$"),
    "a NaN": (WHOLE.replace(b"18.99", b"NaN"), "not_json", "$"),
    "an Infinity": (WHOLE.replace(b"18.99", b"Infinity"), "not_json", "$"),
    "no UTF-8": (sent(userId="XX").replace(b"XX", b"\xff\xfe"), "not_utf8", "$"),
    "a lone surrogate as id": (sent(userId="\ud800x"), "not_utf8", "$.userId"),
    "half a pair at the end": (sent(userId="x\ud83d"), "not_utf8", "$.userId"),
    "a lone surrogate in a property": (
        tracked("Product Viewed", {"category": "a\udc00b"}),
        "not_utf8",
        "$.properties.category",
    ),
    "a lone surrogate in a list": (
        tracked("Cart Viewed", {"products": [{}, {"sku": "\ud800"}]}),
        "not_utf8",
        "$.properties.products[1].sku",
    ),
    "a lone surrogate in a name": (
        sent(type="identify", traits={"\udfff": 1}),
        "not_utf8",
        "$.traits",
    ),
    "40 KB": (tracked("Custom", {"text": "x" * 40_960}), "too_large", "$"),
    "10,000 levels": (nested(10_000), "too_deep", "$"),
    "a level too many": (nested(DEPTH_MAX + 1), "too_deep", "$"),
    "a list": (b"[]", "wrong_type", "$"),
    "null": (b"null", "wrong_type", "$"),
    "a number": (b"42", "wrong_type", "$"),
    "an object as id": (sent(userId={"id": 1}), "wrong_type", "$.userId"),
    "a boolean as id": (sent(userId=True), "wrong_type", "$.userId"),
    "a list as type": (sent(type=["track"]), "wrong_type", "$.type"),
    "an object as event": (sent(event={"name": "x"}), "wrong_type", "$.event"),
    "a number as time": (sent(event="x", timestamp=1795256100), "wrong_type", "$.timestamp"),
    "a text as context": (sent(event="x", context="web"), "wrong_type", "$.context"),
    "a text as external ids": (
        sent(event="x", context={"externalIds": "card"}),
        "wrong_type",
        "$.context.externalIds",
    ),
    "a text as properties": (
        tracked("Product Viewed", "none"),
        "wrong_type",
        "$.properties",
    ),
    "a list as price": (
        tracked("Product Viewed", {"price": [1]}),
        "wrong_type",
        "$.properties.price",
    ),
    "a text as price": (
        tracked("Product Viewed", {"price": "cheap"}),
        "wrong_type",
        "$.properties.price",
    ),
    "NaN as text": (
        tracked("Product Viewed", {"price": "NaN"}),
        "out_of_range",
        "$.properties.price",
    ),
    "infinity as text": (
        tracked("Product Viewed", {"list_price": "Infinity"}),
        "out_of_range",
        "$.properties.list_price",
    ),
    "a number beyond doubles": (
        WHOLE.replace(b"18.99", b"1e999"),
        "out_of_range",
        "$.properties.price",
    ),
    "a negative price": (
        tracked("Product Added", {"price": -0.01}),
        "out_of_range",
        "$.properties.price",
    ),
    "an absurd price": (
        tracked("Product Added", {"cost": 1e15}),
        "out_of_range",
        "$.properties.cost",
    ),
    "a text as stock": (
        tracked("Product Viewed", {"in_stock": "maybe"}),
        "wrong_type",
        "$.properties.in_stock",
    ),
    "a text as traits": (sent(type="identify", traits="gold"), "wrong_type", "$.traits"),
    "no id": (sent(userId=None, event="x"), "no_id", "$.userId"),
    "no type": (sent(type=None, event="x"), "unknown_type", "$.type"),
    "another type": (sent(type="remove"), "unknown_type", "$.type"),
    "no event": (sent(), "no_event", "$.event"),
    "an event without a name": (sent(event=""), "no_event", "$.event"),
    "1970": (
        sent(event="x", sentAt=None, originalTimestamp="1970-01-01T00:00:00Z"),
        "time_out_of_range",
        "$.originalTimestamp",
    ),
}


@pytest.mark.parametrize(("value", "reason", "field"), BATTERY.values(), ids=BATTERY.keys())
def test_what_is_no_event_is_rejected_by_reason_and_field(
    value: bytes | None, reason: str, field: str
):
    with pytest.raises(RejectedEventError) as caught:
        decode(value, BROKER_MS, None)

    assert (caught.value.reason, caught.value.field) == (reason, field)
    assert field in str(caught.value)


def test_a_rejection_does_not_repeat_what_was_sent():
    with pytest.raises(RejectedEventError) as caught:
        decode(tracked("Product Viewed", {"price": "jane@example.com"}), BROKER_MS, None)

    assert "jane" not in str(caught.value)


def test_the_limits_themselves_are_allowed():
    filler = EVENT_BYTES_MAX - len(tracked("Custom", {"text": ""}))
    large = tracked("Custom", {"text": "x" * filler})
    brackets = tracked("Custom", {"text": "[" * 2000, "list": [[]] * 800})

    assert len(large) == EVENT_BYTES_MAX
    for value in (large, nested(DEPTH_MAX), brackets):
        assert type(decode(value, BROKER_MS, None).record) is Custom


@pytest.mark.parametrize(
    ("context", "campaign"),
    [
        ({"library": "own", "campaign": ["spring"], "page": 7, "traits": "x"}, None),
        ({"library": {"name": 7}, "campaign": {"name": {"a": 1}, "id": True}}, None),
        ({"library": ["own"], "campaign": {"name": "s" * 300}}, "s" * 256),
        ({"campaign": {"id": 7.5, "name": "spring"}}, "spring"),
    ],
)
def test_what_only_informs_may_be_of_any_type(context: dict[str, Any], campaign: str | None):
    decoded = decode(sent(type="page", context=context, channel="web"), BROKER_MS, None)

    assert (decoded.record.channel, decoded.record.campaign) == ("web", campaign)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["NaN", "-1", "1e400", "null", "2026-11-21T10:15:00Z", "\ud800", " "]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = sorted(
    {"event", "anonymousId", "context", "timestamp", "properties", "traits", "name", "category"}
    | {"previousId", "channel", "action", "user_id", *ENVELOPE}
)
PROPERTIES = sorted(
    {name for known in CANONICAL.values() for name in known.decoder.kind.__struct_encode_fields__}
)
NAMES = st.sampled_from([*ALIASES, "Anything Else"])
TYPES = st.sampled_from(["track", "identify", "page", "screen", "group", "alias"])


def outcome(value: bytes) -> Decoded | RejectedEventError:
    try:
        return decode(value, BROKER_MS, None)
    except RejectedEventError as error:
        return error


def check_outcome(value: bytes) -> None:
    """Decodes to what the log can carry, the same twice, or is rejected with a path."""
    decoded = outcome(value)
    if isinstance(decoded, RejectedEventError):
        assert decoded.field.startswith("$")
        return
    assert type(decoded) is Decoded
    assert decode(value, BROKER_MS, None) == decoded
    if decoded.record is not None:
        assert decode_record(encode_record(decoded.record)) == decoded.record
    for text in (decoded.key, *(text for link in decoded.links for text in link)):
        assert 0 <= len(text.encode()) <= 256


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_rejected(value: bytes):
    check_outcome(value)


@given(JSON)
def test_any_json_is_decoded_or_rejected(content: Any):
    check_outcome(json.dumps(content).encode())


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5), TYPES, NAMES)
def test_any_field_of_a_call_is_decoded_or_rejected(fields: dict[str, Any], kind: str, name: str):
    check_outcome(json.dumps({**ENVELOPE, "type": kind, "event": name, **fields}).encode())


@given(NAMES, st.dictionaries(st.sampled_from(PROPERTIES), JSON, max_size=5), st.booleans())
def test_any_property_is_decoded_or_rejected(name: str, properties: dict[str, Any], listed: bool):
    content = {"products": [properties, properties]} if listed else properties
    check_outcome(json.dumps({**ENVELOPE, "event": name, "properties": content}).encode())
