"""The cart, the checkout and what was looked at: the way to an order, which closes all three.

`cart_id` is often missing and a customer has one cart, so there is one implicit open cart. Each
line carries the time of its latest change, so that an order closes just what came before it, in
whatever order the records arrive.
"""

from __future__ import annotations

from typing import Final

from stream.events.records import CartAdded, CartRemoved, CartViewed, CheckoutStepped, Item
from stream.state.looks import look_again
from stream.state.row import Row
from stream.state.row_parts import Browse, Cart, CartLine, Checkout
from stream.state.shed import shed

CART_LINES_MAX: Final = 50
"""Lines kept of a cart; the one changed longest ago is shed for a new one."""

BROWSE_PRODUCTS_MAX: Final = 20
"""Products kept as looked at; the one seen longest ago is shed."""

_UNNAMED: Final = "?"


def line_key(item: Item) -> str:
    """What tells lines apart: the variant where there is one, else the product."""
    return item.sku or item.product_id or _UNNAMED


def _last_order_ms(row: Row) -> int:
    orders = row.orders
    return 0 if orders is None else orders.last_ms


def add_to_cart(row: Row, event: CartAdded) -> None:
    time_ms = event.time_ms
    if time_ms < _last_order_ms(row):
        return
    cart = row.cart
    if cart is None:
        cart = row.cart = Cart()
    key = line_key(event.item)
    quantity = max(event.item.quantity, 1)
    line = cart.lines.get(key)
    if line is None:
        if len(cart.lines) >= CART_LINES_MAX:
            oldest = min(cart.lines, key=lambda k: (cart.lines[k].time_ms, k))
            cart.items -= cart.lines.pop(oldest).quantity
            shed("cart_lines")
        cart.lines[key] = CartLine(quantity, event.item.price_micros or 0, time_ms)
    else:
        line.quantity += quantity
        line.price_micros = event.item.price_micros or line.price_micros
        line.time_ms = max(line.time_ms, time_ms)
    cart.items += quantity
    cart.adds += 1
    cart.last_ms = max(cart.last_ms, time_ms)


def remove_from_cart(row: Row, event: CartRemoved) -> None:
    cart = row.cart
    if cart is None or event.time_ms < _last_order_ms(row):
        return
    key = line_key(event.item)
    line = cart.lines.get(key)
    if line is None:
        return
    taken = min(max(event.item.quantity, 1), line.quantity)
    cart.items -= taken
    line.quantity -= taken
    line.time_ms = max(line.time_ms, event.time_ms)
    if line.quantity == 0:
        del cart.lines[key]
    cart.last_ms = max(cart.last_ms, event.time_ms)


def view_cart(row: Row, event: CartViewed) -> None:
    """A view with the whole cart in it sets the lines; without, it is activity on the cart."""
    time_ms = event.time_ms
    if time_ms < _last_order_ms(row):
        return
    cart = row.cart
    if event.items and (cart is None or time_ms >= cart.last_ms):
        if cart is None:
            cart = row.cart = Cart()
        cart.lines = {}
        if len(event.items) > CART_LINES_MAX:
            shed("cart_lines", len(event.items) - CART_LINES_MAX)
        for item in event.items[:CART_LINES_MAX]:
            quantity = max(item.quantity, 1)
            line = cart.lines.get(line_key(item))
            if line is None:
                cart.lines[line_key(item)] = CartLine(quantity, item.price_micros or 0, time_ms)
            else:
                line.quantity += quantity
        cart.items = sum(line.quantity for line in cart.lines.values())
    if cart is not None:
        cart.last_ms = max(cart.last_ms, time_ms)


def step_checkout(row: Row, event: CheckoutStepped) -> None:
    time_ms = event.time_ms
    if time_ms <= _last_order_ms(row):
        return
    checkout = row.checkout
    if checkout is None:
        checkout = row.checkout = Checkout(time_ms, time_ms, 1, event.payment_method)
    else:
        checkout.started_ms = min(checkout.started_ms, time_ms)
        checkout.last_ms = max(checkout.last_ms, time_ms)
        checkout.steps += 1
        checkout.payment_method = event.payment_method or checkout.payment_method
    shipping_micros = event.shipping_micros
    if (
        shipping_micros is not None
        and shipping_micros != checkout.shipping_micros
        and time_ms >= checkout.shipping_ms
    ):
        checkout.shipping_micros, checkout.shipping_ms = shipping_micros, time_ms


def look_at(row: Row, item: Item, time_ms: int) -> None:
    """A product page seen: kept with its latest view until an order."""
    if time_ms <= _last_order_ms(row):
        return
    browse = row.browse
    if browse is None:
        browse = row.browse = Browse()
    key = item.product_id or item.sku or _UNNAMED
    products = browse.products
    seen_ms = products.get(key)
    if seen_ms is None and len(products) >= BROWSE_PRODUCTS_MAX:
        shed("products_viewed")
        oldest = min(products, key=lambda k: (products[k], k))
        if time_ms < products[oldest]:
            return
        del products[oldest]
    if seen_ms is not None:
        look_again(row.looks, key, seen_ms, time_ms)
    if seen_ms is None or time_ms > seen_ms:
        products[key] = time_ms
    browse.last_ms = max(browse.last_ms, time_ms)


def close_intent(row: Row, order_ms: int) -> None:
    """An order at `order_ms` empties the cart, ends the checkout, and closes what was looked at."""
    cart = row.cart
    if cart is not None:
        cart.lines = {k: line for k, line in cart.lines.items() if line.time_ms > order_ms}
        cart.items = sum(line.quantity for line in cart.lines.values())
        if not cart.lines:
            row.cart = None
    if row.checkout is not None and row.checkout.last_ms <= order_ms:
        row.checkout = None
    browse = row.browse
    if browse is not None:
        browse.products = {k: at for k, at in browse.products.items() if at > order_ms}
        if not browse.products:
            row.browse = None


def merge_intent(row: Row, other: Row) -> None:
    """Lines, steps and views of both, less what the last order of either has closed.

    Exact for carts whose lines differ or agree; two carts with the same line keep the larger
    quantity, since a shop that logs a visitor in carries the cart over. The rows' orders are
    merged already.
    """
    closed_ms = _last_order_ms(row)
    if closed_ms:
        close_intent(row, closed_ms)
        close_intent(other, closed_ms)
    _merge_carts(row, other)
    if other.checkout is not None:
        mine = row.checkout
        if mine is None:
            row.checkout = other.checkout
        else:
            early, late = sorted((mine, other.checkout), key=lambda checkout: checkout.last_ms)
            late.started_ms = min(early.started_ms, late.started_ms)
            late.steps += early.steps
            late.payment_method = late.payment_method or early.payment_method
            if late.shipping_micros < 0:
                late.shipping_micros, late.shipping_ms = early.shipping_micros, early.shipping_ms
            row.checkout = late
    if other.browse is not None:
        browse = row.browse or Browse()
        for key, at in other.browse.products.items():
            browse.products[key] = max(browse.products.get(key, 0), at)
        while len(browse.products) > BROWSE_PRODUCTS_MAX:
            shed("products_viewed")
            del browse.products[min(browse.products, key=lambda k: (browse.products[k], k))]
        browse.last_ms = max(browse.last_ms, other.browse.last_ms)
        row.browse = browse


def _merge_carts(row: Row, other: Row) -> None:
    if other.cart is None:
        return
    if row.cart is None:
        row.cart = other.cart
        return
    cart = row.cart
    for key, line in other.cart.lines.items():
        mine = cart.lines.get(key)
        if mine is None or line.quantity > mine.quantity:
            if mine is not None:
                line.time_ms = max(line.time_ms, mine.time_ms)
            cart.lines[key] = line
    if len(cart.lines) > CART_LINES_MAX:
        shed("cart_lines", len(cart.lines) - CART_LINES_MAX)
    newest = sorted(cart.lines, key=lambda k: (-cart.lines[k].time_ms, k))[:CART_LINES_MAX]
    cart.lines = {key: cart.lines[key] for key in newest}
    cart.items = sum(line.quantity for line in cart.lines.values())
    cart.adds += other.cart.adds
    cart.last_ms = max(cart.last_ms, other.cart.last_ms)
