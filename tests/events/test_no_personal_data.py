"""A dead letter's headers say what is wrong with an event, and nothing of whom it is about."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from stream.engine.effects import DeadRecord
from stream.events.envelope import RejectedEventError, decode
from stream.shell.dead_letters import PREFIX, dead_letter_headers

NOW_MS = 1_795_256_100_000
MAIL, PERSON = "canary.alice@example.org", "canary-4711"
WRONG = (MAIL, -1, 1e300, True, None, [MAIL], {MAIL: {PERSON: MAIL}}, [[{MAIL: [MAIL]}]])
HALF = "\ud800"


class Sent(NamedTuple):
    offset: int
    timestamp: int
    key: bytes
    value: bytes


PROPERTIES = {
    "order_id": PERSON,
    "total": 10,
    "currency": "EUR",
    "category": PERSON,
    "path": f"/account/{MAIL}",
    "query": MAIL,
    "campaign": MAIL,
    "store": PERSON,
    MAIL: MAIL,
    "products": [{"product_id": "p", "price": 1, "quantity": 1, "name": PERSON, MAIL: 1}],
}

EVENT = {
    "messageId": PERSON,
    "userId": MAIL,
    "anonymousId": PERSON,
    "timestamp": "2026-11-21T10:15:00Z",
    "channel": "web",
    "traits": {"email": MAIL, MAIL: PERSON, "address": {"street": PERSON, MAIL: MAIL}},
    "context": {
        "externalIds": [{"type": "crm", "id": PERSON}],
        "library": {"name": "l"},
        "campaign": {"name": MAIL},
        "traits": {"email": MAIL},
        "page": {"url": MAIL},
    },
    "properties": PROPERTIES,
}


def spoilt(content: Any) -> Iterator[Any]:
    """The same with one thing wrong, for every place and every kind of wrong."""
    yield from WRONG
    if isinstance(content, dict):
        for name, inner in content.items():
            yield {other: value for other, value in content.items() if other != name}
            yield {**content, name + HALF: inner}
            for wrong in spoilt(inner):
                yield {**content, name: wrong}
    elif isinstance(content, list):
        for inner in content:
            for wrong in spoilt(inner):
                yield [*content, wrong]
    elif isinstance(content, str):
        yield content + HALF


def spoilt_events() -> Iterator[bytes]:
    for content in spoilt(EVENT):
        for name in ("Order Completed", "Product Added", "Products Searched", MAIL):
            head = {"type": "track", "event": name}
            yield json.dumps({**head, **content} if isinstance(content, dict) else content).encode()
    for kind in ("identify", "page", "alias", "group", MAIL):
        for content in spoilt(EVENT):
            if isinstance(content, dict):
                yield json.dumps({"type": kind, "event": MAIL, **content}).encode()
    whole = json.dumps({"type": "track", "event": "Order Completed", **EVENT}).encode()
    for at in range(1, len(whole), 7):
        yield whole[:at]
        yield whole[:at] + b"\xff" + whole[at:]


def test_no_header_of_a_dead_letter_has_anything_of_the_person():
    reasons = set()
    for number, value in enumerate(spoilt_events()):
        try:
            decode(value, NOW_MS, None)
        except RejectedEventError as error:
            record = Sent(number, NOW_MS, PERSON.encode(), value)
            dead = DeadRecord(record, error.reason, error.field, str(error))
            reasons.add(error.reason)
            headers = dead_letter_headers(dead, "events", 0, "decode", "1")
            assert {name for name, _ in headers} >= {PREFIX + "reason", PREFIX + "message"}
            said = repr(headers)
            assert "canary" not in said, (value, said)
            assert "example.org" not in said, (value, said)
    assert reasons >= {"not_json", "not_utf8", "wrong_type", "out_of_range", "unknown_type"}
