"""Stories of the built-in segments: who enters and leaves which, to the millisecond."""

from __future__ import annotations

from tests.engine.lane import Lane
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    cancelled,
    checkout,
    order,
    page,
    product,
    refunded,
    removed,
)

JOURNEY = {
    "lapsed", "at_risk", "won_back", "loyal", "regular",
    "new_customer", "one_time_buyer", "exploring", "new_visitor",
}  # fmt: skip


def story(*events, until: int = 0, only: set[str] | None = None) -> list[tuple[str, int, str]]:
    """(+segment or -segment, milliseconds since the start, cause) of one customer's changes.

    `thresholds` say that 100 units of revenue are the top tenth, 50 the top half.
    """
    lane = Lane()
    lane.thresholds(0, p90=100, p85=80, p50=50)
    for event in events:
        lane.put("c", event)
    lane.tick(START_MS + until)
    return [
        (("+" if turn.entered else "-") + turn.segment, turn.time_ms - START_MS, turn.cause)
        for turn in lane.turns
        if only is None or turn.segment in only
    ]


def of(segment: str, *events, until: int = 0) -> list[tuple[str, int, str]]:
    return story(*events, until=until, only={segment})


def test_new_visitor_is_everyone_who_came_once_and_looked_at_little():
    assert of("new_visitor", page(START_MS), page(START_MS + HOUR), until=DAY) == [
        ("+new_visitor", 0, "event"),
        ("-new_visitor", HOUR, "event"),
    ]


def test_exploring_begins_with_the_second_visit_or_the_third_product_and_ends_with_an_order():
    by_visit = (page(START_MS), page(START_MS + 30 * MINUTE), order(START_MS + HOUR, "1"))
    assert of("exploring", *by_visit, until=DAY) == [
        ("+exploring", 30 * MINUTE, "event"),
        ("-exploring", HOUR, "event"),
    ]
    looks = [product(START_MS + n * MINUTE, f"p{n}") for n in range(3)]
    assert of("exploring", *looks, until=DAY) == [("+exploring", 2 * MINUTE, "event")]


def test_new_customer_lasts_thirty_days_and_becomes_one_time_buyer():
    found = story(order(START_MS, "1"), until=100 * DAY, only=JOURNEY)
    assert found == [
        ("+new_customer", 0, "event"),
        ("-new_customer", 30 * DAY + 1, "timer"),
        ("+one_time_buyer", 30 * DAY + 1, "timer"),
    ]


def test_one_time_buyer_lapses_after_four_times_sixty_days():
    assert of("one_time_buyer", order(START_MS, "1"), until=400 * DAY) == [
        ("+one_time_buyer", 30 * DAY + 1, "timer"),
        ("-one_time_buyer", 240 * DAY + 1, "timer"),
    ]


def test_regular_is_who_ordered_twice_until_twice_their_rhythm_has_passed():
    """Orders 30 days apart: the rhythm is the mean of 30 and 60 days, 45."""
    found = of("regular", order(START_MS, "1"), order(START_MS + 30 * DAY, "2"), until=400 * DAY)
    assert found == [
        ("+regular", 30 * DAY, "event"),
        ("-regular", 30 * DAY + 90 * DAY + 1, "timer"),
    ]


def test_at_risk_is_from_twice_to_four_times_the_rhythm():
    found = of("at_risk", order(START_MS, "1"), order(START_MS + 30 * DAY, "2"), until=400 * DAY)
    assert found == [
        ("+at_risk", 120 * DAY + 1, "timer"),
        ("-at_risk", 210 * DAY + 1, "timer"),
    ]


def test_at_risk_ends_with_the_next_order():
    events = [order(START_MS + day * DAY, str(day)) for day in (0, 30, 130)]
    assert of("at_risk", *events, until=140 * DAY) == [
        ("+at_risk", 120 * DAY + 1, "timer"),
        ("-at_risk", 130 * DAY, "event"),
    ]


def test_lapsed_is_who_stayed_away_for_four_times_their_rhythm_until_they_order():
    events = [order(START_MS + day * DAY, str(day)) for day in (0, 30, 250)]
    assert of("lapsed", *events, until=260 * DAY) == [
        ("+lapsed", 210 * DAY + 1, "timer"),
        ("-lapsed", 250 * DAY, "event"),
    ]


def test_won_back_is_for_ninety_days_who_ordered_after_having_lapsed():
    """The gap of 220 days is 4.9 times the rhythm of 45 days before it."""
    events = [order(START_MS + day * DAY, str(day)) for day in (0, 30, 250)]
    assert of("won_back", *events, until=400 * DAY) == [
        ("+won_back", 250 * DAY, "event"),
        ("-won_back", 340 * DAY + 1, "timer"),
    ]


def test_who_came_back_from_being_at_risk_is_not_won_back():
    events = [order(START_MS + day * DAY, str(day)) for day in (0, 30, 130)]
    assert of("won_back", *events, until=200 * DAY) == []


def test_loyal_begins_with_the_fifth_order():
    events = [order(START_MS + n * 20 * DAY, str(n)) for n in range(5)]
    rhythm = (4 * 20 + 60) * DAY // 5
    assert of("loyal", *events, until=400 * DAY) == [
        ("+loyal", 80 * DAY, "event"),
        ("-loyal", 80 * DAY + 2 * rhythm + 1, "timer"),
    ]


def test_a_cancelled_order_takes_the_customer_back_where_they_were():
    events = [page(START_MS), order(START_MS + MINUTE, "1"), cancelled(START_MS + HOUR, "1")]
    found = story(*events, until=DAY, only=JOURNEY)
    names = ["+new_visitor", "-new_visitor", "+new_customer", "-new_customer", "+new_visitor"]
    assert [name for name, _, _ in found] == names


def test_the_journey_is_exclusive_and_exhaustive_at_every_step():
    events = [page(START_MS), *(order(START_MS + day * DAY, str(day)) for day in (3, 40, 70, 500))]
    found = story(*events, until=2000 * DAY, only=JOURNEY)
    held: set[str] = set()
    for name, at_ms, _ in found:
        held ^= {name[1:]}
        others = [when for other, when, _ in found if when == at_ms]
        assert len(held) == 1 or len(others) == 2
    assert held == {"lapsed"}


# -- intent ---------------------------------------------------------------------------------------


def test_abandoned_cart_is_from_an_hour_after_its_last_activity_to_seven_days():
    events = (added(START_MS), page(START_MS + MINUTE), added(START_MS + 10 * MINUTE, "b"))
    assert of("abandoned_cart", *events, until=30 * DAY) == [
        ("+abandoned_cart", 70 * MINUTE, "timer"),
        ("-abandoned_cart", 10 * MINUTE + 7 * DAY, "timer"),
    ]


def test_abandoned_cart_ends_with_the_order_or_the_last_piece_taken_out():
    assert of("abandoned_cart", added(START_MS), order(START_MS + 2 * HOUR, "1"), until=DAY) == [
        ("+abandoned_cart", HOUR, "timer"),
        ("-abandoned_cart", 2 * HOUR, "event"),
    ]
    assert of("abandoned_cart", added(START_MS), removed(START_MS + 2 * HOUR), until=DAY) == [
        ("+abandoned_cart", HOUR, "timer"),
        ("-abandoned_cart", 2 * HOUR, "event"),
    ]


def test_who_orders_within_the_hour_abandoned_nothing():
    assert of("abandoned_cart", added(START_MS), order(START_MS + HOUR - 1), until=DAY) == []


def test_activity_on_an_abandoned_cart_does_not_end_it_and_prolongs_it():
    events = (added(START_MS), added(START_MS + 2 * HOUR, "b"))
    assert of("abandoned_cart", *events, until=30 * DAY) == [
        ("+abandoned_cart", HOUR, "timer"),
        ("-abandoned_cart", 2 * HOUR + 7 * DAY, "timer"),
    ]


def test_abandoned_checkout_is_from_half_an_hour_after_its_last_step_to_seven_days():
    events = (checkout(START_MS), checkout(START_MS + 5 * MINUTE, "payment"))
    assert of("abandoned_checkout", *events, until=30 * DAY) == [
        ("+abandoned_checkout", 35 * MINUTE, "timer"),
        ("-abandoned_checkout", 5 * MINUTE + 7 * DAY, "timer"),
    ]


def test_abandoned_checkout_ends_with_the_order():
    events = (checkout(START_MS), order(START_MS + HOUR, "1"))
    assert of("abandoned_checkout", *events, until=DAY) == [
        ("+abandoned_checkout", 30 * MINUTE, "timer"),
        ("-abandoned_checkout", HOUR, "event"),
    ]


def test_abandoned_browse_is_from_an_hour_after_the_second_product_to_three_days():
    events = (product(START_MS, "a"), product(START_MS + MINUTE, "b"))
    assert of("abandoned_browse", *events, until=30 * DAY) == [
        ("+abandoned_browse", 61 * MINUTE, "timer"),
        ("-abandoned_browse", MINUTE + 3 * DAY, "timer"),
    ]


def test_abandoned_browse_ends_when_something_is_in_the_cart():
    looked = (product(START_MS, "a"), product(START_MS + MINUTE, "b"))
    assert of("abandoned_browse", *looked, added(START_MS + 2 * HOUR), until=DAY) == [
        ("+abandoned_browse", 61 * MINUTE, "timer"),
        ("-abandoned_browse", 2 * HOUR, "event"),
    ]
    one = (product(START_MS, "a"), product(START_MS + MINUTE, "a"))
    assert of("abandoned_browse", *one, until=DAY) == []


# -- value ----------------------------------------------------------------------------------------


def test_high_value_enters_in_the_top_tenth():
    events = (order(START_MS, "1", 100), order(START_MS + HOUR, "2", 0.01))
    assert of("high_value", *events, until=DAY) == [("+high_value", HOUR, "event")]


def test_high_value_leaves_below_the_top_fifteen_per_cent_and_stays_in_between():
    between = (order(START_MS, "1", 81), order(START_MS, "2", 50), cancelled(START_MS + 1, "2"))
    assert of("high_value", *between, until=DAY) == [("+high_value", 0, "event")]
    below = (order(START_MS, "1", 80), order(START_MS, "2", 50), cancelled(START_MS + 1, "2"))
    assert of("high_value", *below, until=DAY) == [
        ("+high_value", 0, "event"),
        ("-high_value", 1, "event"),
    ]


def test_serial_returner_is_who_sends_nearly_all_of_three_matured_orders_back():
    """The third order matures 30 days after it; 90% of the matured revenue is refunded."""
    bought = [order(START_MS + n * DAY, str(n), 100) for n in range(3)]
    back = [refunded(START_MS + 5 * DAY, str(n), 90) for n in range(3)]
    assert of("serial_returner", *bought, *back, until=60 * DAY) == [
        ("+serial_returner", 32 * DAY, "timer")
    ]


def test_serial_returner_leaves_when_orders_that_are_kept_have_matured():
    """Four orders of 100, 360 refunded of 400; a kept one of 300 brings the rate to 51%."""
    bought = [order(START_MS + n * DAY, str(n), 100) for n in range(4)]
    back = [refunded(START_MS + 5 * DAY, str(n), 90) for n in range(4)]
    kept = order(START_MS + 40 * DAY, "kept", 300)
    assert of("serial_returner", *bought, *back, kept, until=100 * DAY) == [
        ("+serial_returner", 32 * DAY, "timer"),
        ("-serial_returner", 70 * DAY, "timer"),
    ]


def test_who_buys_little_is_no_serial_returner():
    bought = [order(START_MS + n * DAY, str(n), 10) for n in range(3)]
    back = [refunded(START_MS + 5 * DAY, str(n), 10) for n in range(3)]
    assert of("serial_returner", *bought, *back, until=60 * DAY) == []


def test_returns_at_exactly_the_bounds_neither_enter_nor_stay():
    bought = [order(START_MS + n * DAY, str(n), 100) for n in range(3)]
    back = [refunded(START_MS + 5 * DAY, str(n), 85) for n in range(3)]
    assert of("serial_returner", *bought, *back, until=60 * DAY) == []
