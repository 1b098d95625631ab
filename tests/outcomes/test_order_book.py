"""What an order brought in the end, by hand."""

from __future__ import annotations

from stream.events.records import MICROS
from stream.outcomes.order_book import ORDERS_MAX, OrderBook, Step
from tests.outcomes.stories import at, cancelled, order, page, refunded


def test_an_order_counts_once_however_often_it_is_told():
    book = OrderBook()
    assert book.take(order(1, "A", 30)) == Step(at(1), 1, 30 * MICROS)
    assert book.take(order(2, "A", 30)) is None


def test_a_later_amount_revises_the_order_at_its_own_time():
    book = OrderBook()
    book.take(order(1, "A", 30))
    assert book.take(order(2, "A", 25)) == Step(at(1), 0, -5 * MICROS)


def test_nobody_gets_back_more_than_was_paid():
    book = OrderBook()
    book.take(order(1, "A", 30))
    assert book.take(refunded(2, "A", 20)) == Step(at(1), 0, -20 * MICROS)
    assert book.take(refunded(3, "A", 20)) == Step(at(1), 0, -10 * MICROS)


def test_a_refund_without_an_amount_is_of_the_whole_order():
    book = OrderBook()
    book.take(order(1, "A", 30))
    assert book.take(refunded(2, "A")) == Step(at(1), 0, -30 * MICROS)


def test_a_cancelled_order_is_as_if_it_had_not_been():
    book = OrderBook()
    book.take(order(1, "A", 30))
    book.take(refunded(2, "A", 10))
    assert book.take(cancelled(3, "A")) == Step(at(1), -1, -20 * MICROS)
    assert book.take(cancelled(3, "A")) is None
    assert book.take(refunded(4, "A", 5)) is None


def test_a_cancellation_that_comes_first_keeps_the_order_out():
    book = OrderBook()
    assert book.take(cancelled(1, "A")) is None
    assert book.take(order(1, "A", 30)) is None


def test_what_is_of_no_known_order_changes_nothing():
    book = OrderBook()
    assert book.take(refunded(1, "unknown", 5)) is None
    assert book.take(page(1)) is None


def test_the_book_is_bounded():
    book = OrderBook()
    for number in range(ORDERS_MAX + 1):
        book.take(order(number, f"order {number}", 1))
    assert book.take(refunded(90, "order 0", 1)) is None
    assert book.take(refunded(90, "order 1", 1)) is not None
