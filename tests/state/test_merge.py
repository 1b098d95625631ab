from __future__ import annotations

from stream.state.fold import expire
from stream.state.merge import ALIASES_MAX, merge
from stream.state.orders import rhythm_ms
from stream.state.row import Row
from tests.state.shopping import (
    DAY,
    HOUR,
    MICROS,
    MINUTE,
    START_MS,
    added,
    cancelled,
    checkout,
    identified,
    message,
    order,
    page,
    refunded,
    row_after,
)


def merged(mine: list, theirs: list) -> Row:
    row = row_after(*mine)
    merge(row, row_after(*theirs), "anon")
    return row


def cart_of(row: Row) -> dict[str, int]:
    return {} if row.cart is None else {sku: line.quantity for sku, line in row.cart.lines.items()}


def test_an_empty_row_takes_over_what_the_other_one_knows():
    theirs = [page(START_MS), added(START_MS), order(START_MS - HOUR, "1"), message(START_MS)]
    row, expected = merged([], theirs), row_after(*theirs)
    assert (row.sessions, row.cart, row.orders) == (
        expected.sessions, expected.cart, expected.orders,
    )  # fmt: skip
    assert (row.first_ms, row.last_ms) == (START_MS - HOUR, START_MS)


def test_the_order_of_the_one_empties_the_older_cart_of_the_other():
    row = merged(
        [order(START_MS + HOUR, "1")], [added(START_MS, "old"), added(START_MS + 2 * HOUR, "new")]
    )
    assert cart_of(row) == {"new": 1}
    row = merged(
        [added(START_MS, "old"), added(START_MS + 2 * HOUR, "new")], [order(START_MS + HOUR, "1")]
    )
    assert cart_of(row) == {"new": 1}
    assert row.cart.items == 1


def test_a_line_of_both_carts_keeps_the_larger_quantity():
    row = merged([added(START_MS, "a", 1)], [added(START_MS + 1, "a", 3), added(START_MS, "b")])
    assert cart_of(row) == {"a": 3, "b": 1}
    assert (row.cart.items, row.cart.last_ms) == (4, START_MS + 1)


def test_steps_before_an_order_of_the_other_row_are_no_part_of_the_open_checkout():
    row = merged([checkout(START_MS)], [order(START_MS + HOUR, "1"), checkout(START_MS + 2 * HOUR)])
    assert (row.checkout.started_ms, row.checkout.steps) == (START_MS + 2 * HOUR, 1)


def test_steps_of_both_rows_are_one_checkout():
    row = merged(
        [checkout(START_MS, payment_method="card")],
        [checkout(START_MS + MINUTE), checkout(START_MS + 2 * MINUTE)],
    )
    assert (row.checkout.started_ms, row.checkout.last_ms) == (START_MS, START_MS + 2 * MINUTE)
    assert (row.checkout.steps, row.checkout.payment_method) == (3, "card")


def test_visits_closer_than_half_an_hour_are_one():
    row = merged([page(START_MS)], [page(START_MS + 10 * MINUTE), page(START_MS + 20 * MINUTE)])
    assert (row.sessions.count, row.sessions.pages, row.sessions.total_pages) == (1, 3, 3)
    assert (row.sessions.start_ms, row.sessions.last_ms) == (START_MS, START_MS + 20 * MINUTE)


def test_visits_further_apart_stay_two_and_the_later_one_stays_open():
    row = merged([page(START_MS + 2 * HOUR)], [page(START_MS), page(START_MS + MINUTE)])
    assert (row.sessions.count, row.sessions.open, row.sessions.pages) == (2, True, 1)
    assert row.sessions.closed_ms == MINUTE


def test_a_visit_that_had_ended_in_its_own_row_joins_as_if_it_had_not():
    anonymous = row_after(page(START_MS), page(START_MS + 20 * MINUTE))
    expire(anonymous, START_MS + HOUR)
    row = row_after(page(START_MS + 40 * MINUTE), page(START_MS + 45 * MINUTE))
    expire(row, START_MS + 2 * HOUR)
    merge(row, anonymous, "anon")
    assert (row.sessions.count, row.sessions.open) == (1, False)
    assert row.sessions.closed_ms == 45 * MINUTE


def test_an_order_known_to_both_rows_counts_once():
    row = merged(
        [order(START_MS, "1", 10), order(START_MS + DAY, "2", 20)],
        [order(START_MS, "1", 10), order(START_MS + 2 * DAY, "3", 40)],
    )
    assert (row.orders.count, row.orders.revenue_micros) == (3, 70 * MICROS)
    assert len(row.orders.recent) == 3


def test_a_refund_told_to_the_one_row_counts_for_the_order_known_to_both():
    row = merged(
        [order(START_MS, "1", 10), refunded(START_MS, "1", 4)],
        [order(START_MS, "1", 10), refunded(START_MS + DAY, "1", 3)],
    )
    assert (row.orders.count, row.orders.refunded_micros) == (1, 7 * MICROS)


def test_a_cancellation_told_to_the_one_row_cancels_the_order_of_the_other():
    for mine, theirs in (
        ([order(START_MS, "1", 10)], [cancelled(START_MS + DAY, "1")]),
        ([cancelled(START_MS + DAY, "1")], [order(START_MS, "1", 10)]),
        ([order(START_MS, "1", 10)], [order(START_MS, "1", 10), cancelled(START_MS + DAY, "1")]),
    ):
        row = merged(mine, theirs)
        assert (row.orders.count, row.orders.cancelled, row.orders.revenue_micros) == (0, 1, 0)
        assert (row.orders.first_ms, row.orders.last_ms) == (0, 0)


def test_rhythm_is_of_all_orders_in_the_order_of_their_time():
    row = merged(
        [order(START_MS, "1"), order(START_MS + 40 * DAY, "3")],
        [order(START_MS + 20 * DAY, "2"), order(START_MS + 60 * DAY, "4")],
    )
    assert (row.orders.occasions, row.orders.last_gap_ms) == (4, 20 * DAY)
    assert rhythm_ms(row.orders) == 30 * DAY  # three gaps of 20 days and one of 60


def test_orders_in_another_currency_are_counted_without_their_amounts():
    row = merged(
        [order(START_MS, "1", 10, currency="EUR")],
        [order(START_MS + DAY, "2", 99, currency="USD")],
    )
    assert (row.orders.count, row.orders.foreign) == (2, 1)
    assert (row.orders.revenue_micros, row.orders.currency) == (10 * MICROS, "EUR")


def test_the_traits_of_the_later_identify_win():
    early, late = identified(START_MS, plan="free", city="Kiel"), identified(START_MS + 1, plan="b")
    assert merged([early], [late]).traits == {"plan": "b", "city": "Kiel"}
    assert merged([late], [early]).traits == {"plan": "b", "city": "Kiel"}


def test_aliases_are_kept_for_erasure_and_bounded():
    row, other = Row(), Row(aliases=["older"])
    merge(row, other, "anon")
    assert row.aliases == ["anon", "older"]
    for number in range(ALIASES_MAX + 5):
        merge(row, Row(), f"device-{number}")
    assert len(row.aliases) == ALIASES_MAX
