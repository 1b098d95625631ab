"""Whether an exclusive group leaves nobody out: its compiled conditions over generated customers.

What conditions say of each other is arithmetic over features that hang together, so it is not
derived from their text but tried: on customers with few and many orders, visits and product views,
of today and of years ago, and around every number and time that the conditions name. Measures of
events are taken as kept for ever and without events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from math import ceil, floor

import msgspec

from stream.clock import DAY_MS, HOUR_MS
from stream.events.records import MICROS
from stream.segments.conditions import Comparison
from stream.segments.kinds import DURATION
from stream.segments.leaf_code import PAST_PREFIX
from stream.segments.reading import Reading
from stream.state.row import Row
from stream.state.row_parts import Browse, Cart, CartLine, FirstPurchase, Messages, Orders, Sessions

NOW_MS = 2_000_000_000_000
COUNTS = (0, 1, 2, 3, 10)
AGES_MS = (HOUR_MS, 3 * DAY_MS, 40 * DAY_MS, 100 * DAY_MS, 800 * DAY_MS)
RATIOS = (0.0, 10.0)
LEVELS_MAX = 14
"""Of each kind, so that there are at most some 80,000 customers: half a second."""


class Hole(msgspec.Struct, frozen=True):
    """A generated customer that no member of a group takes, and how many were tried."""

    orders: int
    visits: int
    products: int
    days: float
    tried: int


def find_hole(reading: Reading, group: str) -> Hole | int:
    """A customer that the group leaves out, or how many were tried in vain."""
    members = {name for name, found in reading.definitions.items() if found.group == group}
    units = reading.pack.units
    unit = next(u for u in units if any(clause.segment in members for clause in u.clauses))
    counts, ages = _levels(reading, members)
    tried = 0
    for tried, (orders, visits, products, age_ms, ratio) in enumerate(_customers(counts, ages), 1):
        row = _row(orders, visits, products, age_ms, ratio)
        if unit.evaluate(row, NOW_MS, _Known())[2] < 0:
            return Hole(orders, visits, products, round(age_ms / DAY_MS, 3), tried)
    return tried


class _Known(dict[str, int]):
    """Thresholds of percentiles are 50 units of the currency; every measure is kept since 0."""

    def get(self, key: str, default: object = None) -> int:
        return 0 if key.startswith(PAST_PREFIX) else 50 * MICROS


def _levels(reading: Reading, members: Iterable[str]) -> tuple[list[int], list[int]]:
    """Counts and ages to try: the usual ones, and around each constant of a comparison."""
    counts, ages = set(COUNTS), set(AGES_MS)
    for name in members:
        for leaf in reading.leaves(name):
            if not isinstance(leaf, Comparison) or leaf.right.constant is None:
                continue
            value = leaf.right.constant
            if leaf.left.kind == DURATION:
                ages |= {max(floor(value), 0), ceil(value) + 1}
            elif not leaf.left.percentile:
                counts |= {max(floor(value) - 1, 0), max(floor(value), 0), max(ceil(value) + 1, 0)}
    return _thinned(counts), _thinned(ages)


def _thinned(levels: set[int]) -> list[int]:
    found = sorted(levels)
    if len(found) <= LEVELS_MAX:
        return found
    return [found[n * (len(found) - 1) // (LEVELS_MAX - 1)] for n in range(LEVELS_MAX)]


def _customers(counts: list[int], ages: list[int]) -> Iterator[tuple[int, int, int, int, float]]:
    yield from product(counts, counts, counts, ages, RATIOS)


def _row(orders: int, visits: int, products: int, age_ms: int, ratio: float) -> Row:
    """A customer whose latest activity was so long ago."""
    last_ms = NOW_MS - age_ms
    first_ms = last_ms - max(orders - 1, 0) * 20 * DAY_MS
    row = Row(first_ms=first_ms, last_ms=last_ms, time_ms=last_ms, events=1)
    if visits:
        row.sessions = Sessions(
            count=visits, start_ms=last_ms, last_ms=last_ms, pages=visits, total_pages=visits,
            total_searches=visits, total_products=products,
        )  # fmt: skip
        row.messages = Messages(sent=visits, delivered=visits, opened=visits, clicked=visits)
    if products:
        row.cart = Cart({"a": CartLine(products, MICROS, last_ms)}, products, last_ms, products)
        row.browse = Browse({str(n): last_ms for n in range(min(products, 20))}, last_ms)
    if orders:
        revenue = orders * 20 * MICROS
        row.orders = Orders(
            count=orders, first_ms=first_ms, last_ms=last_ms, revenue_micros=revenue, items=orders,
            occasions=orders, occasion_ms=last_ms, last_gap_ratio=ratio if orders > 1 else 0.0,
            matured=orders, matured_micros=revenue, first=FirstPurchase(first_ms, 20 * MICROS),
        )  # fmt: skip
    return row
