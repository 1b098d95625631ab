"""Flapping as a running worker counts it, against the figures of a backtest."""

from __future__ import annotations

import random
from collections import Counter

from stream.backtest.stays import Stays
from stream.clock import DAY_MS
from stream.events.changes import SegmentChanged
from stream.shell.flaps import Flaps

HOUR_MS = 3_600_000


def change(
    segment: str, customer: str, time_ms: int, *, entered: bool, initial: bool = False
) -> SegmentChanged:
    return SegmentChanged(
        id="i", customer=customer, segment=segment, entered=entered, time_ms=time_ms, sequence=1,
        definition="d", cause="definition" if initial else "event", evidence=(), next_flip_ms=None,
        segments=(), historic=False, initial=initial, valid_until_ms=None, control=False, action={},
    )  # fmt: skip


def history(customers: int, turns: int, seed: int) -> list[SegmentChanged]:
    """Customers who go in and out of two segments, after minutes or weeks, in the order of time."""
    rng = random.Random(seed)
    found: list[SegmentChanged] = []
    for number in range(customers):
        for segment in ("cart", "cluster:7"):
            at_ms = rng.randrange(DAY_MS)
            for turn in range(turns):
                entered = turn % 2 == 0
                found.append(change(segment, f"c{number}", at_ms, entered=entered))
                at_ms += rng.choice((HOUR_MS, DAY_MS, DAY_MS + 1, 9 * DAY_MS))
    return sorted(found, key=lambda each: each.time_ms)


def backtested(changes: list[SegmentChanged], segment: str) -> int:
    stays = Stays(0)
    for each in changes:
        if each.segment == segment:
            (stays.enter if each.entered else stays.leave)(each.customer, each.time_ms)
    return stays.flaps_24h


def batches(flaps: Flaps, changes: list[SegmentChanged], size: int = 50) -> Counter[str]:
    found: Counter[str] = Counter()
    for at in range(0, len(changes), size):
        found += flaps.count(changes[at : at + size])
    return found


def test_a_flap_is_what_backtest_counts_as_one():
    changes = history(200, 12, seed=3)
    expected = backtested(changes, "cart")
    assert expected > 400
    assert batches(Flaps(), changes) == {
        "cart": expected,
        "cluster": backtested(changes, "cluster:7"),
    }


def test_a_day_after_the_exit_is_a_flap_and_a_millisecond_later_is_none():
    for after_ms, expected in ((0, 1), (DAY_MS, 1), (DAY_MS + 1, 0)):
        changes = [
            change("s", "a", 5, entered=True),
            change("s", "a", 10, entered=False),
            change("s", "a", 10 + after_ms, entered=True),
        ]
        assert Flaps().count(changes)["s"] == expected


def test_what_an_edited_definition_did_is_no_flap():
    out, back = (
        change("s", "a", 10, entered=False, initial=True),
        change("s", "a", 20, entered=True, initial=True),
    )
    assert Flaps().count([out, change("s", "a", 20, entered=True)]) == {}
    assert Flaps().count([change("s", "a", 10, entered=False), back]) == {}


def test_another_customer_or_another_segment_is_no_flap():
    changes = [
        change("s", "a", 10, entered=False),
        change("s", "b", 20, entered=True),
        change("t", "a", 20, entered=True),
    ]
    assert Flaps().count(changes) == {}


def test_who_is_held_apart_each_hour_does_not_flap():
    changes = [
        change("quarantine:rate", "bot", hour * HOUR_MS, entered=hour % 2 == 0)
        for hour in range(24)
    ]
    assert Flaps().count(changes) == {}


def test_without_room_a_sample_tells_how_many_there_are():
    changes = history(2_000, 8, seed=5)
    expected = backtested(changes, "cart")
    flaps = Flaps(exits_max=512)
    found = batches(flaps, changes)["cart"]
    assert flaps.weight >= 4
    # Three standard deviations of a draw of so many, one in `weight` of which is seen.
    assert abs(found - expected) < 3 * (expected * flaps.weight * 2) ** 0.5


def test_it_keeps_no_more_exits_than_it_may():
    flaps = Flaps(exits_max=64)
    for number in range(10_000):
        flaps.count([change("s", f"c{number}", number, entered=False)])
        assert len(flaps._left_ms) <= 64
    assert flaps.weight > 1


def test_exits_of_long_ago_make_room_before_anybody_is_left_out():
    flaps = Flaps(exits_max=64)
    for number in range(1_000):
        flaps.count([change("s", f"c{number}", number * HOUR_MS, entered=False)])
    assert flaps.weight == 1
