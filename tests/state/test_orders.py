from __future__ import annotations

import pytest

from stream.clock import NEVER_MS
from stream.events.records import Item
from stream.state.codec import pack, unpack
from stream.state.fold import expire, fold
from stream.state.orders import ORDERS_MAX, AmountOverflowError, maturity_ms, rhythm_ms
from stream.state.row import Row
from stream.state.row_parts import Orders
from tests.state.shopping import (
    DAY,
    HOUR,
    MICROS,
    START_MS,
    cancelled,
    order,
    refunded,
    row_after,
    thing,
    updated,
)


def orders_after(*events) -> Orders:
    orders = row_after(*events).orders
    assert orders is not None
    return orders


def test_orders_are_counted_with_their_revenue_and_times():
    orders = orders_after(order(START_MS, "1", 10.5), order(START_MS + DAY, "2", 20))
    assert (orders.count, orders.revenue_micros) == (2, 30_500_000)
    assert (orders.first_ms, orders.last_ms) == (START_MS, START_MS + DAY)


def test_an_order_without_an_amount_costs_what_its_lines_cost():
    orders = orders_after(order(START_MS, "1", None, items=(thing("a", 3, 2.5), thing("b", 1, 4))))
    assert (orders.revenue_micros, orders.items) == (11_500_000, 4)


def test_the_same_order_twice_counts_once_with_its_latest_amount():
    orders = orders_after(order(START_MS, "1", 10), order(START_MS + HOUR, "1", 12))
    assert (orders.count, orders.revenue_micros) == (1, 12 * MICROS)
    assert orders.last_ms == START_MS


def test_orders_without_an_id_are_orders_of_their_own():
    assert orders_after(order(START_MS), order(START_MS)).count == 2


def test_an_update_without_an_amount_leaves_the_amount():
    orders = orders_after(order(START_MS, "1", 10), updated(START_MS + HOUR, "1"))
    assert (orders.count, orders.revenue_micros) == (1, 10 * MICROS)


def test_an_update_of_an_unknown_order_is_an_order():
    orders = orders_after(updated(START_MS, "1", 10))
    assert (orders.count, orders.revenue_micros) == (1, 10 * MICROS)


def test_money_of_another_currency_is_not_added_up():
    orders = orders_after(
        order(START_MS, "1", 10, currency="EUR"),
        order(START_MS + 1, "2", 99, currency="USD"),
        order(START_MS + 2, "3", 5),
    )
    assert (orders.count, orders.revenue_micros, orders.foreign) == (3, 15 * MICROS, 1)


def test_the_same_foreign_order_twice_is_one_foreign_order():
    orders = orders_after(
        order(START_MS, "1", 10, currency="EUR"),
        order(START_MS + 1, "2", 99, currency="USD"),
        order(START_MS + 2, "2", 99, currency="USD"),
    )
    assert (orders.count, orders.foreign) == (2, 1)


def test_a_late_order_is_counted_and_moves_no_time_forward():
    orders = orders_after(order(START_MS + DAY, "2", 1), order(START_MS, "1", 2))
    assert (orders.count, orders.first_ms, orders.last_ms) == (2, START_MS, START_MS + DAY)
    assert [kept.time_ms for kept in orders.recent] == [START_MS, START_MS + DAY]


def test_the_first_purchase_keeps_what_it_was_like():
    first = order(START_MS, "1", 30, coupon="HI", items=(thing("a", 2, 15),), channel="web")
    orders = orders_after(order(START_MS + DAY, "2", 99), first)
    assert orders.first.time_ms == START_MS
    assert (orders.first.revenue_micros, orders.first.items) == (30 * MICROS, 2)
    assert (orders.first.product, orders.first.coupon, orders.first.channel) == ("a", "HI", "web")
    assert orders.first.discounted


def test_orders_are_on_offer_at_the_full_price_or_silent_about_it():
    reduced = Item(sku="a", price_micros=8, list_price_micros=10)
    full = Item(sku="a", price_micros=10, list_price_micros=10)
    orders = orders_after(
        order(START_MS, "1", discount_micros=1),
        order(START_MS, "2", coupon="X"),
        order(START_MS, "3", items=(reduced,)),
        order(START_MS, "4", items=(full,), discount_micros=0),
        order(START_MS, "5"),
    )
    assert (orders.count, orders.discounted, orders.full_price) == (5, 3, 1)


# -- cancellations ------------------------------------------------------------------------------


def test_a_cancelled_order_is_as_if_it_had_not_been():
    orders = orders_after(
        order(START_MS, "1", 10, items=(thing(),)),
        order(START_MS + 10 * DAY, "2", 20, coupon="X", items=(thing(), thing("b"))),
        cancelled(START_MS + 11 * DAY, "2"),
    )
    assert (orders.count, orders.revenue_micros, orders.cancelled) == (1, 10 * MICROS, 1)
    assert (orders.items, orders.discounted) == (1, 0)
    assert (orders.first_ms, orders.last_ms) == (START_MS, START_MS)


def test_cancelling_the_first_order_makes_the_second_one_the_first():
    orders = orders_after(
        order(START_MS, "1", 10), order(START_MS + DAY, "2", 20), cancelled(START_MS + DAY, "1")
    )
    assert (orders.first_ms, orders.last_ms) == (START_MS + DAY, START_MS + DAY)


def test_a_cancelled_order_has_no_part_in_the_rhythm():
    orders = orders_after(
        order(START_MS, "1"),
        order(START_MS + 20 * DAY, "2"),
        order(START_MS + 30 * DAY, "3"),
        cancelled(START_MS + 31 * DAY, "2"),
    )
    assert (orders.occasions, orders.last_gap_ms) == (2, 30 * DAY)
    assert rhythm_ms(orders) == 45 * DAY


def test_cancelling_the_only_order_leaves_none():
    orders = orders_after(order(START_MS, "1", 10), cancelled(START_MS + HOUR, "1"))
    assert (orders.count, orders.first_ms, orders.last_ms, orders.occasions) == (0, 0, 0, 0)
    assert orders.revenue_micros == 0
    assert orders.first is None


def test_a_cancellation_counts_once():
    orders = orders_after(order(START_MS, "1"), cancelled(START_MS, "1"), cancelled(START_MS, "1"))
    assert (orders.count, orders.cancelled) == (0, 1)


def test_an_order_that_comes_after_its_cancellation_does_not_count():
    orders = orders_after(cancelled(START_MS + HOUR, "1"), order(START_MS, "1", 10))
    assert (orders.count, orders.revenue_micros, orders.cancelled) == (0, 0, 1)


def test_cancelling_a_refunded_order_takes_its_refund_back_too():
    orders = orders_after(
        order(START_MS, "1", 10), refunded(START_MS, "1", 4), cancelled(START_MS, "1")
    )
    assert (orders.revenue_micros, orders.refunded_micros) == (0, 0)


# -- refunds ------------------------------------------------------------------------------------


def test_a_refund_is_its_amount_else_its_lines_else_the_whole_order():
    orders = orders_after(
        order(START_MS, "1", 100),
        order(START_MS, "2", 100),
        order(START_MS, "3", 100),
        refunded(START_MS + DAY, "1", 30),
        refunded(START_MS + DAY, "2", None, thing("a", 2, 7.5)),
        refunded(START_MS + DAY, "3"),
    )
    assert orders.refunded_micros == (30 + 15 + 100) * MICROS
    assert orders.revenue_micros == 300 * MICROS


def test_an_order_is_refunded_for_no_more_than_it_cost():
    orders = orders_after(
        order(START_MS, "1", 10), refunded(START_MS, "1", 8), refunded(START_MS, "1", 8)
    )
    assert orders.refunded_micros == 10 * MICROS


def test_a_refund_of_an_order_that_is_not_known_counts_in_the_sums():
    orders = orders_after(refunded(START_MS, "9", 8), refunded(START_MS, None, 2))
    assert (orders.count, orders.refunded_micros) == (0, 10 * MICROS)


def test_a_refund_of_a_cancelled_order_is_no_return():
    orders = orders_after(
        order(START_MS, "1", 10), cancelled(START_MS, "1"), refunded(START_MS, "1", 10)
    )
    assert orders.refunded_micros == 0


# -- maturity -----------------------------------------------------------------------------------


def test_an_order_matures_thirty_days_after_it():
    row = row_after(order(START_MS, "1", 10), order(START_MS + DAY, "2", 20))
    assert maturity_ms(row.orders) == START_MS + 30 * DAY
    expire(row, START_MS + 30 * DAY - 1)
    assert row.orders.matured == 0
    expire(row, START_MS + 30 * DAY)
    assert (row.orders.matured, row.orders.matured_micros) == (1, 10 * MICROS)
    assert maturity_ms(row.orders) == START_MS + 31 * DAY
    expire(row, START_MS + 40 * DAY)
    assert (row.orders.matured, maturity_ms(row.orders)) == (2, NEVER_MS)


def test_a_refund_before_and_after_maturity_is_part_of_the_matured_refunds():
    row = row_after(order(START_MS, "1", 10), refunded(START_MS + DAY, "1", 4))
    assert row.orders.matured_refunded_micros == 0
    expire(row, START_MS + 30 * DAY)
    assert row.orders.matured_refunded_micros == 4 * MICROS
    fold(row, refunded(START_MS + 31 * DAY, "1", 3))
    assert row.orders.matured_refunded_micros == 7 * MICROS


def test_a_cancelled_order_does_not_mature():
    row = row_after(order(START_MS, "1", 10), cancelled(START_MS + DAY, "1"))
    assert maturity_ms(row.orders) == NEVER_MS
    expire(row, START_MS + 31 * DAY)
    assert row.orders.matured == 0


def test_cancelling_a_matured_order_takes_it_out():
    row = row_after(order(START_MS, "1", 10), refunded(START_MS, "1", 5))
    expire(row, START_MS + 31 * DAY)
    fold(row, cancelled(START_MS + 32 * DAY, "1"))
    assert (row.orders.matured, row.orders.matured_micros) == (0, 0)
    assert row.orders.matured_refunded_micros == 0


def test_a_changed_amount_of_a_matured_order_changes_the_matured_sum():
    row = row_after(order(START_MS, "1", 10))
    expire(row, START_MS + 31 * DAY)
    fold(row, updated(START_MS + 32 * DAY, "1", 15))
    assert row.orders.matured_micros == 15 * MICROS


# -- rhythm -------------------------------------------------------------------------------------


def test_one_order_has_the_rhythm_of_sixty_days():
    assert rhythm_ms(orders_after(order(START_MS))) == 60 * DAY


def test_rhythm_is_the_mean_of_the_gaps_seen_and_one_of_sixty_days():
    gaps = (20, 40, 30)
    at, events = START_MS, [order(START_MS)]
    for gap in gaps:
        at += gap * DAY
        events.append(order(at))
    assert rhythm_ms(orders_after(*events)) == (20 + 40 + 30 + 60) * DAY // 4


def test_rhythm_stays_within_a_week_and_half_a_year():
    quick = [order(START_MS + n * DAY) for n in range(30)]
    slow = [order(START_MS + n * 700 * DAY) for n in range(4)]
    assert rhythm_ms(orders_after(*quick)) == 7 * DAY
    assert rhythm_ms(orders_after(*slow)) == 180 * DAY


def test_two_orders_within_a_day_are_one_occasion():
    orders = orders_after(order(START_MS), order(START_MS + DAY - 1), order(START_MS + 10 * DAY))
    assert (orders.count, orders.occasions) == (3, 2)
    assert rhythm_ms(orders) == 35 * DAY


def test_the_gap_before_the_latest_order_is_told_in_multiples_of_the_rhythm_before_it():
    orders = orders_after(order(START_MS), order(START_MS + 30 * DAY), order(START_MS + 300 * DAY))
    assert orders.last_gap_ms == 270 * DAY
    assert orders.last_gap_ratio == 6.0  # the rhythm was (30 + 60) / 2 = 45 days


# -- bounds -------------------------------------------------------------------------------------


def test_orders_beyond_the_list_stay_in_the_sums_and_mature():
    row = Row()
    for number in range(ORDERS_MAX + 3):
        fold(row, order(START_MS + number * DAY, str(number), 2))
    orders = row.orders
    assert len(orders.recent) == ORDERS_MAX
    assert (orders.count, orders.revenue_micros) == (ORDERS_MAX + 3, 2 * (ORDERS_MAX + 3) * MICROS)
    assert (orders.matured, orders.matured_micros) == (3, 6 * MICROS)
    assert orders.first_ms == START_MS


def test_an_amount_that_no_row_can_hold_is_refused():
    row = row_after(order(START_MS, "1", 4_000_000_000_000))
    with pytest.raises(AmountOverflowError):
        fold(row, order(START_MS, "2", 4_000_000_000_000))
    with pytest.raises(AmountOverflowError):
        fold(row, refunded(START_MS, "9", 5_000_000_000_000))
    assert unpack(pack(row)).orders.revenue_micros == 4_000_000_000_000 * MICROS
