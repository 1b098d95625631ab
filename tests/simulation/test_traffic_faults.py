from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from math import sqrt

import orjson
import pytest

from stream.clock import HOUR_MS, MINUTE_MS, SECOND_MS
from stream.events.envelope import RejectedEventError, decode
from stream.simulation.traffic import SimulatedEvent, TrafficConfig, generate
from stream.simulation.traffic_faults import MALFORMATIONS
from tests.simulation.month import MONDAY_MS

CLEAN = TrafficConfig(customers=300, start_ms=MONDAY_MS, days=14)
FAULTY = replace(CLEAN, duplicates=0.02, late=0.03, malformed=0.04)


@pytest.fixture(scope="module")
def clean() -> list[SimulatedEvent]:
    return list(generate(CLEAN))


@pytest.fixture(scope="module")
def faulty() -> list[SimulatedEvent]:
    return list(generate(FAULTY))


def is_share(count: int, of: int, share: float) -> bool:
    """Within five standard deviations of a binomial count."""
    return abs(count - of * share) < 5 * sqrt(of * share * (1 - share))


def test_faults_have_the_rates_that_were_asked_for(
    clean: list[SimulatedEvent], faulty: list[SimulatedEvent]
):
    faults = Counter((event.fault or "none").partition(":")[0] for event in faulty)
    assert is_share(faults["duplicate"], len(clean), 0.02)
    assert is_share(faults["late"], len(clean), 0.03)
    assert is_share(faults["malformed"], len(clean), 0.04)


def beginning(event: SimulatedEvent) -> bytes:
    """The event up to when it was sent, which a fault of sending leaves alone."""
    return event.value[: event.value.index(b'"sentAt"')]


def test_faults_change_nothing_else(clean: list[SimulatedEvent], faulty: list[SimulatedEvent]):
    untouched = {(event.value, event.received_ms) for event in faulty if event.fault is None}
    late = {beginning(event) for event in faulty if event.fault == "late"}
    assert untouched < {(event.value, event.received_ms) for event in clean}
    assert late < {beginning(event) for event in clean}
    missing = [
        event
        for event in clean
        if (event.value, event.received_ms) not in untouched and beginning(event) not in late
    ]
    # A late event that would have been received after the end is in neither.
    assert all(event.time_ms > CLEAN.end_ms - 7 * HOUR_MS for event in missing)
    assert len(missing) < 20


def test_the_clean_traffic_has_no_faults(clean: list[SimulatedEvent]):
    assert {event.fault for event in clean} == {None}


def test_faulty_traffic_is_still_in_the_order_of_arrival(faulty: list[SimulatedEvent]):
    received = [event.received_ms for event in faulty]
    assert received == sorted(received)


def test_a_duplicate_is_the_same_event_received_again(faulty: list[SimulatedEvent]):
    first: dict[str, tuple[SimulatedEvent, dict]] = {}
    duplicates = 0
    for event in faulty:
        if (event.fault or "").startswith("malformed"):
            continue
        body = orjson.loads(event.value)
        if event.fault != "duplicate":
            first[body["messageId"]] = (event, body)
            continue
        duplicates += 1
        original, told = first[body["messageId"]]
        delay_ms = event.received_ms - original.received_ms
        assert SECOND_MS <= delay_ms <= 30 * MINUTE_MS
        assert event.time_ms == original.time_ms
        for name in ("properties", "context", "originalTimestamp", "timestamp"):
            assert body.get(name) == told.get(name)
    assert duplicates > 100


def test_a_late_event_says_when_it_happened(faulty: list[SimulatedEvent]):
    late = [event for event in faulty if event.fault == "late"]
    for event in late:
        delay_ms = event.received_ms - event.time_ms
        assert 2 * MINUTE_MS <= delay_ms <= 6 * HOUR_MS + SECOND_MS
        assert decode(event.value, event.received_ms, None).time_ms == event.time_ms
    delays = sorted(event.received_ms - event.time_ms for event in late)
    assert delays[len(delays) // 2] > 10 * MINUTE_MS


def test_late_events_arrive_after_younger_ones_of_the_same_customer(faulty: list[SimulatedEvent]):
    newest: dict[int, int] = defaultdict(int)
    overtaken = 0
    for event in faulty:
        if event.fault == "late":
            overtaken += event.time_ms < newest[event.customer]
        newest[event.customer] = max(newest[event.customer], event.time_ms)
    assert overtaken > 100


def test_every_malformed_event_is_rejected_and_no_other(faulty: list[SimulatedEvent]):
    seen: Counter[str] = Counter()
    for event in faulty:
        fault, _, how = (event.fault or "").partition(":")
        if fault != "malformed":
            decode(event.value, event.received_ms, None)
            continue
        seen[how] += 1
        assert b"\n" not in event.value
        with pytest.raises(RejectedEventError):
            decode(event.value, event.received_ms, None)
    assert set(seen) == set(MALFORMATIONS)


def test_some_clients_clocks_are_off_and_the_time_is_right_all_the_same():
    config = replace(CLEAN, skewed=0.2)
    off: Counter[str] = Counter()
    devices: Counter[bool] = Counter()
    known: set[str] = set()
    for event in generate(config):
        body = orjson.loads(event.value)
        decoded = decode(event.value, event.received_ms, None)
        assert decoded.time_ms == event.time_ms
        off["skewed" if decoded.skew_corrected else "right"] += 1
        if "anonymousId" in body and body["anonymousId"] not in known:
            known.add(body["anonymousId"])
            devices[decoded.skew_corrected] += 1
    assert is_share(devices[True], devices.total(), 0.2)
    assert off["skewed"] > 500
