"""An exposure's window, and the sums that it goes into when it has ended."""

from __future__ import annotations

from stream.outcomes.intervals import Moments
from stream.outcomes.plan import Plan


class Cell:
    """What came of the windows of one segment, horizon, control group and variant.

    Intervals need customers who are independent of each other, so they are of each customer's
    first window alone; later ones of the same customer are counted beside.

    converted, micros, opted_out  per customer: whether, how much money, whether they left
    windows, conversions          of all ended windows, repeated ones included
    open                          windows that have not ended
    """

    __slots__ = ("conversions", "converted", "micros", "open", "opted_out", "windows")

    def __init__(self) -> None:
        self.converted = Moments()
        self.micros = Moments()
        self.opted_out = Moments()
        self.windows = 0
        self.conversions = 0
        self.open = 0

    def __add__(self, other: Cell) -> Cell:
        both = Cell()
        both.converted = self.converted + other.converted
        both.micros = self.micros + other.micros
        both.opted_out = self.opted_out + other.opted_out
        both.windows = self.windows + other.windows
        both.conversions = self.conversions + other.conversions
        both.open = self.open + other.open
        return both


class Window:
    """From an exposure to its horizon's end; an event counts after the first, up to the last ms.

    customer     whose it is; another id after a merge
    conversions  success events in it; an order taken back is taken off
    is_first     of this customer in this segment
    settled      it has ended and stands in its cell, where a revision still finds it
    """

    __slots__ = (
        "cell", "conversions", "customer", "end_ms", "horizon_ms", "is_first", "micros",
        "opted_out", "plan", "settled", "start_ms", "withdrawn",
    )  # fmt: skip

    def __init__(
        self, customer: str, plan: Plan, cell: Cell, span_ms: tuple[int, int], is_first: bool
    ) -> None:
        """`span_ms` is the instant of the exposure and the horizon."""
        start_ms, horizon_ms = span_ms
        self.customer = customer
        self.plan = plan
        self.cell = cell
        self.start_ms = start_ms
        self.horizon_ms = horizon_ms
        self.end_ms = start_ms + horizon_ms
        self.is_first = is_first
        self.conversions = 0
        self.micros = 0
        self.opted_out = 0
        self.settled = False
        self.withdrawn = False
        cell.open += 1

    def holds(self, time_ms: int) -> bool:
        """Whether what happened then counts."""
        return self.start_ms < time_ms <= self.end_ms

    def count(self, conversions: int, micros: int, opted_out: int = 0) -> None:
        """Take what happened in it, or what it turned out to be later."""
        before = (self.conversions > 0, self.micros, self.opted_out)
        self.conversions += conversions
        self.micros += micros
        self.opted_out |= opted_out
        if not self.settled:
            return
        cell = self.cell
        converted = self.conversions > 0
        cell.conversions += converted - before[0]
        if self.is_first:
            cell.converted.revise(before[0], converted)
            cell.micros.revise(before[1], self.micros)
            cell.opted_out.revise(before[2], self.opted_out)

    def settle(self) -> None:
        """Join the sums: the window has ended."""
        self.settled = True
        cell, converted = self.cell, self.conversions > 0
        cell.open -= 1
        cell.windows += 1
        cell.conversions += converted
        if self.is_first:
            cell.converted.add(converted)
            cell.micros.add(self.micros)
            cell.opted_out.add(self.opted_out)

    def demote(self) -> None:
        """Be a later window of its customer, who had one before under another id."""
        if self.is_first and self.settled:
            self.cell.converted.remove(self.conversions > 0)
            self.cell.micros.remove(self.micros)
            self.cell.opted_out.remove(self.opted_out)
        self.is_first = False

    def withdraw(self) -> None:
        """Be as if it had not been opened: the customer was in it under another id."""
        self.withdrawn = True
        self.cell.open -= 1
