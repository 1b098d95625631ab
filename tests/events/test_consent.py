"""Consent as Segment sends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream.events.consent import PREFERENCES_MAX
from stream.events.decoded import Decoded
from stream.events.envelope import RejectedEventError, decode
from stream.events.records import ConsentChanged, Custom

DOCUMENTED = """{
  "anonymousId": "23adfd82-aa0f-45a7-a756-24f2a7a4c895", "type": "track",
  "event": "Segment Consent Preference Updated", "userId": "u123",
  "traits": {"email": "peter@example.com", "phone": "555-555-5555"},
  "timestamp": "2023-01-01T00:00:00.000Z",
  "context": {"consent": {"categoryPreferences": {
    "Advertising": true, "Analytics": false, "Functional": true, "DataSharing": false}}}}"""
"""The example of Segment's documentation of consent."""


def decoded(context: Any, event: str = "Segment Consent Preference Updated") -> Decoded:
    at = "2026-03-02T00:00:00Z"
    call = {"type": "track", "event": event, "userId": "u", "timestamp": at, "context": context}
    return decode(json.dumps(call).encode(), 0, None)


def preferences(**categories: Any) -> dict[str, bool]:
    record = decoded({"consent": {"categoryPreferences": categories}}).record
    assert isinstance(record, ConsentChanged)
    return record.preferences


def test_the_documented_event_is_read_by_channel_and_purpose():
    found = decode(DOCUMENTED.encode(), 0, None)
    assert found.key == "u123"
    assert isinstance(found.record, ConsentChanged)
    assert found.record.preferences == {
        "retargeting/marketing": True, "ads/marketing": True, "/analytics": False,
        "/functional": True, "/sale": False}  # fmt: skip


def test_categories_name_channels_purposes_and_both():
    found = preferences(Marketing=True, email=False, sms_marketing=True, push_news=True)
    assert found == {
        "/marketing": True,
        "email/marketing": False,
        "sms/marketing": True,
        "push/news": True,
    }


def test_of_two_categories_that_mean_the_same_the_no_wins():
    assert preferences(Advertising=True, C0004=False)["ads/marketing"] is False
    assert preferences(C0004=False, Targeting=True)["ads/marketing"] is False


def test_what_is_neither_yes_nor_no_says_nothing():
    assert preferences(Marketing="perhaps", email=None, sms=1) == {}


@pytest.mark.parametrize("context", [{}, {"consent": {}}, {"consent": None}, None])
def test_an_event_without_preferences_says_nothing(context):
    assert decoded(context).record.preferences == {}


@pytest.mark.parametrize("consent", [[], "yes", {"categoryPreferences": ["Marketing"]}])
def test_preferences_that_are_no_object_are_the_senders_fault(consent):
    with pytest.raises(RejectedEventError) as rejected:
        decoded({"consent": consent})
    assert rejected.value.reason == "wrong_type"
    assert rejected.value.field.startswith("$.context.consent")


def test_categories_are_bounded_and_the_cut_is_said():
    found = decoded(
        {"consent": {"categoryPreferences": {f"c{n}": True for n in range(PREFERENCES_MAX + 1)}}}
    )
    assert (len(found.record.preferences), found.cut) == (PREFERENCES_MAX, True)


def test_the_former_name_is_read_and_others_are_the_shops_own():
    context = {"consent": {"categoryPreferences": {"Marketing": True}}}
    assert isinstance(decoded(context, "segment_consent_preference").record, ConsentChanged)
    assert isinstance(decoded(context, "Consent Given").record, Custom)
