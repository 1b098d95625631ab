"""A customer's orders, refunds and cancellations: what each order brought in the end."""

from __future__ import annotations

from typing import NamedTuple

from stream.events.records import CustomerEvent, OrderCancelled, OrderCompleted, OrderRefunded
from stream.outcomes.plan import amount_micros
from stream.state.orders import order_number

ORDERS_MAX = 64
"""Orders kept of a customer, the latest told: twice what the row keeps, about 130 bytes each. What
comes back of an older one is not taken off."""


class Step(NamedTuple):
    """How an order at `time_ms` changed: orders that stand, and their money."""

    time_ms: int
    orders: int
    micros: int


class _Order:
    __slots__ = ("cancelled", "gross_micros", "refunded_micros", "time_ms")

    def __init__(self, time_ms: int, gross_micros: int, cancelled: bool = False) -> None:
        self.time_ms = time_ms
        self.gross_micros = gross_micros
        self.refunded_micros = 0
        self.cancelled = cancelled

    @property
    def net_micros(self) -> int:
        return 0 if self.cancelled else self.gross_micros - self.refunded_micros


class OrderBook:
    """Orders by number. What is told twice changes nothing; order of telling hardly matters.

    As in the customer's row: an update with an unknown number is an order, a cancellation told
    first is remembered, a refund without amount or lines is of the whole order, and nobody gets
    back more than was paid. A refund of an unknown order is of one before the first exposure.
    """

    __slots__ = ("_orders",)

    def __init__(self) -> None:
        self._orders: dict[int, _Order] = {}

    def take(self, record: CustomerEvent) -> Step | None:
        """What a record does to an order, or None where it does nothing.

        Parameters
        ----------
        record
            Refunds must have been cleared of repeated messages; all others may repeat.
        """
        if isinstance(record, OrderCompleted):
            return self._complete(record)
        if isinstance(record, OrderCancelled):
            return self._cancel(record)
        if isinstance(record, OrderRefunded):
            return self._refund(record)
        return None

    def steps_beyond(self, other: OrderBook) -> list[Step]:
        """The standing orders that the other book does not know."""
        return [
            Step(order.time_ms, 1, order.net_micros)
            for number, order in self._orders.items()
            if not order.cancelled and number not in other._orders
        ]

    def merge(self, other: OrderBook) -> None:
        """Take the orders of another id of the same customer."""
        for number, order in other._orders.items():
            if number not in self._orders:
                self._keep(number, order)

    def _keep(self, number: int, order: _Order) -> None:
        if len(self._orders) >= ORDERS_MAX:
            del self._orders[next(iter(self._orders))]
        self._orders[number] = order

    def _complete(self, record: OrderCompleted) -> Step | None:
        number = order_number(record.order_id, record.message_id)
        revenue_micros = record.revenue_micros
        known = self._orders.get(number)
        if known is None:
            gross_micros = amount_micros(record) if revenue_micros is None else revenue_micros
            self._keep(number, _Order(record.time_ms, gross_micros))
            return Step(record.time_ms, 1, gross_micros)
        if known.cancelled or revenue_micros is None or revenue_micros == known.gross_micros:
            return None
        before = known.net_micros
        known.gross_micros = revenue_micros
        known.refunded_micros = min(known.refunded_micros, revenue_micros)
        return Step(known.time_ms, 0, known.net_micros - before)

    def _cancel(self, record: OrderCancelled) -> Step | None:
        number = order_number(record.order_id, record.message_id)
        known = self._orders.get(number)
        if known is None:
            self._keep(number, _Order(record.time_ms, 0, cancelled=True))
            return None
        if known.cancelled:
            return None
        before = known.net_micros
        known.cancelled = True
        return Step(known.time_ms, -1, -before)

    def _refund(self, record: OrderRefunded) -> Step | None:
        if record.order_id is None:
            return None
        known = self._orders.get(order_number(record.order_id, record.message_id))
        if known is None or known.cancelled:
            return None
        left_micros = known.gross_micros - known.refunded_micros
        amount = record.refund_micros
        if amount is None and record.items:
            amount = amount_micros(record)
        taken = left_micros if amount is None else min(amount, left_micros)
        known.refunded_micros += taken
        return Step(known.time_ms, 0, -taken)
