"""Who agrees to what, told as stories: from consent events, unsubscriptions and traits."""

from __future__ import annotations

import pytest

from stream.events.records import Link
from stream.state.consents import CONSENTS_MAX, agreed, open_channels, word, words_of
from stream.state.merge import merge
from stream.state.row import Row
from tests.engine.lane import Lane, definitions
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    consent,
    identified,
    message,
    order,
    page,
)

EMAIL = ("email",)


def row_of(*events) -> Row:
    lane = Lane()
    lane.put("a", *events)
    return lane.row("a")


def may_write(*events, default: bool = False, channel: str = "email") -> bool:
    return bool(open_channels(words_of(row_of(*events)), (channel,), "marketing", default))


def test_silence_is_what_the_document_says_it_is():
    assert not may_write(page(START_MS))
    assert may_write(page(START_MS), default=True)


def test_the_latest_word_counts_by_event_time_and_not_by_arrival():
    yes, no = consent(START_MS, marketing=True), consent(START_MS + HOUR, marketing=False)
    assert not may_write(yes, no)
    assert not may_write(no, yes), "late"
    assert may_write(no, consent(START_MS + DAY, marketing=True))


def test_of_two_words_at_one_instant_the_no_counts():
    yes, no = consent(START_MS, marketing=True), consent(START_MS, marketing=False)
    assert not may_write(yes, no)
    assert not may_write(no, yes)


def test_a_channel_that_is_unsubscribed_is_opened_by_a_consent_event_that_names_it_alone():
    gone = message(START_MS, "unsubscribed")
    assert not may_write(gone, default=True)
    assert may_write(gone, default=True, channel="push")
    assert not may_write(gone, consent(START_MS + 1, marketing=True))
    assert not may_write(gone, identified(START_MS + 1, email_opt_in=True)), "a copy, sent again"
    assert may_write(gone, consent(START_MS + 1, email__marketing=True))
    assert not may_write(
        consent(START_MS, email__marketing=True), message(START_MS + 1, "marked_spam")
    )


def test_who_unsubscribed_before_consent_was_kept_is_not_written_to():
    row = row_of(message(START_MS, "unsubscribed"))
    row.consent = {}
    assert open_channels(words_of(row), EMAIL, "marketing", True) == ()


@pytest.mark.parametrize(
    ("traits", "channel", "said"),
    [
        ({"email_opt_in": True}, "email", True),
        ({"emailOptIn": "no"}, "email", False),
        ({"accepts_marketing": 1}, "email", True),
        ({"sms_opt_out": "true"}, "sms", False),
        ({"email_marketing_consent.state": "not_subscribed"}, "email", False),
        ({"marketing_consent": "granted"}, "push", True),
        ({"do_not_contact": True}, "push", False),
        ({"email_opt_in": "perhaps"}, "email", None),
        ({"plan": "gold"}, "email", None),
    ],
)
def test_traits_that_speak_of_consent_are_declared(traits, channel, said):
    assert word(row_of(identified(START_MS, **traits)).consent, channel, "marketing") is said


def test_who_objects_to_profiling_is_not_addressed_and_who_is_not_sold_is_not_advertised_to():
    yes = consent(START_MS, marketing=True)
    objects = identified(START_MS + 1, profiling_objection=True)
    unsold = identified(START_MS + 1, do_not_sell=True)
    assert not may_write(yes, objects)
    assert may_write(yes, unsold)
    assert may_write(yes, channel="retargeting")
    assert not may_write(yes, unsold, channel="retargeting")
    assert open_channels(words_of(row_of(unsold)), ("retargeting", "email"), None, False) == EMAIL


def test_a_word_about_one_channel_goes_before_an_older_one_about_all():
    no = consent(START_MS, marketing=False)
    assert may_write(no, identified(START_MS + 1, email_opt_in=True))
    assert not may_write(no, identified(START_MS + 1, email_opt_in=True), channel="sms")
    assert not may_write(
        identified(START_MS, email_opt_in=True), consent(START_MS + 1, marketing=False)
    )


def test_a_purpose_without_a_channel_is_agreed_to_where_it_is_on_one_of_them():
    assert agreed(row_of(identified(START_MS, email_opt_in=True)).consent, "marketing", False)
    assert not agreed(row_of(identified(START_MS, email_opt_in=False)).consent, "marketing", True)
    assert agreed({}, "profiling", False)
    assert not agreed({}, "analytics", False)


@pytest.mark.parametrize("own_first", [True, False])
def test_a_merge_takes_the_later_word_and_the_stricter_of_two_at_one_instant(own_first: bool):
    one = row_of(consent(START_MS, marketing=True, news=True, tests=False))
    other = row_of(
        consent(START_MS, news=False, tests=True), consent(START_MS + 1, marketing=False)
    )
    row, second = (one, other) if own_first else (other, one)
    merge(row, second, "b")
    assert {key: granted for key, (_, granted) in row.consent.items()} == {
        "/marketing": False, "/news": False, "/tests": False}  # fmt: skip


def test_words_are_bounded_and_a_no_is_never_lost():
    many = [consent(START_MS + n, **{f"p{n}": True}) for n in range(40)]
    row = row_of(*many, message(START_MS + 50, "unsubscribed"))
    assert len(row.consent) == 32
    assert not row.consent["email/"][1]
    assert "/p0" not in row.consent


NEEDS = "name: cart, enter: cart.items > 0, needs: marketing, min_stay: 30 * DAY"


def turns(lane: Lane) -> list[tuple[bool, int, str]]:
    return [(turn.entered, turn.time_ms - START_MS, turn.cause) for turn in lane.turns]


def test_who_has_not_agreed_is_no_member_and_who_withdraws_leaves_at_once_with_the_cause():
    lane = Lane(definitions(NEEDS))
    lane.put("a", added(START_MS, "p"))
    assert lane.turns == []
    lane.put("a", consent(START_MS + MINUTE, marketing=True))
    lane.put("a", page(START_MS + 2 * MINUTE))
    lane.put("a", consent(START_MS + HOUR, marketing=False))
    assert turns(lane) == [(True, MINUTE, "consent"), (False, HOUR, "consent")]
    (leaf,) = [leaf for leaf in lane.changes[-1].evidence if leaf.leaf == "consent to marketing"]
    assert (leaf.before, leaf.after) == (True, False)


def test_unsubscribing_everywhere_leaves_and_leaving_for_another_reason_says_so():
    lane = Lane(definitions("name: cart, enter: cart.items > 0, needs: email/marketing"))
    lane.put("a", consent(START_MS, email__marketing=True), added(START_MS + 1, "p"))
    lane.put("a", order(START_MS + HOUR, "1", 5))
    lane.put("a", added(START_MS + DAY, "p"), message(START_MS + DAY + 1, "unsubscribed"))
    assert turns(lane) == [(True, 1, "event"), (False, HOUR, "event"),
                           (True, DAY, "event"), (False, DAY + 1, "consent")]  # fmt: skip


def test_late_consent_counts_for_the_membership_from_now_on():
    lane = Lane(definitions(NEEDS))
    lane.put("a", added(START_MS, "p"), page(START_MS + DAY))
    lane.put("a", consent(START_MS + HOUR, marketing=True))
    assert turns(lane) == [(True, DAY, "consent")]
    lane.put("a", consent(START_MS + MINUTE, marketing=False))
    assert len(lane.turns) == 1, "older than what is known"


def test_segments_that_ask_for_one_with_needs_follow_it():
    lane = Lane(definitions(NEEDS, "name: both, enter: in_segment('cart') and orders.count <= 0"))
    lane.put("a", consent(START_MS, marketing=True), added(START_MS, "p"))
    lane.put("a", consent(START_MS + 1, marketing=False))
    assert [(t.segment, t.entered) for t in lane.turns] == [
        ("cart", True), ("both", True), ("cart", False), ("both", False)]  # fmt: skip


def test_a_merge_brings_the_objection_along():
    lane = Lane(definitions(NEEDS))
    lane.put("a", consent(START_MS, marketing=True), added(START_MS, "p"))
    lane.put("anon", consent(START_MS + HOUR, marketing=False))
    lane.put("anon", Link(target="a", time_ms=START_MS + DAY, received_ms=START_MS + DAY))
    lane.deliver()
    assert turns(lane)[1:] == [(False, DAY, "merge")]


def test_the_default_is_part_of_the_version_of_who_needs_consent_alone():
    deny = Lane(definitions(NEEDS, "name: all, enter: cart.items > 0"))
    allow = Lane(
        definitions(NEEDS, "name: all, enter: cart.items > 0") + b"\nconsent_default: allow"
    )
    for lane in (deny, allow):
        lane.put("a", added(START_MS, "p"))
    assert [change.segment for change in deny.changes] == ["all"]
    assert [change.segment for change in allow.changes] == ["cart", "all"]
    versions = [lane.engine.timeline.latest.pack.versions for lane in (deny, allow)]
    assert versions[0]["all"] == versions[1]["all"]
    assert versions[0]["cart"] != versions[1]["cart"]


ACTION = (
    "name: cart, enter: cart.items > 0, "
    "action: {channels: [email, push], consent: marketing, message: m, enabled: true}"
)


def test_a_change_carries_what_consent_leaves_of_its_action():
    lane = Lane(definitions(ACTION))
    lane.put("silent", added(START_MS, "p"))
    lane.put("agrees", consent(START_MS, marketing=True), added(START_MS, "p"))
    lane.put("half", consent(START_MS, marketing=True), message(START_MS, "unsubscribed"))
    lane.put("half", added(START_MS + 1, "p"))
    found = {change.customer: change for change in lane.changes}
    assert (found["silent"].action, found["silent"].withheld) == ({}, "consent")
    assert (list(found["agrees"].action["channels"]), found["agrees"].withheld) == (
        ["email", "push"], None)  # fmt: skip
    assert list(found["half"].action["channels"]) == ["push"]


def test_an_action_without_channels_asks_for_its_consent_too():
    lane = Lane(definitions(ACTION.replace("channels: [email, push], ", "")))
    lane.put("silent", added(START_MS, "p"))
    lane.put("objects", consent(START_MS, marketing=True, profiling=False), added(START_MS, "p"))
    lane.put("agrees", consent(START_MS, email__marketing=True), added(START_MS, "p"))
    found = {one.customer: (one.action.get("message"), one.withheld) for one in lane.changes}
    assert found == {
        "silent": (None, "consent"), "objects": (None, "consent"), "agrees": ("m", None)
    }  # fmt: skip


def test_an_action_that_starts_carries_the_channels_on_which_it_may_and_no_others():
    lane = Lane(definitions(ACTION))
    lane.put("half", consent(START_MS, marketing=True), message(START_MS, "unsubscribed"))
    lane.put("half", added(START_MS + 1, "p"))
    (started,) = lane.actions
    assert started.channels == ("push",)
    assert list(started.action["channels"]) == ["push"]


def test_a_no_to_marketing_has_room_whatever_else_was_refused():
    others = {f"tool_{n}": False for n in range(CONSENTS_MAX)}
    assert not may_write(
        consent(START_MS, **others), consent(START_MS + 1, marketing=False), default=True
    )
    assert not may_write(
        consent(START_MS, **others), identified(START_MS + 1, email_opt_in=False), default=True
    )
    row = row_of(consent(START_MS, **others), consent(START_MS + 1, one_more=False))
    assert len(row.consent) == CONSENTS_MAX
