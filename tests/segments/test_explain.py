"""What is explained of one customer, in small stories; expected values are reckoned by hand."""

from __future__ import annotations

import pytest

from stream.clock import rfc3339
from stream.explain.explanation import Explanation, SegmentState, explain
from stream.segments.definition import Variant
from tests.engine.lane import SETTINGS, Lane, definitions
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    identified,
    order,
    page,
    product,
)


def explained(lane: Lane, now_ms: int, customer: str = "a") -> Explanation:
    return explain(SETTINGS, lane.engine.timeline, customer.encode(), lane.row(customer), now_ms)


def state(lane: Lane, now_ms: int, segment: str, customer: str = "a") -> SegmentState:
    (found,) = [s for s in explained(lane, now_ms, customer).segments if s.segment == segment]
    return found


def ways(found: SegmentState) -> list[tuple[str, int]]:
    return [(way.words, way.at_ms) for way in found.ways]


def test_a_count_says_how_many_are_missing():
    lane = Lane(definitions("name: regular, enter: 'orders.count >= 3'"))
    lane.put("a", order(START_MS, "1"), order(START_MS + DAY, "2"))
    found = state(lane, START_MS + 2 * DAY, "regular")
    (leaf,) = found.leaves
    assert (found.member, found.verdict, found.since_ms) == (False, -1, None)
    assert (leaf.truth, leaf.value, leaf.unit, leaf.missing) == (False, 2, "count", 1)
    assert ways(found) == [("1 more order", START_MS + 2 * DAY)]


def test_an_amount_says_how_much_is_missing():
    lane = Lane(definitions("name: rich, enter: 'orders.revenue >= 100'"))
    lane.put("a", order(START_MS, "1", 87.5))
    found = state(lane, START_MS + DAY, "rich")
    (leaf,) = found.leaves
    assert (leaf.value, leaf.unit, leaf.missing) == (87.5, "currency", 12.5)
    assert ways(found) == [("1 more order of 12.50", START_MS + DAY)]


def test_a_trait_is_named_as_it_is_sent_whatever_stands_for_none():
    lane = Lane(definitions("name: vip, enter: 'trait(\"vip\", false)'"))
    lane.put("a", page(START_MS))
    assert ways(state(lane, START_MS + DAY, "vip")) == [("trait 'vip' is True", START_MS + DAY)]


def test_time_says_when_it_turns_the_comparison_and_the_segment():
    lane = Lane(definitions("name: fresh, enter: 'since(orders.last) <= 30 * DAY'"))
    lane.put("a", order(START_MS, "1"))
    found = state(lane, START_MS + DAY, "fresh")
    ends_ms = START_MS + 30 * DAY + 1
    assert (found.member, found.since_ms) == (True, START_MS)
    assert found.leaves[0].turns_ms == ends_ms
    assert found.silent is not None
    assert (found.silent.entered, found.silent.at_ms) == (False, ends_ms)
    assert (found.leaves[0].value, found.leaves[0].unit) == (86_400, "seconds")


def test_what_is_due_by_the_instant_has_happened():
    lane = Lane(definitions("name: fresh, enter: 'since(orders.last) <= 30 * DAY'"))
    lane.put("a", order(START_MS, "1"))
    found = state(lane, START_MS + 31 * DAY, "fresh")
    assert not found.member
    assert ways(found) == [("1 more order", START_MS + 31 * DAY)]
    assert lane.segments("a") == {"fresh": START_MS}, "the row itself stays as it is"


def test_events_and_then_silence():
    lane = Lane(
        definitions(
            "name: left, enter: 'cart.items > 0 and since(cart.last_activity) >= 1 * HOUR', "
            "exit: 'cart.items <= 0'"
        )
    )
    lane.put("a", page(START_MS))
    now_ms = START_MS + MINUTE
    assert ways(state(lane, now_ms, "left")) == [("1 more piece in the cart", now_ms + HOUR)]


def test_what_silence_does_as_soon_is_no_way_of_events():
    day = "since(seen.first) >= 1 * DAY"
    lane = Lane(definitions(f"name: left, enter: '{day} or ({day} and orders.count >= 1)'"))
    lane.put("a", page(START_MS))
    found = state(lane, START_MS + HOUR, "left")
    assert found.silent is not None
    assert (found.silent.entered, found.silent.at_ms) == (True, START_MS + DAY)
    assert found.ways == ()


def test_a_member_is_told_what_would_let_it_leave():
    lane = Lane(definitions("name: cart, enter: 'cart.items > 0'"))
    lane.put("a", added(START_MS, "x", 2))
    assert ways(state(lane, START_MS, "cart")) == [("the cart emptied", START_MS)]


def test_unknown_says_why():
    lane = Lane(definitions(
        "name: reader, enter: 'since(messages.last_opened) < 3 * DAY'",
        "name: rich, enter: 'percentile(orders.revenue) >= 0.9'",
        "name: gold, enter: 'trait(\"level\") == \"gold\"'",
        "name: share, enter: 'orders.items / orders.count > 2'"))  # fmt: skip
    lane.put("a", page(START_MS))
    why = {s.segment: s.leaves[0].why for s in explained(lane, START_MS).segments}
    assert why == {
        "reader": "messages.last_opened was never seen",
        "rich": "no threshold yet",
        "gold": "trait('level') is not known",
        "share": "it cannot be computed from these values",
    }
    assert all(s.leaves[0].truth is None for s in explained(lane, START_MS).segments)


def test_a_part_of_the_past_says_since_when():
    asked = "count(product_viewed, within=7 * DAY) < 2"
    lane = Lane(definitions("name: other, enter: 'orders.count > 9'"))
    lane.put("a", page(START_MS))
    lane.define(definitions(f"name: few, enter: '{asked}'"), START_MS + DAY)
    lane.tick(START_MS + DAY)
    found = state(lane, START_MS + 2 * DAY, "few")
    (leaf,) = found.leaves
    assert leaf.why is not None
    assert leaf.why.startswith(f"partial: kept since {rfc3339(START_MS + DAY)}, whole from ")
    # Seven days and one bucket of three hours after it is kept.
    assert leaf.turns_ms == START_MS + 8 * DAY + 3 * HOUR
    assert found.silent is not None
    assert (found.silent.entered, found.silent.at_ms) == (True, leaf.turns_ms)


def test_a_percentile_says_how_far_it_is():
    lane = Lane(definitions("name: rich, enter: 'percentile(orders.revenue) >= 0.9'"))
    lane.put("a", order(START_MS, "1", 60))
    lane.thresholds(START_MS + DAY, p90=100)
    lane.tick(START_MS + DAY)
    (leaf,) = state(lane, START_MS + DAY, "rich").leaves
    assert (leaf.truth, leaf.value, leaf.missing) == (False, 60.0, 40.0)
    assert ways(state(lane, START_MS + DAY, "rich")) == [("1 more order of 40.01", START_MS + DAY)]


def test_a_filtered_event_is_invented_and_confirmed():
    lane = Lane(definitions(
        "name: tea, enter: 'count(product_viewed, where=category == \"tea\" and price > 5) >= 2'"
    ))  # fmt: skip
    lane.put("a", product(START_MS, "x"))
    (way,) = state(lane, START_MS, "tea").ways
    assert way.words == '2 more product_viewed where category == "tea" and price > 5'
    assert way.at_ms == START_MS


def test_no_more_events_are_named_than_it_takes():
    lane = Lane(definitions(
        "name: big, enter: 'orders.count >= 1 and orders.revenue >= 100 and orders.items >= 1'",
        "name: half, enter: 'count(order_completed, where=channel == \"app\") >= 2 and "
        "count(order_completed, where=channel == \"app\") >= 0.5 * orders.count'"))  # fmt: skip
    lane.put("a", page(START_MS))
    assert ways(state(lane, START_MS, "big")) == [("1 more order of 100.00", START_MS)]
    lane.put("b", *(order(START_MS, str(number)) for number in range(3)))
    found = state(lane, START_MS, "half", "b")
    assert ways(found) == [('3 more order_completed where channel == "app"', START_MS)]


def test_a_turn_that_waits_says_until_when():
    lane = Lane(definitions("name: cart, enter: 'cart.items > 0', min_stay: 2 * DAY"))
    lane.put("a", added(START_MS, "x"), order(START_MS + HOUR, "1"))
    found = state(lane, START_MS + HOUR, "cart")
    assert (found.member, found.verdict) == (True, -1)
    assert found.waits_ms == START_MS + 2 * DAY
    assert found.silent is not None
    assert (found.silent.entered, found.silent.at_ms) == (False, START_MS + 2 * DAY)
    assert found.notes == (f"stays until {rfc3339(START_MS + 2 * DAY)} at least (min_stay)",)


def test_who_may_not_come_back_is_told_no_way():
    lane = Lane(definitions("name: cart, enter: 'cart.items > 0', reentry: once"))
    lane.put("a", added(START_MS, "x"), order(START_MS + HOUR, "1"))
    found = state(lane, START_MS + DAY, "cart")
    assert (found.member, found.ways, found.silent) == (False, (), None)
    assert found.notes == ("has been in it, and is let in once only (reentry)",)


def test_a_cooldown_is_waited_for():
    lane = Lane(definitions("name: cart, enter: 'cart.items > 0', cooldown: 3 * DAY"))
    lane.put("a", added(START_MS, "x"), order(START_MS + HOUR, "1"))
    found = state(lane, START_MS + DAY, "cart")
    again_ms = START_MS + HOUR + 3 * DAY
    assert ways(found) == [("1 more piece in the cart", again_ms)]
    assert found.notes == (f"is not let in again before {rfc3339(again_ms)} (cooldown, reentry)",)


def test_validity_is_a_comparison_with_an_instant():
    lane = Lane(definitions("name: may, enter: 'orders.count <= 0', valid_from: '2026-05-01'"))
    lane.put("a", page(START_MS))
    found = state(lane, START_MS, "may")
    begins_ms = 1_777_593_600_000
    assert [leaf.truth for leaf in found.leaves] == [True, False]
    assert found.leaves[1].turns_ms == begins_ms
    assert found.silent is not None
    assert found.silent.at_ms == begins_ms


def test_a_group_says_who_comes_first():
    lane = Lane(definitions(
        "name: best, group: g, enter: 'orders.count >= 3'",
        "name: good, group: g, enter: 'orders.count >= 1'",
        "name: rest, group: g, enter: 'orders.count <= 5'"))  # fmt: skip
    lane.put("a", order(START_MS, "1"))
    found = {s.segment: s for s in explained(lane, START_MS).segments}
    assert [s.member for s in found.values()] == [False, True, False]
    assert {s.winner for s in found.values()} == {"good"}
    assert found["best"].notes == ("good is the first of the group that holds",)
    assert found["good"].notes == (
        "it is the first of its group that holds; the 1 before it are not known to hold",
    )
    assert found["rest"].notes == ("good comes before it in the group, and holds",)
    assert ways(found["best"]) == [("2 more orders", START_MS)]
    assert found["rest"].ways == ()


def test_to_come_into_a_later_one_of_a_group_the_one_before_it_has_to_end():
    lane = Lane(definitions(
        "name: full, group: g, enter: 'cart.items > 0'",
        "name: seeker, group: g, enter: 'sessions.searches >= 1'"))  # fmt: skip
    lane.put("a", added(START_MS, "x"))
    (way,) = state(lane, START_MS, "seeker").ways
    assert sorted(way.words.split(" and ")) == ["1 more search", "the cart emptied"]
    assert way.at_ms == START_MS


def test_control_group_and_variant_are_those_of_the_change():
    lane = Lane(definitions(
        "name: cart, enter: 'cart.items > 0', action: {channels: [email], control: 0.5, "
        "variants: [{name: plain}, {name: gift}]}"))  # fmt: skip
    for number in range(20):
        lane.put(f"c{number}", added(START_MS, "x"))
    for change in lane.changes:
        (found,) = explained(lane, START_MS, change.customer).segments
        assert (found.holdout, found.variant) == (change.holdout, change.variant)
    assert {c.holdout for c in lane.changes} == {None, "segment"}
    assert {c.variant for c in lane.changes} >= {"plain", "gift"}
    assert Variant("plain").weight == 1


def test_a_membership_of_another_segment_is_a_comparison():
    lane = Lane(definitions(
        "name: cart, enter: 'cart.items > 0'",
        "name: both, enter: 'in_segment(\"cart\") and orders.count >= 1'"))  # fmt: skip
    lane.put("a", added(START_MS, "x"))
    found = state(lane, START_MS, "both")
    assert [(leaf.truth, leaf.value) for leaf in found.leaves] == [(True, True), (False, 0)]


@pytest.mark.parametrize(
    "text",
    [
        "orders.count >= 1",
        "orders.revenue > 10",
        "since(orders.last) >= 0 * DAY",
        "rhythm.gap * 2 > 3 * DAY",
        "rhythm.gap > 3 * DAY",
        "1 <= orders.count",
        "trait('level') == 'gold' and orders.count >= 1",
        "orders.items / orders.count >= 0",
        "sum(order_completed.revenue, within=7 * DAY) >= 1",
    ],
)
def test_the_evidence_of_a_change_is_what_is_explained(text):
    """Values and units are the same, and times are in seconds."""
    lane = Lane(definitions(f'name: it, enter: "{text}"'))
    lane.put("a", identified(START_MS, level="gold"), order(START_MS, "1", 20))
    (change,) = lane.changes
    found = state(lane, START_MS, "it")
    assert [(e.leaf, e.after, e.value) for e in change.evidence] == [
        (leaf.leaf, leaf.truth, leaf.value) for leaf in found.leaves
    ]
    values = {leaf.leaf: (leaf.value, leaf.unit) for leaf in found.leaves}
    expected = {
        "orders.count >= 1": (1, "count"),
        "orders.revenue > 10": (20.0, "currency"),
        "rhythm.gap * 2 > 3 * DAY": (120 * 86_400, "seconds"),
        "rhythm.gap > 3 * DAY": (60 * 86_400, "seconds"),
        "1 <= orders.count": (1, "count"),
        "trait('level') == 'gold'": ("gold", "text"),
    }
    assert all(values[each] == expected[each] for each in values.keys() & expected.keys())
