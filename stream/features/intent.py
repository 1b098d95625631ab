"""What the customer nearly bought: cart, checkout, products looked at."""

from __future__ import annotations

from stream.features.registry import Feature
from stream.state.fold import BROWSE, CART, CHECKOUT, WISHES

FAMILY: tuple[Feature, ...] = (
    Feature("cart.items", "(0 if row.cart is None else row.cart.items)", "count", CART,
            "Pieces in the open cart."),
    Feature("cart.lines", "(0 if row.cart is None else len(row.cart.lines))", "count", CART,
            "Different products in the open cart."),
    Feature("cart.last_activity", "(None if row.cart is None else row.cart.last_ms)", "instant",
            CART, "Latest change or view of the open cart.", nullable=True),
    Feature("cart.value", "(0 if row.cart is None else sum([line.quantity * line.price_micros "
            "for line in row.cart.lines.values()]))", "micros", CART,
            "Price of all pieces in the open cart."),
    Feature("checkout.open", "(row.checkout is not None)", "flag", CHECKOUT,
            "A checkout was begun and no order followed."),
    Feature("checkout.last_step", "(None if row.checkout is None else row.checkout.last_ms)",
            "instant", CHECKOUT, "Latest step of the open checkout.", nullable=True),
    Feature("checkout.steps", "(0 if row.checkout is None else row.checkout.steps)", "count",
            CHECKOUT, "Steps of the open checkout."),
    Feature("checkout.shipping", "(None if row.checkout is None or row.checkout.shipping_ms == 0 "
            "else row.checkout.shipping_micros)", "micros", CHECKOUT,
            "What the open checkout said last that sending costs.", nullable=True),
    Feature("checkout.shipping_shown", "(None if row.checkout is None or row.checkout.shipping_ms "
            "== 0 else row.checkout.shipping_ms)", "instant", CHECKOUT,
            "When the open checkout first said what sending now costs.", nullable=True),
    Feature("browse.products", "(0 if row.browse is None else len(row.browse.products))", "count",
            BROWSE, "Different products looked at since the last order, 20 at most."),
    Feature("browse.last", "(None if row.browse is None else row.browse.last_ms)", "instant",
            BROWSE, "Latest product view since the last order.", nullable=True),
    Feature("wishlist.items", "(len(row.wishes) if row.wishes else 0)", "count", WISHES,
            "Products on the wish list that were not bought or put into the cart since, 20 at "
            "most."),
    Feature("wishlist.last", "(max(row.wishes.values()) if row.wishes else None)", "instant",
            WISHES, "When the latest product still on the wish list was put there.", nullable=True),
)  # fmt: skip
