from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from stream.events.envelope import decode
from stream.events.records import Custom
from stream.simulation import traffic
from stream.simulation.envelopes import KINDS
from stream.simulation.traffic import TrafficConfig, generate
from tests.simulation.month import DAY_MS, MONDAY_MS, Month

SCRIPT = """
import hashlib, sys
from stream.simulation.traffic import TrafficConfig, generate, truths
config = TrafficConfig(customers=80, start_ms=1767571200000, days=3, late=.02, duplicates=.02,
                       malformed=.01, seed=int(sys.argv[1]))
digest = hashlib.sha256()
for event in generate(config):
    digest.update(event.key + event.value)
digest.update(repr(list(truths(config))).encode())
print(digest.hexdigest())
"""


def digest(project_root: Path, hash_seed: str, seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(project_root)}
    command = [sys.executable, "-c", SCRIPT, seed]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_a_seed_gives_the_same_bytes_whatever_the_hash_seed(project_root: Path):
    same = {digest(project_root, hash_seed, "5") for hash_seed in ("0", "1", "4242")}
    assert len(same) == 1
    assert same != {digest(project_root, "0", "6")}


def test_more_customers_leave_the_first_ones_as_they_were():
    few = TrafficConfig(customers=40, start_ms=MONDAY_MS, days=4, late=0.02, duplicates=0.02)
    many = TrafficConfig(customers=90, start_ms=MONDAY_MS, days=4, late=0.02, duplicates=0.02)
    assert [e for e in generate(many) if e.customer < 40] == list(generate(few))


def test_a_longer_run_begins_with_the_shorter_ones_events():
    short = TrafficConfig(customers=60, start_ms=MONDAY_MS, days=3)
    long = TrafficConfig(customers=60, start_ms=MONDAY_MS, days=9)
    assert [e for e in generate(long) if e.received_ms < short.end_ms] == list(generate(short))


def test_events_come_in_the_order_in_which_they_were_received(month: Month):
    received = [event.received_ms for event in month.events]
    assert all(a <= b for a, b in pairwise(received))
    assert month.config.start_ms <= received[0]
    assert received[-1] < month.config.end_ms


def test_without_faults_a_customers_events_are_received_in_the_order_of_their_times(month: Month):
    last: dict[tuple[int, bytes], int] = {}
    for event in month.events:
        device = (event.customer, event.key)
        assert event.time_ms > last.get(device, 0)
        last[device] = event.time_ms


def test_every_kind_of_event_occurs(month: Month):
    assert {event.kind for event in month.events} == set(KINDS)


def test_decoding_finds_the_time_the_key_and_a_known_record(month: Month):
    for event in month.events[::7]:
        decoded = decode(event.value, event.received_ms, None)
        assert decoded.time_ms == event.time_ms
        assert decoded.received_ms == event.received_ms
        assert decoded.key.encode() == event.key
        assert not decoded.clamped
        assert not decoded.cut
        if event.kind == "alias":
            assert decoded.record is None
            assert decoded.links
            continue
        is_custom = isinstance(decoded.record, Custom)
        assert decoded.record is not None
        assert is_custom == (event.kind in OWN), event.kind


def test_message_ids_are_never_used_twice(month: Month):
    ids = {orjson.loads(event.value)["messageId"] for event in month.events}
    assert len(ids) == len(month.events)


def test_events_have_the_size_of_real_ones(month: Month):
    sizes = [len(event.value) for event in month.events]
    assert 900 <= statistics.mean(sizes) <= 1_100
    inside = sum(600 <= size <= 1_300 for size in sizes)
    assert inside / len(sizes) > 0.94
    assert max(sizes) < 8_192


def test_an_order_is_one_event_in_a_hundred(month: Month):
    orders = sum(event.kind == "Order Completed" for event in month.events)
    assert 0.005 <= orders / len(month.events) <= 0.02


OWN = {"Payment Failed", "Survey Answered", "Invite Sent", "Signed Up"}
"""Events that the shop has beside the specification's."""

FAMILIES = (
    ("pages and screens", "page "),
    ("products viewed and clicked", "Product Viewed|Product Clicked"),
    ("lists and searches", "Product List|Products Searched"),
    ("checkout and payment", "Checkout|Payment"),
    ("cart", "Product Added$|Product Removed$|Cart Viewed"),
    ("messages", "Email|Push|SMS|Unsubscribed"),
    ("wishlist", "Wishlist|Product (Added|Removed).*Wishlist"),
    (
        "promotions, shares, reviews, surveys",
        "Promotion|Product Shared|Cart Shared|Product Reviewed|Invite|Survey",
    ),
    ("orders", "Order Completed"),
    ("identify, alias, signing up, consent", "identify|alias|Signed Up|Segment Consent"),
    ("coupons", "Coupon"),
    ("refunds, cancellations, updates", "Order (Refunded|Cancelled|Updated)"),
)


def test_the_documented_mix_is_the_default_one():
    events = list(generate(TrafficConfig(start_ms=MONDAY_MS)))
    documented = {
        name: (float(share) / 100, float(size.replace(",", "")))
        for name, share, size in re.findall(
            r"^([a-z ,]+?) +([\d.]+) % +([\d,]+)$", traffic.__doc__ or "", re.MULTILINE
        )
    }
    assert set(documented) == {name for name, _ in FAMILIES}
    counted = 0
    for name, pattern in FAMILIES:
        sizes = [len(event.value) for event in events if re.match(pattern, event.kind)]
        share, size = documented[name]
        counted += len(sizes)
        assert len(sizes) / len(events) == pytest.approx(share, rel=0.08, abs=0.001), name
        assert statistics.mean(sizes) == pytest.approx(size, rel=0.08), name
    assert counted == len(events)
    assert len(events) == pytest.approx(89_000, rel=0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"customers": 0}, "customers"),
        ({"days": 0.0}, "days"),
        ({"surge": 0.5}, "surge"),
        ({"late": 1.5}, "late"),
        ({"malformed": -0.1}, "malformed"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_simulated_is_refused(settings: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        TrafficConfig(start_ms=MONDAY_MS, **settings)  # type: ignore[arg-type]


def test_a_surge_makes_days_pass_in_minutes():
    calm = TrafficConfig(customers=120, start_ms=MONDAY_MS, days=3)
    surge_ms = MONDAY_MS + 2 * DAY_MS
    fast = TrafficConfig(customers=120, start_ms=MONDAY_MS, days=3, surge_ms=surge_ms, surge=20)
    counts = [
        Counter(event.received_ms >= surge_ms for event in generate(config))
        for config in (calm, fast)
    ]
    assert counts[1][False] == pytest.approx(counts[0][False], rel=0.1)
    assert counts[1][True] > 8 * counts[0][True]
