from __future__ import annotations

from collections import Counter, defaultdict
from math import sqrt

from stream.clock import DAY_MS, HOUR_MS
from tests.simulation.month import Month


def test_only_accounts_get_messages_and_as_many_as_their_type_says(month: Month):
    sent: Counter[int] = Counter()
    for event, body in month.told("Email Sent", "Push Notification Received", "SMS Sent"):
        truth = month.truths[event.customer]
        assert body["userId"] == truth["user_id"]
        assert "anonymousId" not in body
        sent[event.customer] += 1
    counts: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for truth in month.truths:
        # Members with four weeks of messages; who unsubscribed or never subscribed has fewer.
        if truth["was_member"] and sent[truth["customer"]]:
            counts[truth["type"]][0] += truth["parameters"]["messages_per_week"] * 4
            counts[truth["type"]][1] += sent[truth["customer"]]
    for name in ("heavy", "discount_hunter", "quality_seeker"):
        expected, found = counts[name]
        assert abs(found - expected) < 5 * sqrt(expected) + 0.05 * expected
    assert counts["message_tired"][1] > 0.7 * counts["message_tired"][0] > 300


def test_the_message_tired_open_less_and_less(month: Month):
    seen: Counter[int] = Counter()
    opened: Counter[str] = Counter()
    delivered: Counter[str] = Counter()
    for event in month.events:
        if month.type_of(event) != "message_tired":
            continue
        if event.kind in {"Email Delivered", "Push Notification Received"}:
            seen[event.customer] += 1
            delivered["early" if seen[event.customer] <= 4 else "late"] += 1
        if event.kind in {"Email Opened", "Push Notification Tapped"}:
            opened["early" if seen[event.customer] <= 4 else "late"] += 1
    assert opened["early"] / delivered["early"] > 0.25
    assert opened["late"] / delivered["late"] < 0.4 * opened["early"] / delivered["early"]


def test_answers_name_the_message_and_come_after_it(month: Month):
    delivered: dict[str, int] = {}
    answers = 0
    for event, body in month.told(
        "Email Delivered", "Email Opened", "Email Link Clicked", "Push Notification Received",
        "Push Notification Tapped", "Push Notification Dismissed", "Unsubscribed",
    ):  # fmt: skip
        ident = body["properties"]["email_id"]
        assert body["properties"]["campaign_id"]
        if event.kind in {"Email Delivered", "Push Notification Received"}:
            delivered[ident] = event.time_ms
        else:
            answers += 1
            assert event.time_ms > delivered[ident]
    assert answers > 400


def test_a_click_leads_to_a_visit_of_its_campaign(month: Month):
    clicks = {
        event.customer: event.time_ms
        for event in month.events
        if event.kind in {"Email Link Clicked", "Push Notification Tapped"}
    }
    led = 0
    for event, body in month.told("page Home", "page Product"):
        if body["context"].get("campaign", {}).get("source") == "crm":
            clicked_ms = clicks.get(event.customer, 0)
            led += 0 < event.time_ms - clicked_ms < HOUR_MS
    assert led >= 0.9 * len(clicks) > 50


def test_nobody_gets_messages_after_unsubscribing(month: Month):
    gone: dict[int, int] = {}
    for event in month.events:
        if event.kind == "Unsubscribed":
            gone[event.customer] = event.time_ms
        if event.kind in {"Email Sent", "Push Notification Received"}:
            assert event.customer not in gone
    assert len(gone) > 5


def test_messages_leave_by_day(month: Month):
    hours = Counter(
        event.time_ms % DAY_MS // HOUR_MS for event in month.events if event.kind == "Email Sent"
    )
    assert sum(hours[hour] for hour in range(4)) == 0
    assert sum(hours[hour] for hour in range(5, 10)) > hours.total() / 2
