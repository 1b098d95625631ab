from __future__ import annotations

import msgspec

from tests.engine.lane import Lane, Turn, definitions, expect_counts_to_add_up
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    cancelled,
    identified,
    order,
    page,
)

QUIET = definitions("name: quiet, enter: since(seen.last) >= 1 * HOUR")


def test_an_event_changes_what_reads_it_at_its_time():
    lane = Lane(definitions("name: cart, enter: cart.items > 0"))
    assert lane.put("c", page(START_MS)) == []
    assert lane.put("c", added(START_MS + 1)) == [Turn("c", "cart", True, START_MS + 1, "event")]
    assert lane.segments("c") == {"cart": START_MS + 1}


def test_a_timer_fires_at_its_instant_when_the_clock_passes_it():
    lane = Lane(QUIET)
    lane.put("c", page(START_MS))
    assert lane.tick(START_MS + HOUR - 1) == []
    assert lane.tick(START_MS + 3 * HOUR) == [Turn("c", "quiet", True, START_MS + HOUR, "timer")]


def test_due_timers_fire_before_the_event():
    lane = Lane(QUIET)
    lane.put("c", page(START_MS))
    assert lane.put("c", page(START_MS + 5 * HOUR)) == [
        Turn("c", "quiet", True, START_MS + HOUR, "timer"),
        Turn("c", "quiet", False, START_MS + 5 * HOUR, "event"),
    ]


def test_a_timer_due_at_the_events_instant_fires_before_it():
    lane = Lane(QUIET)
    lane.put("c", page(START_MS))
    assert lane.put("c", page(START_MS + HOUR)) == [
        Turn("c", "quiet", True, START_MS + HOUR, "timer"),
        Turn("c", "quiet", False, START_MS + HOUR, "event"),
    ]


def test_that_holds_where_it_is_the_only_timer_too():
    lane = Lane(definitions("name: quiet, enter: since(orders.last) >= 1 * HOUR"))
    lane.put("c", order(START_MS, "1", channel="store"))
    assert lane.put("c", order(START_MS + HOUR, "2", channel="store")) == [
        Turn("c", "quiet", True, START_MS + HOUR, "timer"),
        Turn("c", "quiet", False, START_MS + HOUR, "event"),
    ]


def test_a_timer_that_activity_moved_does_not_fire_at_its_old_instant():
    lane = Lane(QUIET)
    lane.put("c", page(START_MS), page(START_MS + 50 * MINUTE))
    assert lane.tick(START_MS + HOUR) == []
    assert lane.tick(START_MS + 110 * MINUTE) == [
        Turn("c", "quiet", True, START_MS + 110 * MINUTE, "timer")
    ]


def test_the_first_event_of_a_customer_decides_every_segment():
    """Also those that read nothing of what the event brings: else their timers never start."""
    lane = Lane(
        definitions(
            "name: silent, enter: since(seen.first) >= 1 * DAY and orders.count <= 0",
            "name: newcomer, enter: orders.count <= 0",
        )
    )
    assert lane.put("c", identified(START_MS, plan="gold")) == [
        Turn("c", "newcomer", True, START_MS, "event")
    ]
    assert lane.tick(START_MS + DAY) == [Turn("c", "silent", True, START_MS + DAY, "timer")]


def test_a_clock_that_stands_or_goes_back_is_ignored():
    lane = Lane(QUIET)
    lane.put("c", page(START_MS))
    lane.tick(START_MS + MINUTE)
    lane.tick(START_MS)
    assert lane.engine.clock_ms == START_MS + MINUTE


def test_a_repeated_message_is_a_duplicate():
    lane = Lane(QUIET)
    event = order(START_MS, "1", 10)
    lane.put("c", event, event)
    lane.put("c", event)
    assert lane.row("c").orders.count == 1
    assert (lane.counts().applied, lane.counts().duplicate) == (1, 2)
    expect_counts_to_add_up(lane.counts())


def test_the_same_message_of_another_customer_is_none():
    lane = Lane(QUIET)
    event = order(START_MS, "1", 10)
    lane.put("c", event)
    lane.put("d", event)
    assert lane.counts().duplicate == 0


def test_a_duplicate_fires_no_timer_and_writes_no_row():
    lane = Lane(QUIET)
    event = page(START_MS)
    lane.put("c", event)
    lane.put("c", event)
    assert set(lane.effects[-1].rows) == {b"\0meta"}


def test_a_change_carries_its_evidence_and_the_next_flip():
    lane = Lane(
        definitions(
            "name: cart, enter: cart.items > 0 and since(cart.last_activity) >= 1 * HOUR,"
            " exit: cart.items <= 0 or since(cart.last_activity) > 7 * DAY"
        )
    )
    lane.put("c", added(START_MS, quantity=2))
    lane.tick(START_MS + 2 * HOUR)
    change = lane.changes[0]
    assert [(e.leaf, e.before, e.after, e.value) for e in change.evidence] == [
        ("cart.items > 0", True, True, 2),
        ("since(cart.last_activity) >= 1 * HOUR", False, True, 3600),
        ("cart.items <= 0", False, False, 2),
        ("since(cart.last_activity) > 7 * DAY", False, False, 3600),
    ]
    assert change.next_flip_ms == START_MS + 7 * DAY + 1
    assert change.valid_until_ms == START_MS + 7 * DAY + 1
    assert change.segments == ("cart",)


def test_a_change_is_valid_for_seven_days_where_time_does_not_end_it_earlier():
    lane = Lane(definitions("name: buyer, enter: orders.count >= 1"))
    lane.put("c", order(START_MS))
    change = lane.changes[0]
    assert (change.next_flip_ms, change.valid_until_ms) == (None, START_MS + 7 * DAY)


def test_a_change_told_of_an_hour_after_its_time_is_historic():
    lane = Lane(definitions("name: buyer, enter: orders.count >= 1"))
    lane.put("a", order(START_MS), stamp_ms=START_MS + HOUR)
    lane.put("b", order(START_MS), stamp_ms=START_MS + HOUR + 1)
    assert [change.historic for change in lane.changes] == [False, True]


def test_sequences_of_a_customer_count_up_by_one():
    lane = Lane()
    lane.put("c", page(START_MS), added(START_MS + 1), order(START_MS + DAY, "1"))
    lane.put("c", order(START_MS + 20 * DAY, "2"))
    lane.tick(START_MS + 300 * DAY)
    assert [change.sequence for change in lane.changes] == list(range(1, len(lane.changes) + 1))
    assert len(lane.changes) > 6


def test_ids_of_changes_are_all_different():
    lane = Lane()
    for customer in ("a", "b"):
        lane.put(customer, page(START_MS), added(START_MS), order(START_MS + DAY, "1"))
    lane.tick(START_MS + 300 * DAY)
    assert len({change.id for change in lane.changes}) == len(lane.changes)


def test_memberships_of_a_batch_are_of_its_end():
    lane = Lane(
        definitions(
            "name: cart, enter: cart.items > 0", "name: seen, enter: seen.last > seen.first"
        )
    )
    lane.put("c", added(START_MS), page(START_MS + 1), order(START_MS + 2))
    membership = lane.effects[-1].memberships["c"]
    assert membership.since_ms == {"seen": START_MS + 1}
    assert (membership.sequence, membership.time_ms) == (3, START_MS + 2)


def test_a_customer_who_left_everything_is_a_tombstone():
    lane = Lane(definitions("name: cart, enter: cart.items > 0"))
    lane.put("c", added(START_MS))
    lane.put("c", order(START_MS + 1))
    assert lane.effects[-1].memberships == {"c": None}
    assert lane.engine.members == {"cart": 0}


def test_members_are_counted_by_segment():
    lane = Lane(definitions("name: cart, enter: cart.items > 0"))
    for customer in "abc":
        lane.put(customer, added(START_MS))
    lane.put("b", order(START_MS + 1))
    assert lane.engine.members == {"cart": 2}


def test_the_rows_written_are_those_that_changed_and_the_meta_record():
    lane = Lane(QUIET)
    lane.put("a", page(START_MS))
    lane.put("b", page(START_MS))
    assert set(lane.effects[-1].rows) == {b"b", b"\0meta"}
    assert msgspec.msgpack.decode(lane.effects[-1].rows[b"\0meta"])[1] == len(lane.log)


def test_an_exclusive_group_has_at_most_one_member_segment():
    lane = Lane(
        definitions(
            "name: many, group: g, enter: orders.count >= 3",
            "name: some, group: g, enter: orders.count >= 1",
        )
    )
    for number in range(4):
        lane.put("c", order(START_MS + number * DAY, str(number)))
    assert lane.turns == [
        Turn("c", "some", True, START_MS, "event"),
        Turn("c", "some", False, START_MS + 2 * DAY, "event"),
        Turn("c", "many", True, START_MS + 2 * DAY, "event"),
    ]


def test_who_is_in_none_of_a_group_that_holds_leaves_it():
    lane = Lane(
        definitions(
            "name: many, group: g, enter: orders.count >= 3",
            "name: some, group: g, enter: orders.count >= 2",
        )
    )
    for number in range(2):
        lane.put("c", order(START_MS + number * DAY, str(number)))
    lane.put("c", cancelled(START_MS + 2 * DAY, "1"))
    assert lane.turns == [
        Turn("c", "some", True, START_MS + DAY, "event"),
        Turn("c", "some", False, START_MS + 2 * DAY, "event"),
    ]


def test_in_a_group_too_nobody_leaves_on_unknown():
    lane = Lane(
        definitions(
            "name: gold, group: g, enter: trait('tier') == 'gold'",
            "name: old, group: g, enter: orders.count >= 9",
        )
    )
    lane.put("c", identified(START_MS, tier="gold"))
    lane.put("c", identified(START_MS + 1, tier=7))  # a number is no tier
    assert lane.segments("c") == {"gold": START_MS}
    lane.put("c", identified(START_MS + 2, tier="silver"))
    assert not lane.segments("c")


def test_a_segment_follows_another_one_that_it_asks_for():
    lane = Lane(
        definitions(
            "name: quiet, enter: since(seen.last) >= 1 * HOUR",
            "name: lost_cart, enter: in_segment('quiet') and cart.items > 0",
        )
    )
    lane.put("c", added(START_MS))
    lane.put("c", page(START_MS + 2 * HOUR))
    assert lane.turns == [
        Turn("c", "quiet", True, START_MS + HOUR, "timer"),
        Turn("c", "lost_cart", True, START_MS + HOUR, "timer"),
        Turn("c", "quiet", False, START_MS + 2 * HOUR, "event"),
        Turn("c", "lost_cart", False, START_MS + 2 * HOUR, "event"),
    ]


def test_timers_pending_and_fired_are_counted():
    lane = Lane(QUIET)
    lane.put("a", page(START_MS))
    lane.put("b", page(START_MS))
    assert lane.effects[-1].counts.timers_pending >= 2
    lane.tick(START_MS + 40 * DAY)
    assert lane.effects[-1].counts.timers_pending == 0
    assert lane.effects[-1].counts.timers_fired == 4  # a session's end and the hour, of both


def test_learning_points_come_from_purchases_and_ended_visits():
    lane = Lane(QUIET)
    lane.put("c", page(START_MS))
    assert lane.effects[-1].learned == []
    lane.tick(START_MS + 30 * MINUTE)
    assert [point.time_ms for point in lane.effects[-1].learned] == [START_MS + 30 * MINUTE]
    lane.put("c", order(START_MS + DAY, "1"))
    assert [point.time_ms for point in lane.effects[-1].learned] == [START_MS + DAY]
