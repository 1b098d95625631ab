"""Late events: they count, and never shorten, rewind, or go back in a customer's time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.lane import Lane, Turn, definitions
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    cart_seen,
    checkout,
    identified,
    order,
    page,
    product,
)

CART = definitions(
    "name: abandoned, enter: cart.items > 0 and since(cart.last_activity) >= 1 * HOUR"
)


def test_an_event_is_late_by_its_own_customers_time():
    lane = Lane(CART)
    lane.put("a", page(START_MS + DAY))
    lane.put("b", page(START_MS))
    assert lane.counts().late == 0
    lane.put("a", page(START_MS + DAY - 1))
    assert lane.counts().late == 1
    lane.put("a", page(START_MS + DAY))
    assert lane.counts().late == 1


def test_an_event_after_a_fired_timer_of_its_customer_is_late_by_that():
    lane = Lane(CART)
    lane.put("c", added(START_MS))
    lane.tick(START_MS + 2 * HOUR)
    changes = lane.put("c", order(START_MS + 50 * MINUTE, "1"))
    assert lane.counts().late == 1
    assert changes == [Turn("c", "abandoned", False, START_MS + HOUR, "event")]


def test_a_late_event_changes_nothing_before_the_customers_time_and_tells_its_true_instant():
    lane = Lane(definitions("name: buyer, enter: orders.count >= 1"))
    lane.put("c", page(START_MS + DAY))
    assert lane.put("c", order(START_MS, "1")) == [
        Turn("c", "buyer", True, START_MS + DAY, "event")
    ]
    assert lane.changes[0].at_ms == START_MS
    assert lane.row("c").time_ms == START_MS + DAY


def test_what_an_event_from_before_the_clock_empties_is_asked_anew():
    lane = Lane(definitions("name: vip_cart, enter: cart.items > 0 and trait('vip')"))
    lane.put("c", added(START_MS), identified(START_MS, vip=True))
    lane.tick(START_MS + 20 * MINUTE)
    changes = lane.put("c", order(START_MS + 10 * MINUTE, "1"))
    assert changes == [Turn("c", "vip_cart", False, START_MS + 10 * MINUTE, "event")]


def test_a_silent_membership_does_not_end_before_it_began():
    lane = Lane(definitions("name: quiet, shadow: true, enter: since(seen.last) >= 1 * HOUR"))
    lane.put("c", page(START_MS))
    lane.tick(START_MS + 2 * HOUR)
    lane.put("c", page(START_MS + 50 * MINUTE))
    turns = [(c.entered, c.time_ms) for found in lane.effects for c in found.shadow_changes]
    assert turns == [(True, START_MS + HOUR), (False, START_MS + HOUR)]


def test_a_late_event_tells_since_when_it_has_been_so_unbroken():
    content = definitions(
        "name: odd, enter: since(checkout.last_step) < 1 * HOUR"
        " or since(checkout.last_step) >= 5 * HOUR"
    )
    lane = Lane(content)
    lane.put("c", page(START_MS + 10 * HOUR))
    entry = Turn("c", "odd", True, START_MS + 10 * HOUR, "event")
    assert lane.put("c", checkout(START_MS)) == [entry]
    assert lane.changes[0].at_ms == START_MS + 5 * HOUR


def test_a_late_event_turns_nothing_before_patience_would_have_let_it():
    lane = Lane(definitions("name: cart, enter: cart.items > 0, min_stay: 3 * HOUR"))
    lane.put("c", added(START_MS))
    lane.put("c", page(START_MS + 10 * HOUR))
    exit_ = Turn("c", "cart", False, START_MS + 10 * HOUR, "event")
    assert lane.put("c", order(START_MS + HOUR, "1")) == [exit_]
    assert lane.changes[1].at_ms == START_MS + 3 * HOUR


def test_an_event_in_time_tells_no_other_instant():
    lane = Lane(definitions("name: buyer, enter: orders.count >= 1"))
    lane.put("c", order(START_MS, "1"))
    assert lane.changes[0].at_ms is None


def test_a_late_addition_does_not_shorten_the_carts_patience():
    lane = Lane(CART)
    lane.put("c", added(START_MS + HOUR))
    lane.put("c", added(START_MS + 10 * MINUTE, "b"))
    assert lane.tick(START_MS + 90 * MINUTE) == []
    assert lane.tick(START_MS + 3 * HOUR) == [
        Turn("c", "abandoned", True, START_MS + 2 * HOUR, "timer")
    ]


def test_what_a_late_event_makes_long_due_is_told_at_the_customers_time():
    lane = Lane(CART)
    lane.put("c", page(START_MS + DAY))
    assert lane.put("c", added(START_MS)) == [Turn("c", "abandoned", True, START_MS + DAY, "event")]


def test_what_time_turned_since_is_asked_anew_for_an_event_from_before_it():
    """The clock is past the window's end, the customer is not: at ten o'clock it was open."""
    content = definitions(
        "name: keen, enter: 'count(order_completed, within=1 * DAY) >= 1 and cart.items > 0'"
    )
    lane = Lane(content)
    lane.put("c", order(START_MS, "1"))
    lane.tick(START_MS + 3 * DAY)
    assert lane.row("c").time_ms < START_MS + 10 * HOUR
    entry = Turn("c", "keen", True, START_MS + 10 * HOUR, "event")
    assert lane.put("c", added(START_MS + 10 * HOUR)) == [entry]
    ends_ms = START_MS + 30 * MINUTE + DAY  # the order's half hour counts for a day from its end
    exit_ = Turn("c", "keen", False, ends_ms, "timer")
    assert lane.tick(START_MS + 3 * DAY + 1) == [exit_]


def test_a_late_order_matures_on_time():
    lane = Lane(definitions("name: matured, enter: returns.matured_orders >= 1"))
    lane.put("c", page(START_MS + 29 * DAY))
    lane.put("c", order(START_MS, "1"))
    assert lane.tick(START_MS + 31 * DAY) == [
        Turn("c", "matured", True, START_MS + 30 * DAY, "timer")
    ]


def test_a_timer_that_a_late_event_sets_in_the_past_fires_at_the_customers_time():
    lane = Lane(definitions("name: matured, enter: returns.matured_orders >= 1"))
    lane.put("c", page(START_MS + 60 * DAY))
    lane.put("c", order(START_MS, "1"))
    assert lane.tick(START_MS + 60 * DAY + 1) == [
        Turn("c", "matured", True, START_MS + 60 * DAY, "timer")
    ]
    assert lane.changes[0].at_ms == START_MS + 30 * DAY


HAPPENINGS = (page, added, order, product, checkout, cart_seen)


@given(
    st.lists(
        st.tuples(st.sampled_from(HAPPENINGS), st.integers(0, 3 * 24 * 60), st.booleans()),
        min_size=1,
        max_size=25,
    )
)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_times_and_sequences_of_a_customers_changes_only_grow(story):
    """Whatever comes in whatever order, with ticks in between."""
    lane = Lane()
    clock_ms = 0
    for build, minutes, is_tick in story:
        at_ms = START_MS + minutes * MINUTE
        if is_tick:
            clock_ms = max(clock_ms, at_ms)
            lane.tick(clock_ms)
        else:
            lane.put("c", build(at_ms))
    lane.tick(START_MS + 30 * DAY)
    times = [change.time_ms for change in lane.changes]
    assert times == sorted(times)
    assert [change.sequence for change in lane.changes] == list(range(1, len(times) + 1))


@given(
    st.permutations(range(7)),
    st.lists(st.integers(1, 50), min_size=7, max_size=7),
)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_where_only_lateness_differs_the_timer_is_never_earlier(order_of, minutes):
    """An activity told of late leaves the deadline where the latest activity has put it."""
    lane = Lane(definitions("name: quiet, enter: since(seen.last) >= 2 * HOUR"))
    times = [START_MS + sum(minutes[: n + 1]) * MINUTE for n in range(7)]
    for number in order_of:
        lane.put("c", page(times[number]))
    found = lane.tick(times[-1] + 10 * HOUR)
    assert found == [Turn("c", "quiet", True, times[-1] + 2 * HOUR, "timer")]
