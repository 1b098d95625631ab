"""Whose event it is, and which ids are the same person."""

from __future__ import annotations

from typing import Any

import pytest

from stream.events.envelope import RejectedEventError, decode
from stream.events.identity import EXTERNAL_IDS_MAX, ID_BYTES_MAX
from tests.events.shop_calls import BROKER_MS, sent

Links = tuple[tuple[str, str], ...]

CARD = {"type": "loyalty_card", "id": "4711", "collection": "users", "encoding": "none"}
MAIL = {"type": "email_sha256", "id": "9f86d0"}
BOTH = {"externalIds": [CARD, MAIL]}


def identified(kind: str = "track", **fields: Any) -> tuple[str, Links]:
    call = {"userId": None, **fields}
    decoded = decode(sent(type=kind, event="Custom", **call), BROKER_MS, None)
    return decoded.key, decoded.links


@pytest.mark.parametrize(
    ("fields", "key", "links"),
    [
        ({"userId": "u"}, "u", ()),
        ({"anonymousId": "a"}, "a", ()),
        ({"userId": "u", "anonymousId": "a"}, "u", (("a", "u"),)),
        ({"userId": "u", "anonymousId": "u"}, "u", ()),
        ({"userId": " u ", "anonymousId": "u"}, "u", ()),
        ({"userId": 17850}, "17850", ()),
        ({"userId": 17850.0}, "17850", ()),
        ({"user_id": "u"}, "u", ()),
        ({"userId": "u", "user_id": "x"}, "u", ()),
        (
            {"context": BOTH},
            "loyalty_card:4711",
            (("email_sha256:9f86d0", "loyalty_card:4711"),),
        ),
        (
            {"userId": "u", "context": BOTH},
            "u",
            (("loyalty_card:4711", "u"), ("email_sha256:9f86d0", "u")),
        ),
        (
            {"userId": "u", "anonymousId": "a", "context": {"externalIds": [CARD, CARD]}},
            "u",
            (("a", "u"), ("loyalty_card:4711", "u")),
        ),
        ({"userId": "u", "context": {"externalIds": [{"type": "x", "id": "null"}]}}, "u", ()),
        ({"userId": "u", "context": {"externalIds": [{"id": "4711"}, {"type": "x"}]}}, "u", ()),
        ({"userId": "u", "context": {"externalIds": None}}, "u", ()),
    ],
)
def test_the_key_is_the_best_id_and_the_others_are_linked_to_it(
    fields: dict[str, Any], key: str, links: Links
):
    assert identified(**fields) == (key, links)


@pytest.mark.parametrize("word", ["", " ", "null", "undefined", "None", "NaN", "[object Object]"])
def test_a_word_for_nothing_is_no_id(word: str):
    assert identified(userId=word, anonymousId="a") == ("a", ())
    assert identified(userId="u", anonymousId=word) == ("u", ())
    with pytest.raises(RejectedEventError) as caught:
        identified(userId=word)
    assert (caught.value.reason, caught.value.field) == ("no_id", "$.userId")


@pytest.mark.parametrize(
    ("fields", "links"),
    [
        ({"userId": "u", "previousId": "p"}, (("p", "u"),)),
        ({"userId": "u", "previousId": "p", "anonymousId": "a"}, (("a", "u"), ("p", "u"))),
        ({"userId": "u", "previousId": "u"}, ()),
        ({"userId": "u", "previousId": "null"}, ()),
        ({"userId": "u"}, ()),
    ],
)
def test_an_alias_links_the_former_id_and_is_no_activity(fields: dict[str, Any], links: Links):
    decoded = decode(sent(type="alias", **fields), BROKER_MS, None)

    assert (decoded.key, decoded.links, decoded.record) == ("u", links, None)
    assert decoded.time_ms == BROKER_MS - 2_500


def test_only_an_alias_has_a_former_id():
    assert identified(userId="u", previousId="p") == ("u", ())


def test_an_alias_of_nobody_is_rejected():
    with pytest.raises(RejectedEventError) as caught:
        identified("alias", previousId="p")

    assert caught.value.reason == "no_id"


def test_a_group_links_and_is_no_activity():
    decoded = decode(
        sent(type="group", userId="u", anonymousId="a", groupId="g", traits={"plan": "x"}),
        BROKER_MS,
        None,
    )

    assert (decoded.key, decoded.record, decoded.links) == ("u", None, (("a", "u"),))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"userId": "x" * (ID_BYTES_MAX + 1)}, "$.userId"),
        ({"anonymousId": "é" * (ID_BYTES_MAX // 2 + 1)}, "$.anonymousId"),
        ({"userId": "\0meta"}, "$.userId"),
        (
            {"userId": "u", "context": {"externalIds": [MAIL, {"type": "x", "id": "\x01"}]}},
            "$.context.externalIds[1].id",
        ),
        (
            {"userId": "u", "context": {"externalIds": [{"type": "t" * 300, "id": "1"}]}},
            "$.context.externalIds[0].id",
        ),
    ],
)
def test_an_id_that_no_row_can_have_is_named(fields: dict[str, Any], field: str):
    with pytest.raises(RejectedEventError) as caught:
        identified(**fields)

    assert (caught.value.reason, caught.value.field) == ("bad_id", field)


def test_an_id_may_have_exactly_its_limit_of_bytes():
    assert identified(userId="x" * ID_BYTES_MAX)[0] == "x" * ID_BYTES_MAX
    assert identified(userId="é" * (ID_BYTES_MAX // 2))[0] == "é" * (ID_BYTES_MAX // 2)


def test_external_ids_are_bounded():
    many = [{"type": "card", "id": number} for number in range(EXTERNAL_IDS_MAX + 3)]

    key, links = identified(userId="u", context={"externalIds": many})

    assert key == "u"
    assert links == tuple((f"card:{number}", "u") for number in range(EXTERNAL_IDS_MAX))
