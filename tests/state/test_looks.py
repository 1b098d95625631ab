"""How long before an order its customer looked at what it bought, and what is wished for."""

from __future__ import annotations

from stream.events.records import Item, WishlistChanged
from stream.features.style import usual_look
from stream.state.fold import fold
from stream.state.looks import LOOK_LIFE_MS, LOOK_MAX_MS, LOOKS_MAX
from stream.state.merge import merge
from stream.state.row import Row
from stream.state.wishes import WISHES_MAX
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    cancelled,
    head,
    order,
    product,
    row_after,
    thing,
)


def bought(at_ms: int, *items: Item):
    return order(at_ms, f"o{at_ms}", items=items)


def looks_of(*events) -> list[int]:
    return [order.look_ms for order in row_after(*events).orders.recent]


def test_the_look_is_at_what_is_bought_and_begins_with_its_first_view():
    seen = (product(START_MS, "other"), product(START_MS + DAY, "a"), product(START_MS + 2 * DAY))
    assert looks_of(*seen, bought(START_MS + 3 * DAY, thing("a"))) == [2 * DAY]
    assert looks_of(*seen, bought(START_MS + 3 * DAY, thing("never seen"))) == [0]


def test_of_several_lines_the_dearest_that_was_looked_at_counts():
    seen = (product(START_MS, "cheap"), product(START_MS + HOUR, "dear"))
    lines = (thing("cheap", 1, 5), thing("dear", 1, 50), thing("unseen", 1, 500))
    assert looks_of(*seen, bought(START_MS + 2 * HOUR, *lines)) == [HOUR]


def test_what_is_looked_at_again_is_remembered_over_other_orders():
    plan = (product(START_MS, "a"), product(START_MS + DAY, "a"))
    other = bought(START_MS + 2 * DAY, thing("b"))
    assert looks_of(*plan, other, bought(START_MS + 4 * DAY, thing("a"))) == [0, 4 * DAY]


def test_after_it_was_bought_it_is_looked_at_anew():
    plan = (product(START_MS, "a"), product(START_MS + DAY, "a"))
    first = bought(START_MS + 2 * DAY, thing("a"))
    again = (product(START_MS + 5 * DAY, "a"), bought(START_MS + 5 * DAY + MINUTE, thing("a")))
    assert looks_of(*plan, first, *again) == [2 * DAY, MINUTE]


def test_a_view_told_of_late_moves_the_beginning():
    seen = (product(START_MS + DAY, "a"), product(START_MS, "a"))
    assert looks_of(*seen, bought(START_MS + 2 * DAY, thing("a"))) == [2 * DAY]


def test_a_long_look_counts_as_a_week_and_one_of_a_month_ago_is_another():
    order_ms = START_MS + LOOK_LIFE_MS
    assert looks_of(product(START_MS), bought(order_ms, thing())) == [LOOK_MAX_MS]
    seen = (product(START_MS), product(order_ms))
    assert looks_of(*seen, bought(order_ms + HOUR, thing())) == [HOUR]


def test_views_after_the_order_are_none_before_it():
    assert looks_of(product(START_MS + DAY), bought(START_MS, thing())) == [0]


def test_first_views_kept_are_bounded_and_the_earliest_goes():
    row = Row()
    for number in range(LOOKS_MAX + 3):
        for again in (0, 1):
            fold(row, product(START_MS + number * HOUR + again, f"p{number}"))
    assert set(row.looks) == {f"p{n}" for n in range(3, LOOKS_MAX + 3)}


def test_the_usual_look_is_the_middle_one_of_orders_that_stand():
    row = Row()
    assert usual_look(row) is None
    for day, ahead_ms in ((1, MINUTE), (2, 2 * MINUTE), (30, 9 * DAY)):
        sku = f"p{day}"
        fold(row, product(START_MS + day * DAY - ahead_ms, sku))
        fold(row, bought(START_MS + day * DAY, thing(sku)))
    assert usual_look(row) == 2 * MINUTE
    fold(row, cancelled(START_MS + 31 * DAY, f"o{START_MS + DAY}"))
    assert row.orders.looked == 2
    assert usual_look(row) == 2 * MINUTE  # of two, the shorter one
    fold(row, cancelled(START_MS + 31 * DAY, f"o{START_MS + 2 * DAY}"))
    assert usual_look(row) == LOOK_MAX_MS


def test_a_product_seen_on_two_devices_was_looked_at_from_the_first_view_on():
    row, other = row_after(product(START_MS + DAY)), row_after(product(START_MS))
    merge(row, other, "b")
    fold(row, bought(START_MS + 2 * DAY, thing()))
    assert row.orders.recent[0].look_ms == 2 * DAY


# -- wishes -------------------------------------------------------------------------------------


def wish(at_ms: int, sku: str = "a", action: str = "added") -> WishlistChanged:
    return WishlistChanged(**head(at_ms), action=action, item=thing(sku))


def test_a_wish_ends_by_removal_by_the_cart_and_by_an_order_of_the_product():
    made = (wish(START_MS, "a"), wish(START_MS + 1, "b"))
    for end in (
        wish(START_MS + DAY, "a", "removed"),
        wish(START_MS + DAY, "a", "moved_to_cart"),
        added(START_MS + DAY, "a"),
        bought(START_MS + DAY, thing("a"), thing("c")),
    ):
        assert row_after(*made, end).wishes == {"b": START_MS + 1}


def test_what_is_wished_for_again_later_is_wished_for():
    row = row_after(wish(START_MS), wish(START_MS + 2 * DAY), wish(START_MS + DAY, "a", "removed"))
    assert row.wishes == {"a": START_MS + 2 * DAY}


def test_wishes_are_bounded_and_those_of_two_devices_are_one_list():
    row = row_after(*(wish(START_MS + n, f"p{n}") for n in range(WISHES_MAX + 1)))
    assert set(row.wishes) == {f"p{n}" for n in range(1, WISHES_MAX + 1)}
    merge(row, row_after(wish(START_MS + DAY, "p1"), wish(START_MS, "old")), "b")
    assert row.wishes["p1"] == START_MS + DAY
    assert "old" not in row.wishes
    assert len(row.wishes) == WISHES_MAX
