"""What a customer did, in sums that can be divided by each other, per segment or at all."""

from __future__ import annotations

from typing import NamedTuple

from stream.clock import SECOND_MS
from stream.events.records import MICROS, OrderCompleted
from stream.state.fold import OFFLINE_CHANNELS


class Tally:
    """A customer's sums, over the visits and orders made as a member of a segment, or over all.

    margin_micros, costed_micros  revenue less cost, and revenue, of the lines whose cost is known
    visit_micros                  revenue of the orders that were made in visits
    orders                        those that stand; `returned` of them came back in part or whole
    present                       1: one customer, for what is divided by customers
    """

    __slots__ = (
        "active_ms", "bought", "costed_micros", "items", "margin_micros", "opted_out", "orders",
        "pages", "present", "refunded_micros", "revenue_micros", "visit_micros", "visits",
    )  # fmt: skip

    def __init__(self) -> None:
        self.visits = self.bought = self.pages = self.active_ms = 0
        self.orders = self.items = self.revenue_micros = self.refunded_micros = 0
        self.margin_micros = self.costed_micros = self.visit_micros = 0
        self.opted_out = 0
        self.present = 1

    def add(self, other: Tally) -> None:
        """Join the sums of another id of the same customer."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.present = 1
        self.opted_out = min(self.opted_out, 1)

    def visit(self, visit: Visit) -> None:
        """Add a visit that has ended."""
        self.visits += 1
        self.bought += visit.bought
        self.pages += visit.pages
        self.active_ms += visit.last_ms - visit.start_ms

    def order(self, record: OrderCompleted, revenue_micros: int, sign: int = 1) -> None:
        """Add an order, with the margin of the lines whose cost is known; -1 takes it out."""
        self.orders += sign
        self.revenue_micros += sign * revenue_micros
        if record.channel not in OFFLINE_CHANNELS:
            self.visit_micros += sign * revenue_micros
        for item in record.items:
            quantity = sign * item.quantity
            self.items += quantity
            if item.cost_micros is not None and item.price_micros is not None:
                self.costed_micros += item.price_micros * quantity
                self.margin_micros += (item.price_micros - item.cost_micros) * quantity


class Visit:
    """A visit that is open: split by half an hour of silence, as in the customer's row."""

    __slots__ = ("bought", "is_customer", "last_ms", "pages", "segments", "start_ms")

    def __init__(self, time_ms: int, segments: tuple[str, ...], is_customer: bool) -> None:
        self.start_ms = self.last_ms = time_ms
        self.segments = segments
        self.is_customer = is_customer
        self.pages = 0
        self.bought = False


class Measure(NamedTuple):
    """A ratio of two sums of a tally; `unit` divides what is shown, `good` says which way."""

    name: str
    over: str
    under: str
    unit: float
    more_is_better: bool | None
    about: str


MEASURES = (
    Measure("conversion", "bought", "visits", 1, True, "visits with an order, of all visits"),
    Measure("revenue_per_visit", "visit_micros", "visits", MICROS, True, "before returns"),
    Measure("basket_items", "items", "orders", 1, True, "pieces in an order"),
    Measure("basket_value", "revenue_micros", "orders", MICROS, True, "revenue of an order"),
    Measure("active_seconds", "active_ms", "visits", SECOND_MS, None, "first to last activity"),
    Measure("pages_per_visit", "pages", "visits", 1, None, "pages and products seen in a visit"),
    Measure("return_rate", "refunded_micros", "revenue_micros", 1, False, "of revenue"),
    Measure("margin", "margin_micros", "costed_micros", 1, True, "of lines whose cost is known"),
    Measure("opt_out_rate", "opted_out", "present", 1, False, "of customers who were seen"),
)
"""`more_is_better` None: more time may be interest or a search that fails; it gets no word."""
