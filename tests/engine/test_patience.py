"""Definitions that ask for patience, that nobody hears of, or whose past begins with them."""

from __future__ import annotations

import msgspec
import pytest

from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS
from stream.events.records import Item, Link, ProductViewed
from stream.outcomes.assignment import assign
from stream.segments.definition import Variant
from stream.state.codec import pack, unpack
from stream.state.row import ROW_FORMAT
from stream.state.windows import resolution_ms
from tests.engine.lane import Lane, definitions
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS, added, order, page

WEEK_STEP = resolution_ms(7 * DAY_MS)


def viewed(time_ms: int, category: str, euros: float = 1, *, channel: str | None = None):
    item = Item(product_id=f"of-{category}", category=category, price_micros=int(euros * 1e6))
    return ProductViewed(time_ms, time_ms, time_ms, (), channel, item)


def turns(lane: Lane) -> list[tuple[str, int]]:
    """`+name` or `-name`, with the milliseconds since the start."""
    return [("+" if t.entered else "-") + t.segment and
            (("+" if t.entered else "-") + t.segment, t.time_ms - START_MS)
            for t in lane.turns]  # fmt: skip


# -- patience --------------------------------------------------------------------------------------


def test_a_member_stays_for_the_least_time():
    lane = Lane(definitions("name: cart, enter: cart.items > 0, min_stay: 3 * HOUR"))
    lane.put("a", added(START_MS, "p"))
    lane.put("a", order(START_MS + HOUR, "1", 5))
    lane.tick(START_MS + 3 * HOUR - 1)
    assert turns(lane) == [("+cart", 0)]
    lane.tick(START_MS + 3 * HOUR)
    assert turns(lane)[1:] == [("-cart", 3 * HOUR)]
    assert [e.leaf for e in lane.changes[-1].evidence][-1] == "min_stay 10800 s"


def test_who_changes_his_mind_while_a_turn_waits_has_not_left():
    lane = Lane(definitions("name: cart, enter: cart.items > 0, min_stay: 3 * HOUR"))
    lane.put("a", added(START_MS, "p"), order(START_MS + HOUR, "1", 5))
    lane.put("a", added(START_MS + 2 * HOUR, "q"))
    lane.tick(START_MS + DAY)
    assert turns(lane) == [("+cart", 0)]


def test_nobody_comes_back_sooner_than_the_cooldown():
    lane = Lane(definitions("name: cart, enter: cart.items > 0, cooldown: 1 * DAY"))
    lane.put("a", added(START_MS, "p"), order(START_MS + HOUR, "1", 5))
    lane.put("a", added(START_MS + 2 * HOUR, "q"))
    lane.tick(START_MS + 2 * DAY)
    assert turns(lane) == [("+cart", 0), ("-cart", HOUR), ("+cart", HOUR + DAY)]


@pytest.mark.parametrize(
    ("policy", "again"),
    [("always", [2 * HOUR, 9 * DAY]), ("once", []), ("once per 7 * DAY", [7 * DAY, 9 * DAY])],
)
def test_re_entry_follows_its_policy(policy, again):
    lane = Lane(definitions(f"name: cart, enter: cart.items > 0, reentry: {policy}"))
    lane.put("a", added(START_MS, "p"), order(START_MS + HOUR, "1", 5))
    lane.put("a", added(START_MS + 2 * HOUR, "q"))
    lane.tick(START_MS + 8 * DAY)
    lane.put("a", order(START_MS + 8 * DAY, "2", 5), added(START_MS + 9 * DAY, "r"))
    lane.tick(START_MS + 10 * DAY)
    entries = [at_ms for name, at_ms in turns(lane) if name == "+cart"]
    if policy == "once per 7 * DAY":
        again = [7 * DAY]  # and then not before the 14th day
    assert entries == [0, *again]


def test_a_restored_partition_waits_on():
    content = definitions("name: cart, enter: cart.items > 0, min_stay: 3 * HOUR")
    lane = Lane(content)
    lane.put("a", added(START_MS, "p"), order(START_MS + HOUR, "1", 5))
    lane.engine = lane.restored()
    lane.tick(START_MS + DAY)
    assert turns(lane) == [("+cart", 0), ("-cart", 3 * HOUR)]


# -- validity, shadow, customers -------------------------------------------------------------------


def test_a_segment_begins_and_ends_by_the_shops_calendar():
    content = b"timezone: Europe/Berlin\n" + definitions(
        "name: week, enter: orders.count >= 0, valid_from: 2026-11-27, valid_until: 2026-12-01"
    )
    begins_ms = 1_795_734_000_000  # 2026-11-26T23:00Z, midnight in Berlin
    lane = Lane(content)
    lane.put("a", page(begins_ms - DAY))
    lane.tick(begins_ms + 9 * DAY)
    assert [(t.entered, t.time_ms, t.cause) for t in lane.turns] == [
        (True, begins_ms, "timer"), (False, begins_ms + 4 * DAY, "timer")]  # fmt: skip


def test_of_a_definition_in_shadow_nobody_is_told():
    lane = Lane(definitions(
        "name: cart, enter: cart.items > 0",
        "name: cart2, enter: cart.items > 1, shadow: true"))  # fmt: skip
    lane.put("a", added(START_MS, "p", 2))
    assert turns(lane) == [("+cart", 0)]
    shadow = [change for found in lane.effects for change in found.shadow_changes]
    assert [(c.segment, c.entered, c.time_ms) for c in shadow] == [("cart2", True, START_MS)]
    assert lane.changes[0].segments == ("cart",)
    assert lane.effects[-1].memberships["a"].since_ms == {"cart": START_MS}
    assert lane.engine.members == {"cart": 1, "cart2": 1}
    assert lane.restored().members == {"cart": 1, "cart2": 1}


def test_who_counts_as_a_customer_is_kept_and_told_to_nobody():
    lane = Lane(
        b"customer: orders.count >= 1\n" + definitions("name: any, enter: orders.count > 8")
    )
    lane.put("a", page(START_MS))
    assert lane.engine.members.get(":customer", 0) == 0
    lane.put("a", order(START_MS + 1, "1", 5))
    assert (turns(lane), lane.engine.members[":customer"]) == ([], 1)


def test_control_group_and_variant_are_stamped_as_the_assignment_says():
    action = "{channels: [email], control: 0.3, variants: [{name: plain}, {name: free, weight: 2}]}"
    content = b"control: {share: 0.1, salt: s1}\n" + definitions(
        f"name: cart, enter: cart.items > 0, action: {action}"
    )
    lane = Lane(content)
    variants = (Variant("plain"), Variant("free", 2))
    seen = set()
    for number in range(200):
        lane.put(f"c{number}", added(START_MS + number, "p"))
        expected = assign(f"c{number}", "cart", "s1", 0.3, 0.1, variants)
        change = lane.changes[-1]
        assert (change.holdout, change.variant) == expected
        assert change.control == (expected.holdout is not None)
        seen.add(expected)
    assert len(seen) == 4


def test_jitter_spreads_the_telling_and_not_the_flip():
    lane = Lane(definitions("name: cart, enter: cart.items > 0, jitter: 2 * HOUR"))
    for number in range(50):
        lane.put(f"c{number}", added(START_MS, "p"))
    assert {change.time_ms for change in lane.changes} == {START_MS}
    delays = [change.not_before_ms - START_MS for change in lane.changes]
    assert min(delays) >= 0
    assert max(delays) < 2 * HOUR_MS
    assert len(set(delays)) > 40


# -- a past that begins with its definitions -------------------------------------------------------

COUNTING = definitions(
    "name: any, enter: orders.count >= 1",
    "name: keen, enter: 'count(product_viewed, within=7 * DAY) >= 2'",
    "name: calm, enter: 'count(product_viewed, within=7 * DAY) < 2'",
)


def test_a_new_measure_proves_at_least_at_once_and_at_most_when_its_window_is_whole():
    lane = Lane(definitions("name: any, enter: orders.count >= 1"))
    lane.put("a", page(START_MS))
    lane.put("b", page(START_MS))
    lane.tick(START_MS + DAY)
    lane.define(COUNTING, active_ms=START_MS + DAY)
    lane.put("a", viewed(START_MS + 2 * DAY, "x"), viewed(START_MS + 2 * DAY + 1, "y"))
    assert [(t.customer, t.segment) for t in lane.turns] == [("a", "keen")]
    whole_ms = START_MS + DAY + 7 * DAY + WEEK_STEP
    lane.tick(whole_ms - 1)
    assert [(t.customer, t.segment) for t in lane.turns] == [("a", "keen")]
    lane.tick(whole_ms)
    assert ("b", "calm", whole_ms) in [(t.customer, t.segment, t.time_ms) for t in lane.turns]


def test_whoever_comes_after_the_definitions_has_a_whole_past():
    lane = Lane(definitions("name: any, enter: orders.count >= 1"))
    lane.tick(START_MS)
    lane.define(COUNTING, active_ms=START_MS)
    lane.put("new", viewed(START_MS + DAY, "x"))
    assert [(t.customer, t.segment) for t in lane.turns] == [("new", "calm")]


def test_a_measure_goes_on_over_an_edit_of_another_definition_and_a_restore():
    lane = Lane(COUNTING)
    lane.put("a", viewed(START_MS, "x"))
    edited = COUNTING.replace(b"orders.count >= 1", b"orders.count >= 2")
    lane.tick(START_MS + HOUR)
    lane.define(edited, active_ms=START_MS + HOUR)
    lane.engine = lane.restored()
    lane.put("a", viewed(START_MS + 2 * HOUR, "x"))
    assert [name for name, _ in turns(lane)] == ["+calm", "+keen", "-calm"] or [
        name for name, _ in turns(lane)
    ] == ["+calm", "-calm", "+keen"]


def test_a_measure_that_nobody_asks_for_any_more_is_dropped():
    lane = Lane(COUNTING)
    lane.put("a", viewed(START_MS, "x"))
    assert lane.row("a").windows
    lane.tick(START_MS + HOUR)
    lane.define(definitions("name: any, enter: orders.count >= 1"), active_ms=START_MS + HOUR)
    lane.tick(START_MS + 2 * HOUR)
    assert lane.row("a").windows == {}


def test_a_merge_adds_up_both_rows_measures():
    lane = Lane(COUNTING)
    lane.put("anon", viewed(START_MS, "x"))
    lane.put("known", viewed(START_MS + MINUTE_MS, "y"))
    lane.put("anon", Link(target="known", time_ms=START_MS + HOUR, received_ms=START_MS + HOUR))
    lane.deliver()
    assert set(lane.segments("known")) == {"keen"}


def test_rows_with_all_that_pack_and_unpack_to_the_same():
    lane = Lane(definitions(
        "name: a, enter: 'count(product_viewed, within=7 * DAY) >= 1', cooldown: 1 * DAY",
        "name: b, enter: 'distinct(product_viewed.category) >= 1', shadow: true",
        "name: c, enter: 'sequence(product_viewed, then=not order_completed, within=1 * DAY)'",
        "name: d, enter: 'first(product_viewed.price) > 0'"))  # fmt: skip
    lane.put("a", viewed(START_MS, "x"))
    packed = lane.changelog[b"a"]
    row = unpack(packed)
    assert len(row.windows) == 4
    assert row.shadows == {"b": START_MS}
    assert row.past == {"a": (START_MS, 0)}
    assert pack(row) == packed
    assert msgspec.msgpack.decode(packed)[0] == ROW_FORMAT


def test_a_row_that_a_version_only_wakes_sooner_is_woken_after_a_restore_as_well():
    lane = Lane(definitions("name: far, enter: since(seen.last) >= 9 * DAY"))
    lane.put("a", page(START_MS))
    lane.tick(START_MS + 40 * MINUTE)  # the visit has ended, and the next flip is known
    lane.put("a", page(START_MS + HOUR))
    nearer = definitions("name: near, enter: since(seen.last) >= 2 * HOUR")
    lane.define(nearer, active_ms=START_MS + HOUR + MINUTE)
    lane.tick(START_MS + HOUR + 2 * MINUTE)
    lane.engine = lane.restored()
    lane.tick(START_MS + 4 * HOUR)
    assert turns(lane) == [("+near", 3 * HOUR)]
