"""merge(fold A, fold B) = fold(A and B sorted), for what stream/state/merge.py lists as exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.state.codec import pack, unpack
from stream.state.fold import expire, fold
from stream.state.merge import merge
from stream.state.row import Row
from tests.state.shopping import (
    MINUTE,
    START_MS,
    added,
    cancelled,
    checkout,
    message,
    order,
    page,
    product,
    refunded,
    search,
)

Build = Callable[[int, str, int], Any]

HAPPENINGS: dict[str, Build] = {
    "page": lambda at, _owner, _n: page(at, channel="web"),
    "search": lambda at, _owner, n: search(at, results=n % 2),
    "product": lambda at, _owner, n: product(at, f"p{n}"),
    "cart": lambda at, owner, n: added(at, f"{owner}{at}", n + 1),
    "checkout": lambda at, _owner, _n: checkout(at),
    "order": lambda at, owner, n: order(at, f"{owner}{n}", n + 1.5),
    "refund": lambda at, owner, n: refunded(at, f"{owner}{n}", 1.25),
    "cancel": lambda at, owner, n: cancelled(at, f"{owner}{n}"),
    "message": lambda at, _owner, n: message(at, ("sent", "opened", "clicked", "unsubscribed")[n]),
}

# (gap to the one before in minutes, whose row, what, a number)
histories = st.lists(
    st.tuples(
        st.integers(1, 3 * 24 * 60),
        st.sampled_from("ab"),
        st.sampled_from(sorted(HAPPENINGS)),
        st.integers(0, 3),
    ),
    max_size=24,
)
visits = histories.map(
    lambda found: [h for h in found if h[2] in {"page", "search", "product", "cart", "checkout"}]
)
without_cancellations = histories.map(lambda found: [h for h in found if h[2] != "cancel"])


def folded(history: list[tuple[int, str, str, int]]) -> tuple[Row, Row, Row, int]:
    """The row of owner a, that of b, that of all events in one, and the last instant."""
    rows = {"a": Row(), "b": Row()}
    together = Row()
    at_ms = START_MS
    for gap, owner, kind, number in history:
        at_ms += gap * MINUTE
        event = HAPPENINGS[kind](at_ms, owner, number)
        for row in (rows[owner], together):
            expire(row, at_ms)
            fold(row, event)
    for row in (*rows.values(), together):
        expire(row, at_ms)
    return rows["a"], rows["b"], together, at_ms


def exact(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"seen": (row.first_ms, row.last_ms, row.events)}
    found["channels"] = row.channels
    found["messages"] = row.messages
    if row.orders is not None:
        found["orders"] = msgspec.structs.asdict(row.orders)
        # What was looked at in the other row does not make its looks before an order longer.
        del found["orders"]["looked"], found["orders"]["looked_ms"]
        found["orders"]["recent"] = [
            msgspec.structs.replace(order, look_ms=0) for order in row.orders.recent
        ]
    if row.sessions is not None:
        sessions = row.sessions
        found["visited"] = (
            sessions.last_ms,
            sessions.total_pages,
            sessions.total_searches,
            sessions.empty_searches,
            sessions.total_products,
        )
    return found


def intent(row: Row) -> dict[str, Any]:
    return {
        "cart": None if row.cart is None else (row.cart.lines, row.cart.items),
        "checkout": None if row.checkout is None else row.checkout.last_ms,
        "browse": None if row.browse is None else (row.browse.products, row.browse.last_ms),
    }


@given(histories)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_sums_first_and_last_are_those_of_all_events_in_order(history):
    row, other, together, _ = folded(history)
    merge(row, other, "b")
    assert exact(row) == exact(together)


@given(without_cancellations)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_cart_checkout_and_views_are_those_of_all_events_in_order(history):
    row, other, together, _ = folded(history)
    merge(row, other, "b")
    assert intent(row) == intent(together)


@given(histories)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_it_is_the_same_which_of_the_two_rows_is_merged_into_the_other(history):
    row, other, _, _ = folded(history)
    one, two = unpack(pack(row)), unpack(pack(other))
    merge(row, other, "b")
    merge(two, one, "a")
    assert exact(row) == exact(two)
    assert intent(row) == intent(two)


@given(visits, st.integers(1, 48 * 60))
@settings(derandomize=True, max_examples=80, deadline=None)
def test_a_visit_that_comes_after_the_others_is_counted_exactly(history, gap):
    """One visit of b comes after all visits of a, at whatever distance."""
    early = [(minutes, "a", kind, number) for minutes, _, kind, number in history[::2]]
    late = [(minutes % 30, "b", kind, number) for minutes, _, kind, number in history[1::2]]
    if late:
        late[0] = (gap, *late[0][1:])
    row, other, together, _ = folded(early + late)
    merge(row, other, "b")
    mine, all_of_them = row.sessions, together.sessions
    if all_of_them is None:
        assert mine is None
    else:
        assert mine.count == all_of_them.count
        assert mine.closed_ms == all_of_them.closed_ms
        assert mine.open == all_of_them.open
