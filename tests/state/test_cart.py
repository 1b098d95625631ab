from __future__ import annotations

from stream.events import records as r
from stream.state.cart import BROWSE_PRODUCTS_MAX, CART_LINES_MAX
from stream.state.fold import fold
from stream.state.row import Row
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    cart_seen,
    checkout,
    head,
    order,
    page,
    product,
    removed,
    row_after,
    thing,
    updated,
)


def quantities(row: Row) -> dict[str, int]:
    return {} if row.cart is None else {sku: line.quantity for sku, line in row.cart.lines.items()}


def test_a_cart_comes_into_being_with_its_first_piece():
    assert row_after(page(START_MS)).cart is None
    row = row_after(added(START_MS, "a", 2, 9.99))
    assert quantities(row) == {"a": 2}
    assert (row.cart.items, row.cart.last_ms) == (2, START_MS)
    assert row.cart.lines["a"].price_micros == 9_990_000


def test_pieces_of_one_product_add_up_at_the_latest_known_price():
    row = row_after(
        added(START_MS, "a", 1, 10),
        added(START_MS + 1, "a", 2, 8),
        added(START_MS + 2, "a", 1, None),
    )
    assert quantities(row) == {"a": 4}
    assert row.cart.lines["a"].price_micros == 8_000_000
    assert (row.cart.items, row.cart.adds) == (4, 3)


def test_variants_of_a_product_are_lines_of_their_own():
    small = r.CartAdded(**head(START_MS), item=r.Item(product_id="p", sku="s"))
    large = r.CartAdded(**head(START_MS), item=r.Item(product_id="p", sku="l"))
    assert quantities(row_after(small, large)) == {"s": 1, "l": 1}


def test_an_addition_without_a_quantity_of_one_or_more_is_one_piece():
    assert quantities(row_after(added(START_MS, "a", 0))) == {"a": 1}


def test_a_removal_takes_no_more_than_there_is():
    row = row_after(added(START_MS, "a", 2), removed(START_MS + 1, "a", 5))
    assert quantities(row) == {}
    assert (row.cart.items, row.cart.last_ms) == (0, START_MS + 1)


def test_a_removal_of_part_of_a_line_leaves_the_rest():
    assert quantities(row_after(added(START_MS, "a", 3), removed(START_MS + 1, "a", 1))) == {"a": 2}


def test_a_removal_of_what_is_not_there_changes_nothing():
    row = row_after(added(START_MS, "a"), removed(START_MS + 5, "b"))
    assert quantities(row) == {"a": 1}
    assert row.cart.last_ms == START_MS
    assert row_after(removed(START_MS)).cart is None


def test_a_view_with_lines_sets_the_cart():
    row = row_after(
        added(START_MS, "a", 3), cart_seen(START_MS + 1, thing("b", 2), thing("c"), thing("b"))
    )
    assert quantities(row) == {"b": 3, "c": 1}
    assert (row.cart.items, row.cart.last_ms) == (4, START_MS + 1)


def test_a_view_without_lines_is_activity_on_the_cart():
    row = row_after(added(START_MS, "a"), cart_seen(START_MS + HOUR))
    assert quantities(row) == {"a": 1}
    assert row.cart.last_ms == START_MS + HOUR
    assert row_after(cart_seen(START_MS)).cart is None


def test_a_late_view_does_not_set_back_the_cart():
    row = row_after(added(START_MS + HOUR, "a"), cart_seen(START_MS, thing("b")))
    assert quantities(row) == {"a": 1}
    assert row.cart.last_ms == START_MS + HOUR


def test_a_late_addition_joins_the_cart_without_rewinding_its_activity():
    row = row_after(added(START_MS + HOUR, "a"), added(START_MS, "b"), added(START_MS, "a"))
    assert quantities(row) == {"a": 2, "b": 1}
    assert row.cart.last_ms == START_MS + HOUR
    assert row.cart.lines["a"].time_ms == START_MS + HOUR


def test_an_order_empties_the_cart_it_came_from():
    row = row_after(added(START_MS, "a"), added(START_MS, "b"), order(START_MS + MINUTE))
    assert row.cart is None


def test_an_order_empties_the_cart_of_its_own_instant():
    assert row_after(added(START_MS, "a"), order(START_MS)).cart is None


def test_a_late_order_leaves_what_came_after_it():
    row = row_after(
        added(START_MS, "a"), added(START_MS + 2 * HOUR, "b"), order(START_MS + HOUR, "1")
    )
    assert quantities(row) == {"b": 1}
    assert row.cart.items == 1


def test_what_is_older_than_the_last_order_is_not_put_into_the_new_cart():
    row = row_after(order(START_MS + HOUR), added(START_MS, "a"), cart_seen(START_MS, thing("b")))
    assert row.cart is None


def test_a_late_removal_from_before_the_last_order_leaves_the_new_cart_alone():
    row = row_after(order(START_MS + HOUR), added(START_MS + 2 * HOUR, "a"), removed(START_MS, "a"))
    assert quantities(row) == {"a": 1}


def test_an_update_of_an_order_leaves_the_cart_begun_since():
    row = row_after(
        added(START_MS, "a"),
        order(START_MS + MINUTE, "1"),
        added(START_MS + DAY, "b"),
        product(START_MS + DAY, "c"),
        checkout(START_MS + DAY),
        updated(START_MS + 2 * DAY, "1", 60),
    )
    assert quantities(row) == {"b": 1}
    assert row.checkout is not None
    assert row.browse is not None


def test_an_order_told_of_only_by_an_update_empties_the_cart():
    row = row_after(added(START_MS, "a"), updated(START_MS + MINUTE, "1", 60))
    assert row.cart is None


def test_a_full_cart_sheds_the_line_changed_longest_ago():
    row = Row()
    for number in range(CART_LINES_MAX + 1):
        fold(row, added(START_MS + number, f"sku{number}", 2))
    assert len(row.cart.lines) == CART_LINES_MAX
    assert "sku0" not in row.cart.lines
    assert row.cart.items == 2 * CART_LINES_MAX


def test_moving_from_the_wish_list_fills_the_cart():
    moved = r.WishlistChanged(**head(START_MS), action="moved_to_cart", item=thing("a", 1))
    wished = r.WishlistChanged(**head(START_MS), action="added", item=thing("b", 1))
    assert quantities(row_after(moved, wished)) == {"a": 1}


def test_steps_of_a_checkout_are_counted_until_the_order():
    row = row_after(
        checkout(START_MS),
        checkout(START_MS + MINUTE, "payment", payment_method="card"),
        checkout(START_MS + 2 * MINUTE, "completed"),
    )
    assert (row.checkout.started_ms, row.checkout.last_ms) == (START_MS, START_MS + 2 * MINUTE)
    assert (row.checkout.steps, row.checkout.payment_method) == (3, "card")
    fold(row, order(START_MS + 3 * MINUTE))
    assert row.checkout is None


def test_a_step_told_of_after_the_order_that_it_led_to_opens_nothing():
    assert row_after(order(START_MS + MINUTE), checkout(START_MS)).checkout is None


def test_products_looked_at_are_kept_with_their_latest_view_until_an_order():
    row = row_after(
        product(START_MS, "a"), product(START_MS + 5, "b"), product(START_MS + 9, "a"),
        product(START_MS + 1, "b"),
    )  # fmt: skip
    assert row.browse.products == {"a": START_MS + 9, "b": START_MS + 5}
    assert row.browse.last_ms == START_MS + 9
    fold(row, order(START_MS + MINUTE))
    assert row.browse is None


def test_the_products_kept_are_the_latest_ones():
    row = Row()
    for number in range(BROWSE_PRODUCTS_MAX + 5):
        fold(row, product(START_MS + number, f"p{number}"))
    assert set(row.browse.products) == {f"p{n}" for n in range(5, BROWSE_PRODUCTS_MAX + 5)}


def test_a_late_view_does_not_push_out_a_later_one():
    row = Row()
    for number in range(BROWSE_PRODUCTS_MAX):
        fold(row, product(START_MS + number, f"p{number}"))
    fold(row, product(START_MS - MINUTE, "older"))
    assert set(row.browse.products) == {f"p{n}" for n in range(BROWSE_PRODUCTS_MAX)}
