"""Histograms of a partition, quantiles of the shop, and the versions that they become."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from stream.clock import DAY_MS, day_of
from stream.engine.coordinator import Coordinator, SourceReport
from stream.events.records import Tick, Version
from stream.features.population import bucket_of
from tests.engine.lane import Lane, Turn, definitions
from tests.state.shopping import (
    DAY,
    HOUR,
    MICROS,
    MINUTE,
    START_MS,
    cancelled,
    order,
    page,
    product,
)

RICH = definitions(
    "name: rich, enter: percentile(orders.revenue) >= 0.9, exit: percentile(orders.revenue) < 0.5"
)
DAY_0 = START_MS // DAY_MS


def histogram(lane: Lane, day: int) -> dict[int, int]:
    (snapshot,) = [p for e in lane.effects for p in e.population if p.day == day]
    return snapshot.counts.get("orders.revenue", {})


def test_a_snapshot_counts_each_customers_revenue_as_of_the_days_first_instant():
    lane = Lane(RICH)
    lane.tick(START_MS)
    amounts = {"a": [10, 20], "b": [30], "c": [5], "d": []}
    for customer, paid in amounts.items():
        lane.put(customer, page(START_MS))
        for number, amount in enumerate(paid):
            lane.put(customer, order(START_MS + number, f"{customer}{number}", amount))
    lane.put("c", cancelled(START_MS + HOUR, "c0"))
    lane.tick(START_MS + DAY + HOUR)
    expected = Counter(bucket_of(amount * MICROS) for amount in (30, 30))
    assert histogram(lane, DAY_0 + 1) == expected


def test_orders_of_the_next_day_are_in_the_next_days_histogram():
    """Also those that came before the clock reached that day."""
    lane = Lane(RICH)
    lane.tick(START_MS)
    lane.put("a", order(START_MS, "1", 10))
    lane.put("a", order(START_MS + DAY, "2", 15))
    lane.put("b", order(START_MS + DAY - 1, "3", 10))
    lane.tick(START_MS + DAY)
    lane.tick(START_MS + 2 * DAY)
    assert histogram(lane, DAY_0 + 1) == {bucket_of(10 * MICROS): 2}
    assert histogram(lane, DAY_0 + 2) == {bucket_of(10 * MICROS): 1, bucket_of(25 * MICROS): 1}


def test_a_late_order_never_takes_a_customer_out_of_a_place_not_yet_counted():
    """The customer's time is ahead in the next day, the order is of the present one."""
    lane = Lane(RICH)
    lane.tick(START_MS)
    lane.put("a", order(START_MS + DAY + HOUR, "1", 10))
    lane.put("a", order(START_MS + HOUR, "2", 90))
    lane.tick(START_MS + DAY)
    lane.tick(START_MS + 2 * DAY)
    assert all(count > 0 for count in histogram(lane, DAY_0 + 1).values())
    assert histogram(lane, DAY_0 + 2) == {bucket_of(100 * MICROS): 1}


def test_a_late_order_of_a_day_that_is_told_counts_on_the_open_day():
    lane = Lane(RICH)
    lane.tick(START_MS)
    lane.tick(START_MS + DAY)
    lane.put("a", order(START_MS + HOUR, "1", 10))
    lane.tick(START_MS + 2 * DAY)
    assert histogram(lane, DAY_0 + 1) == {}
    assert histogram(lane, DAY_0 + 2) == {bucket_of(10 * MICROS): 1}
    assert lane.engine.decider.deltas == {}


def test_the_first_tick_tells_no_snapshot_and_a_day_is_told_once():
    lane = Lane(RICH)
    lane.tick(START_MS)
    for hours in (1, 23, 24, 25, 30, 48, 49):
        lane.tick(START_MS + hours * HOUR)
    assert [p.day for e in lane.effects for p in e.population] == [DAY_0 + 1, DAY_0 + 2]


def test_a_feature_that_no_order_changes_is_counted_too():
    lane = Lane(definitions("name: keen, enter: percentile(products.viewed) >= 0.9"))
    lane.tick(START_MS)
    lane.put("a", product(START_MS, "x"), product(START_MS + 1, "y"))
    lane.tick(START_MS + DAY)
    assert lane.effects[-1].population[0].counts == {"products.viewed": {bucket_of(2): 1}}


def test_a_feature_that_a_new_version_asks_for_is_counted_from_its_activation():
    lane = Lane(definitions("name: it, enter: percentile(orders.revenue) >= 0.9"))
    lane.put("a", order(START_MS, "1", 10))
    lane.put("a", order(START_MS + DAY, "2", 10))
    lane.tick(START_MS + DAY)
    lane.define(definitions("name: it, enter: percentile(orders.count) >= 0.9"), START_MS + DAY)
    lane.tick(START_MS + DAY + 1)
    restored = lane.restored()
    assert restored.store.get(b"a").buckets["orders.count"] == bucket_of(2)
    lane.tick(START_MS + 2 * DAY)
    assert lane.effects[-1].population[0].counts["orders.count"] == {bucket_of(2): 1}


def test_a_new_threshold_moves_members_at_its_activation():
    lane = Lane(RICH)
    lane.put("a", order(START_MS, "1", 100))
    lane.put("b", order(START_MS, "1", 10))
    lane.tick(START_MS)
    assert lane.thresholds(START_MS + DAY, p90=50, p50=20) == []
    assert lane.tick(START_MS + DAY - 1) == []
    assert lane.tick(START_MS + DAY) == [Turn("a", "rich", True, START_MS + DAY, "model")]
    lane.thresholds(START_MS + 2 * DAY, p90=500, p50=200)
    assert lane.tick(START_MS + 2 * DAY + HOUR) == [
        Turn("a", "rich", False, START_MS + 2 * DAY, "model")
    ]


def test_an_event_after_the_activation_crosses_its_customer_first():
    lane = Lane(RICH)
    lane.put("a", order(START_MS, "1", 100))
    lane.tick(START_MS)
    lane.thresholds(START_MS + DAY, p90=50, p50=20)
    assert lane.put("a", page(START_MS + DAY + MINUTE)) == [
        Turn("a", "rich", True, START_MS + DAY, "model")
    ]
    assert lane.tick(START_MS + DAY + HOUR) == []


def test_an_event_before_the_activation_is_decided_by_the_old_threshold():
    lane = Lane(RICH)
    lane.put("a", page(START_MS))
    lane.tick(START_MS)
    lane.thresholds(START_MS + HOUR, p90=50, p50=20)
    assert lane.put("a", order(START_MS + HOUR - 1, "1", 100)) == []
    assert lane.put("b", order(START_MS + HOUR, "1", 100)) == [
        Turn("b", "rich", True, START_MS + HOUR, "event")
    ]


def test_timers_and_activations_are_one_timeline():
    lane = Lane(
        definitions(
            "name: rich, enter: percentile(orders.revenue) >= 0.9",
            "name: early, enter: since(orders.last) >= 1 * HOUR",
            "name: late, enter: since(orders.last) >= 3 * HOUR",
        )
    )
    lane.put("a", order(START_MS, "1", 100))
    lane.thresholds(START_MS + 2 * HOUR, p90=50)
    lane.tick(START_MS + 5 * HOUR)
    assert [(t.segment, t.time_ms - START_MS) for t in lane.turns] == [
        ("early", HOUR), ("rich", 2 * HOUR), ("late", 3 * HOUR),
    ]  # fmt: skip


def test_an_activation_comes_before_a_timer_of_the_same_instant():
    lane = Lane(definitions("name: old, enter: since(orders.last) >= 1 * HOUR"))
    lane.put("a", order(START_MS, "1", channel="store"))
    lane.define(definitions("name: new, enter: since(orders.last) >= 1 * HOUR"), START_MS + HOUR)
    lane.tick(START_MS + 2 * HOUR)
    assert lane.turns == [Turn("a", "new", True, START_MS + HOUR, "definition")]


def test_what_time_turns_at_the_instant_of_a_threshold_is_told_with_it():
    """The activation comes first, and asks the whole condition: neither half of it waits."""
    lane = Lane(
        definitions(
            "name: asleep, enter: percentile(orders.revenue) >= 0.9 and since(orders.last) >= DAY"
        )
    )
    lane.put("a", order(START_MS, "1", 100))
    lane.put("b", order(START_MS + HOUR, "1", 100))
    lane.tick(START_MS + 2 * HOUR)
    lane.thresholds(START_MS + DAY, p90=50, p50=20)
    assert lane.tick(START_MS + DAY) == [Turn("a", "asleep", True, START_MS + DAY, "model")]
    due_ms = START_MS + DAY + HOUR
    assert lane.tick(due_ms + HOUR) == [Turn("b", "asleep", True, due_ms, "timer")]


def test_a_segment_that_asks_for_one_by_percentile_follows_the_new_threshold():
    lane = Lane(
        definitions(
            "name: rich, enter: percentile(orders.revenue) >= 0.9",
            "name: vip, enter: in_segment('rich') and orders.count >= 1",
        )
    )
    lane.put("a", order(START_MS, "1", 100))
    lane.thresholds(START_MS + HOUR, p90=50)
    assert [t.segment for t in lane.tick(START_MS + HOUR)] == ["rich", "vip"]


# -- the coordinator ------------------------------------------------------------------------------


class Shop:
    """Partitions under one coordinator, driven as a shell drives them."""

    def __init__(self, partitions: int, content: bytes) -> None:
        self.lanes = [Lane(None, partition=p) for p in range(partitions)]
        self.coordinator = Coordinator(partitions)
        self.coordinator.version("definitions", "d1", content)
        self.controls: list[Tick | Version] = []
        self.event_ms = 0

    def until(self, watermark_ms: int) -> None:
        self.coordinator.source(SourceReport(0, watermark_ms, 0, 1, self.event_ms))
        while (decision := self.coordinator.decide()) is not None:
            for control in decision.control:
                self.controls.append(control)
                for lane in self.lanes:
                    lane.put(None, control)
                    for snapshot in lane.effects[-1].population:
                        self.coordinator.snapshot(snapshot)

    def put(self, customer: str, *records) -> None:
        self.lanes[hash_of(customer) % len(self.lanes)].put(customer, *records)
        self.event_ms = max(self.event_ms, *(record.time_ms for record in records))


def hash_of(customer: str) -> int:
    return sum(customer.encode())


@pytest.mark.parametrize("partitions", [1, 3])
def test_the_top_tenth_of_all_partitions_is_high_value_from_the_next_midnight_on(partitions: int):
    """Orders of day 0 are told at the first instant of day 1, and decide from day 2 on."""
    shop = Shop(partitions, RICH)
    shop.until(START_MS)
    revenue = np.random.default_rng(3).lognormal(4, 1, size=400)
    for number, amount in enumerate(revenue):
        shop.put(f"c{number}", order(START_MS + number, str(number), round(float(amount), 2)))
    shop.until(START_MS + 2 * DAY - 1)
    assert [lane.engine.members.get("rich", 0) for lane in shop.lanes] == [0] * partitions
    shop.until(START_MS + 2 * DAY)
    members = {
        turn.customer: turn for lane in shop.lanes for turn in lane.turns if turn.segment == "rich"
    }
    exact = np.quantile(revenue, 0.9, method="inverted_cdf")
    must = {f"c{n}" for n, amount in enumerate(revenue) if amount > exact * 1.021}
    may = {f"c{n}" for n, amount in enumerate(revenue) if amount > exact / 1.021}
    assert must <= set(members) <= may
    assert {turn.time_ms for turn in members.values()} == {START_MS + 2 * DAY}
    assert {turn.cause for turn in members.values()} == {"model"}


def test_thresholds_stand_in_the_log_before_the_tick_that_comes_near_their_day():
    shop = Shop(2, RICH)
    shop.until(START_MS)
    for number in range(40):
        shop.put(f"c{number}", order(START_MS + number, str(number), 10 + number))
    shop.until(START_MS + 3 * DAY + HOUR)
    kinds = [type(control).__name__ for control in shop.controls]
    (at,) = [n for n, c in enumerate(shop.controls) if getattr(c, "kind", "") == "population"]
    assert shop.controls[at].active_ms == START_MS + 2 * DAY
    before = [c.clock_ms for c in shop.controls[:at] if isinstance(c, Tick)]
    assert max(before) < START_MS + 2 * DAY - 5 * MINUTE
    assert kinds[0] == "Version"


def test_thresholds_are_told_as_soon_as_the_clock_is_within_five_minutes_of_their_day():
    """From then on events of that day may pass: it is the last moment."""
    shop = Shop(1, RICH)
    shop.until(START_MS)
    for number in range(40):
        shop.put(f"c{number}", order(START_MS + number, str(number), 10 + number))
    told = []
    for before_ms in (6 * MINUTE, 5 * MINUTE + 1, 5 * MINUTE, MINUTE):
        shop.until(START_MS + 2 * DAY - before_ms)
        told.append(sum(getattr(c, "kind", "") == "population" for c in shop.controls))
    assert told == [0, 0, 1, 1]
    assert isinstance(shop.controls[-1], Tick)


def test_quiet_days_keep_the_thresholds_and_take_one_tick():
    shop = Shop(2, RICH)
    shop.until(START_MS)
    for number in range(40):
        shop.put(f"c{number}", order(START_MS + number, str(number), 10 + number))
    shop.until(START_MS + 400 * DAY)
    ticks = [control for control in shop.controls if isinstance(control, Tick)]
    versions = [c for c in shop.controls if getattr(c, "kind", "") == "population"]
    assert len(versions) == 1
    assert versions[0].active_ms == START_MS + 2 * DAY
    assert len(ticks) < 10
    assert ticks[-1].clock_ms == START_MS + 400 * DAY


def test_twenty_customers_are_needed_for_a_percentile():
    shop = Shop(1, RICH)
    shop.until(START_MS)
    for number in range(19):
        shop.put(f"c{number}", order(START_MS + number, str(number), 10))
    shop.until(START_MS + 5 * DAY)
    assert not [c for c in shop.controls if getattr(c, "kind", "") == "population"]


def test_the_clock_waits_for_the_histograms_of_every_partition():
    coordinator = Coordinator(2)
    coordinator.version("definitions", "d1", RICH)
    coordinator.source(SourceReport(0, START_MS, 0, 1, START_MS))
    assert coordinator.decide().control[-1] == Tick(clock_ms=START_MS)
    coordinator.source(SourceReport(0, START_MS + 9 * DAY, 0, 1, START_MS + 9 * DAY))
    capped = coordinator.decide().control[-1].clock_ms
    assert capped == START_MS + 2 * DAY - 5 * MINUTE - 1
    assert coordinator.decide() is None
    assert coordinator.awaited_day() == day_of(START_MS) + 1
    coordinator.skip_day()
    assert coordinator.decide().control[-1].clock_ms == START_MS + 3 * DAY - 5 * MINUTE - 1
