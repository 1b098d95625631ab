"""What a shop's own categories and traits say of consent, told as stories of whole customers."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from stream.clock import rfc3339
from stream.events.envelope import decode
from stream.events.records import CustomerEvent, Link
from stream.segments.pack import load_pack
from tests.engine.lane import Lane
from tests.engine.spoken import cart, document, said
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    consent,
    identified,
    message,
    removed,
)

CALLS = cart(channels="phone")
CART_OF_SMS = cart(40, "sms, post").replace("name: cart", "name: letters")
OWN = """consent_default: DEFAULT
consent:
  categories: {Werbung: marketing, Post & Mail: [email/marketing, post/marketing]}
  traits: {wants_mail: email/marketing, no_calls: not phone/marketing}
"""


def own(*segments: str, default: str = "deny") -> bytes:
    return document(*segments, more=OWN.replace("DEFAULT", default))


def preferences(at_ms: int, **categories: bool) -> CustomerEvent:
    """As the consent tool sends it: by the names that the shop has given its categories."""
    named = {name.replace("POST", "Post & Mail"): yes for name, yes in categories.items()}
    call: dict[str, Any] = {
        "type": "track", "event": "Segment Consent Preference Updated", "userId": "a",
        "messageId": f"c{at_ms}", "timestamp": rfc3339(at_ms),
        "context": {"consent": {"categoryPreferences": named}},
    }  # fmt: skip
    record = decode(json.dumps(call).encode(), 0, None).record
    assert record is not None
    return record


def started(lane: Lane) -> list[str]:
    return [a.customer for a in lane.actions if a.started]


def test_a_category_of_the_shop_opens_and_closes_what_it_stands_for():
    lane = Lane(own(cart()))
    lane.put("a", preferences(START_MS, Werbung=True), added(START_MS + 1, "p"))
    lane.put("a", preferences(START_MS + HOUR, Werbung=False))
    assert said(lane) == [("+cart", 1, None), ("-cart", HOUR, "consent")]


def test_its_name_is_read_in_any_case():
    lane = Lane(own(cart()))
    lane.put("a", preferences(START_MS, WERBUNG=True), added(START_MS + 1, "p"))
    assert started(lane) == ["a"]


def test_without_the_section_it_is_a_purpose_of_its_own():
    lane = Lane(document(cart(), more="consent_default: deny"))
    lane.put("a", preferences(START_MS, Werbung=True), added(START_MS + 1, "p"))
    assert lane.actions == []
    assert lane.changes[-1].withheld == "consent"


def test_one_category_may_stand_for_several_channels_and_no_others():
    lane = Lane(own(cart(channels="email, post, phone")))
    lane.put("a", preferences(START_MS, POST=True), added(START_MS + 1, "p"))
    assert [a.channels for a in lane.actions] == [("email", "post")]


def test_the_later_word_counts_whichever_name_it_has_and_of_two_at_once_the_no():
    lane = Lane(own(cart()))
    lane.put("a", consent(START_MS, marketing=True), added(START_MS + 1, "p"))
    lane.put("a", preferences(START_MS + HOUR, Werbung=False))
    lane.put("b", preferences(START_MS, Werbung=False), consent(START_MS + HOUR, marketing=True))
    lane.put("b", added(START_MS + HOUR + 1, "p"))
    lane.put("c", preferences(START_MS, Werbung=True), consent(START_MS, marketing=False))
    lane.put("c", added(START_MS + HOUR + 1, "p"))
    turned = [(a.customer, a.started) for a in lane.actions]
    assert turned == [("a", True), ("a", False), ("b", True)]


def test_a_yes_that_names_a_channel_opens_it_again():
    lane = Lane(own(cart(), default="allow"))
    stop = message(START_MS, "unsubscribed")
    lane.put("a", stop, preferences(START_MS + HOUR, POST=True), added(START_MS + DAY, "p"))
    lane.put("b", stop, preferences(START_MS + HOUR, Werbung=True), added(START_MS + DAY, "p"))
    assert started(lane) == ["a"]


@pytest.mark.parametrize(
    ("traits", "default", "channel", "starts"),
    [
        ({"wants_mail": True}, "deny", "email", True),
        ({"wants_mail": "Yes"}, "deny", "email", True),
        ({"wants_mail": 0}, "allow", "email", False),
        ({"wants_mail": "maybe"}, "deny", "email", False),
        ({"wants_mail": "maybe"}, "allow", "email", True),
        ({"wants_mail": True}, "deny", "phone", False),
        ({"no_calls": True}, "allow", "phone", False),
        ({"no_calls": False}, "deny", "phone", True),
        ({"other": True}, "deny", "email", False),
        ({}, "allow", "email", True),
    ],
)
def test_traits_of_the_shop(traits: dict[str, Any], default: str, channel: str, starts: bool):
    lane = Lane(own(cart(channels=channel), default=default))
    lane.put("a", identified(START_MS, **traits), added(START_MS + 1, "p"))
    assert started(lane) == (["a"] if starts else [])


def test_a_trait_that_turns_withdraws_at_once():
    lane = Lane(own(cart()))
    lane.put("a", identified(START_MS, wants_mail=True), added(START_MS + 1, "p"))
    lane.put("a", identified(START_MS + HOUR, wants_mail=False))
    assert said(lane) == [("+cart", 1, None), ("-cart", HOUR, "consent")]
    assert lane.actions[-1].cause == "consent"


def test_a_yes_of_a_trait_overrules_nothing_that_was_said():
    """A trait has no time of its own, and may be an old copy."""
    lane = Lane(own(cart()))
    lane.put(
        "a", consent(START_MS, email__marketing=False), identified(START_MS + 1, wants_mail=True)
    )
    lane.put("b", consent(START_MS, marketing=False), identified(START_MS + 1, wants_mail=True))
    lane.put("c", message(START_MS, "unsubscribed"), identified(START_MS + 1, wants_mail=True))
    for name in "abc":
        lane.put(name, added(START_MS + HOUR, "p"))
    assert lane.actions == []


def test_a_no_of_a_trait_holds_until_a_later_yes():
    lane = Lane(own(CALLS, default="allow"))
    lane.put("a", identified(START_MS, no_calls=True), added(START_MS + 1, "p"))
    assert lane.actions == []
    lane.put("a", consent(START_MS + HOUR, phone__marketing=True))
    assert started(lane) == ["a"]
    lane.put("a", identified(START_MS + DAY, no_calls=True))
    assert said(lane)[-1] == ("-cart", DAY, "consent")


def test_what_was_said_before_the_section_came_into_force_counts():
    before = document(
        cart(), CALLS.replace("name: cart", "name: calls"), more="consent_default: allow"
    )
    lane = Lane(before)
    lane.put("a", preferences(START_MS, Werbung=False), added(START_MS + HOUR, "p"))
    lane.put("b", identified(START_MS, wants_mail=False, no_calls=True))
    lane.put("b", added(START_MS + HOUR, "p"))
    assert started(lane) == ["a", "b"]
    lane.define(
        own(cart(), CALLS.replace("name: cart", "name: calls"), default="allow"), START_MS + DAY
    )
    lane.tick(START_MS + DAY)
    ended = [(a.customer, a.reason) for a in lane.actions if not a.started]
    assert sorted(ended) == [("a", "consent"), ("b", "consent")]
    lane.define(before, START_MS + 2 * DAY)
    lane.tick(START_MS + 2 * DAY)
    # The calls that were ended do not start again; the mail that waited behind them, does.
    later = [(a.customer, a.segment) for a in lane.actions if a.started][2:]
    assert sorted(later) == [("a", "cart"), ("b", "cart")]


def test_who_does_not_agree_is_no_member_where_a_segment_needs_it():
    segment = "{name: news, purpose: p, needs: email/marketing, enter: cart.items > 0}"
    lane = Lane(own(segment))
    lane.put("a", identified(START_MS, wants_mail=True), added(START_MS + 1, "p"))
    lane.put("b", added(START_MS + 1, "p"))
    lane.put("a", preferences(START_MS + HOUR, POST=False))
    turns = [(t.customer, t.entered, t.cause) for t in lane.turns]
    assert turns == [("a", True, "event"), ("a", False, "consent")]


def test_words_move_with_a_customer_who_becomes_known():
    lane = Lane(own(cart()))
    lane.put("anon", preferences(START_MS, Werbung=True))
    lane.put("anon", Link(target="a", time_ms=START_MS + HOUR, received_ms=START_MS + HOUR))
    lane.deliver()
    lane.put("a", added(START_MS + DAY, "p"))
    assert started(lane) == ["a"]


def test_a_restored_row_knows_the_same():
    lane = Lane(own(cart()))
    lane.put("a", preferences(START_MS, Werbung=True), added(START_MS + 1, "p"))
    again = lane.restored()
    found = again.fold([lane.record("a", preferences(START_MS + HOUR, Werbung=False))])
    assert [(a.segment, a.reason) for a in found.actions] == [("cart", "consent")]


def test_the_section_is_part_of_the_version_of_who_needs_consent_alone():
    needy = "{name: news, purpose: p, needs: email/marketing, enter: cart.items > 0}"
    found = [
        load_pack(content).versions
        for content in (
            document(cart(), needy, more="consent_default: allow"),
            own(cart(), needy, default="allow"),
        )
    ]
    assert found[0]["cart"] == found[1]["cart"]
    assert found[0]["news"] != found[1]["news"]


STANDARD = {"Werbung": ("marketing",), "POST": ("email__marketing", "post__marketing")}


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("default", ["allow", "deny"])
def test_own_names_and_the_usual_ones_come_to_the_same(seed: int, default: str):
    """The same customers, once with the shop's names among the usual ones, once without them."""
    rng = random.Random(seed)
    segments = (cart(channels="email, post, push"), CART_OF_SMS)
    mine = Lane(own(*segments, default=default))
    usual = Lane(document(*segments, more=f"consent_default: {default}"))
    for step in range(60):
        at_ms = START_MS + step * 17 * MINUTE - rng.choice((0, 0, 0, 3 * HOUR))
        name, yes = rng.choice(sorted(STANDARD)), rng.random() < 0.6
        plain = consent(at_ms, **dict.fromkeys(STANDARD[name], yes))
        pair = rng.choice(
            (
                (preferences(at_ms, **{name: yes}), plain),
                (plain, plain),
                (message(at_ms, "unsubscribed"),) * 2,
                (added(at_ms, "p"),) * 2,
                (removed(at_ms, "p"),) * 2,
                (consent(at_ms, push__marketing=yes),) * 2,
            )
        )
        for lane, record in zip((mine, usual), pair, strict=True):
            lane.put("a", record, stamp_ms=max(START_MS, at_ms))
    assert said(mine) == said(usual)
    assert [c.withheld for c in mine.changes] == [c.withheld for c in usual.changes]


def test_a_category_that_is_called_like_something_else_is_heard_all_the_same():
    text = (
        "consent_default: allow\nconsent: {categories: {row.cart: email/marketing}}\n"
        "segments: [{name: s, purpose: p, needs: email/marketing, "
        "enter: cart.items > 0 and cart.lines > 0}]\n"
    )
    lane = Lane(text.encode())
    lane.put("a", preferences(START_MS, **{"row.cart": False}), added(START_MS + 1, "p"))
    assert lane.turns == []
