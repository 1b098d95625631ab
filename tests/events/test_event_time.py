"""The time of an event: Segment's formula, what stands in for it, and its bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.clock import FUTURE_TOLERANCE_MS
from stream.events.decoded import Decoded
from stream.events.envelope import RejectedEventError, decode
from tests.events.shop_calls import BROKER_MS, sent

STAMPS = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
MINUTE_MS = 60_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(time_ms: int) -> str:
    moment = EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def decoded(broker_ms: int = BROKER_MS, **stamps: Any) -> Decoded:
    return decode(sent(event="Custom", **{**dict.fromkeys(STAMPS), **stamps}), broker_ms, None)


def test_the_clients_clock_is_corrected_by_what_it_was_off_when_it_sent():
    # The client's clock is a day behind, and it kept the event for ten minutes.
    found = decoded(
        originalTimestamp="2026-11-20T09:00:00.000Z",
        sentAt="2026-11-20T09:10:00.000Z",
        receivedAt="2026-11-21T10:00:00.000Z",
        timestamp="2001-01-01T00:00:00.000Z",
    )

    assert found.time_ms == BROKER_MS - 25 * MINUTE_MS
    assert found.received_ms == BROKER_MS - 15 * MINUTE_MS
    assert found.skew_corrected


@given(
    received_ms=st.integers(BROKER_MS - 10**9, BROKER_MS),
    skew_ms=st.integers(-(10**11), 10**11),
    waited_ms=st.integers(0, 10**10),
)
def test_a_skewed_clock_does_not_move_an_event(received_ms: int, skew_ms: int, waited_ms: int):
    sent_ms = received_ms + skew_ms
    found = decoded(
        originalTimestamp=rfc3339(sent_ms - waited_ms),
        sentAt=rfc3339(sent_ms),
        receivedAt=rfc3339(received_ms),
    )

    assert found.time_ms == received_ms - waited_ms
    assert found.received_ms == received_ms
    assert found.skew_corrected == (abs(skew_ms) > 1_000)
    assert not found.clamped


@pytest.mark.parametrize(
    ("stamps", "time_ms"),
    [
        (
            {
                "timestamp": "2026-11-21T10:01:00Z",
                "originalTimestamp": "2026-11-21T10:02:00Z",
                "receivedAt": "2026-11-21T10:03:00Z",
            },
            BROKER_MS - 14 * MINUTE_MS,
        ),
        (
            {"originalTimestamp": "2026-11-21T10:02:00Z", "receivedAt": "2026-11-21T10:03:00Z"},
            BROKER_MS - 13 * MINUTE_MS,
        ),
        (
            {"sentAt": "2026-11-21T10:02:00Z", "receivedAt": "2026-11-21T10:03:00Z"},
            BROKER_MS - 12 * MINUTE_MS,
        ),
        ({"timestamp": "", "originalTimestamp": "  "}, BROKER_MS),
        ({}, BROKER_MS),
    ],
)
def test_what_stands_in_for_the_formula(stamps: dict[str, str], time_ms: int):
    found = decoded(**stamps)

    assert found.time_ms == time_ms
    assert found.record.time_ms == time_ms
    assert not found.skew_corrected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T10:14:00.000Z",
        "2026-11-21T11:14:00.000+01:00",
        "2026-11-21T10:14:00",
        "2026-11-21 10:14:00Z",
        "2026-11-21T10:14Z",
        "2026-11-21T10:14:00.000999Z",
        "20261121T101400Z",
    ],
)
def test_a_time_has_many_spellings(text: str):
    alone = decoded(timestamp=text)
    three = decoded(originalTimestamp=text, sentAt=text, receivedAt=text)

    assert alone.time_ms == three.time_ms == three.received_ms == BROKER_MS - MINUTE_MS


def test_stamps_of_one_call_may_be_spelled_differently():
    found = decoded(
        originalTimestamp="2026-11-21T10:13:00",
        sentAt="2026-11-21T11:14:00+01:00",
        receivedAt="2026-11-21T10:14:00Z",
    )

    assert found.time_ms == BROKER_MS - 2 * MINUTE_MS


@pytest.mark.parametrize(
    ("ahead_ms", "clamped"),
    [(0, False), (FUTURE_TOLERANCE_MS, False), (FUTURE_TOLERANCE_MS + 1, True)],
)
def test_the_future_is_clamped_to_the_brokers_time(ahead_ms: int, clamped: bool):
    found = decoded(timestamp=rfc3339(BROKER_MS + ahead_ms))

    assert found.clamped is clamped
    assert found.time_ms == (BROKER_MS if clamped else BROKER_MS + ahead_ms)


def test_the_year_2300_is_clamped():
    found = decoded(timestamp="2300-01-01T00:00:00Z", receivedAt="2300-01-01T00:00:00Z")

    assert found.clamped
    assert found.time_ms == found.received_ms == BROKER_MS


@pytest.mark.parametrize("broker_ms", [0, -1])
def test_without_a_broker_an_event_arrived_when_it_was_received(broker_ms: int):
    found = decoded(broker_ms, timestamp="2300-01-01T00:00:00Z", receivedAt="2026-11-21T10:15:00Z")

    assert found.clamped
    assert found.time_ms == BROKER_MS


def test_without_any_arrival_an_event_arrived_when_it_happened():
    found = decoded(0, timestamp="2026-11-21T10:15:00Z")

    assert (found.time_ms, found.received_ms, found.clamped) == (BROKER_MS, BROKER_MS, False)


@pytest.mark.parametrize(
    ("broker_ms", "stamps", "field"),
    [
        (BROKER_MS, {"timestamp": "1970-01-01T00:00:00Z"}, "$.timestamp"),
        (BROKER_MS, {"timestamp": "1989-12-31T23:59:59.999Z"}, "$.timestamp"),
        (BROKER_MS, {"originalTimestamp": "1970-01-01T00:00:00Z"}, "$.originalTimestamp"),
        (BROKER_MS, {"receivedAt": "1970-01-01T00:00:00Z"}, "$.receivedAt"),
        (0, {"timestamp": "2300-01-01T00:00:00Z"}, "$.timestamp"),
        (0, {}, "$.timestamp"),
        (
            BROKER_MS,
            {
                "originalTimestamp": "1970-01-01T00:00:00Z",
                "sentAt": "2026-11-21T10:14:59Z",
                "receivedAt": "2026-11-21T10:15:00Z",
            },
            "$.originalTimestamp",
        ),
    ],
)
def test_a_time_that_cannot_be_is_rejected(broker_ms: int, stamps: dict[str, str], field: str):
    with pytest.raises(RejectedEventError) as caught:
        decoded(broker_ms, **stamps)

    assert (caught.value.reason, caught.value.field) == ("time_out_of_range", field)


def test_an_unset_clock_is_corrected():
    found = decoded(
        originalTimestamp="1970-01-01T00:00:01.000Z",
        sentAt="1970-01-01T00:00:02.000Z",
        receivedAt="2026-11-21T10:15:00.000Z",
    )

    assert found.time_ms == BROKER_MS - 1_000
    assert found.skew_corrected


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "1795256100"])
def test_a_text_that_is_no_time_is_named(stamp: str, text: str):
    with pytest.raises(RejectedEventError) as caught:
        decoded(**{**dict.fromkeys(STAMPS, "2026-11-21T10:14:00Z"), stamp: text})

    assert (caught.value.reason, caught.value.field) == ("wrong_type", f"$.{stamp}")
