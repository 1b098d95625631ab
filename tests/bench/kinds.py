"""Kinds of definitions, each with five sets of thresholds: what packs of any size are made of.

`MIXED` are such as a shop would add to the built-in ones, and some of the simulated shop's
customers reach them in a week. `UNTOUCHED` ask for events and traits that a customer who only
looks, fills a cart and orders never sends; none of them holds where nothing was sent.
"""

from __future__ import annotations

from typing import Any

import msgspec

TURNS = 5
"""Definitions of one kind; as many sets of thresholds does each have."""

Threshold = float | str


class Kind(msgspec.Struct, frozen=True):
    """A kind of definitions.

    name        begins the names of its definitions
    enter       the condition to enter, with `{}` for thresholds, or `{EACH}` for a value of `each`
    thresholds  one set for each turn; for `{EACH}` the value
    more        further fields of a definition
    """

    name: str
    enter: str
    thresholds: tuple[tuple[Threshold, ...], ...]
    more: dict[str, str] = {}

    def definition(self, turn: int) -> dict[str, Any]:
        """The fields of its definition with these thresholds.

        >>> Kind("wide", "sessions.pages >= {}", ((5,), (9,))).definition(1)["enter"]
        'sessions.pages >= 9'
        """
        name, enter, each = f"{self.name}_{turn + 1}", self.enter, {}
        if "{EACH}" in enter:
            name, each = f"{self.name}:{{EACH}}", {"each": {"EACH": list(self.thresholds[turn])}}
        else:
            enter = enter.format(*self.thresholds[turn])
        return {"name": name, **each, "purpose": "Measured.", "enter": enter, **self.more}


MIXED = (
    Kind("pages", "count(page_viewed, within={} * DAY) >= {}",
         ((1, 5), (1, 10), (7, 15), (7, 30), (7, 60))),
    Kind("dear_looks", "count(product_viewed, within=7 * DAY, where=price > {}) >= {}",
         ((20, 3), (20, 6), (50, 2), (100, 1), (100, 3))),
    Kind("spent", "sum(order_completed.revenue, within={} * DAY) >= {}",
         ((30, 20), (30, 50), (30, 100), (90, 50), (90, 200))),
    Kind("put_in", "sum(product_added.amount, within=7 * DAY, where=category == '{}') >= 20",
         (("Shoes",), ("Dresses",), ("Audio",), ("Coffee",), ("Kitchen",))),
    Kind("price_level", "avg(product_viewed.price, within=30 * DAY) >= {}",
         ((15,), (30,), (45,), (60,), (90,))),
    Kind("wide", "distinct(product_viewed.{}, within=30 * DAY) >= {}",
         (("category", 2), ("category", 4), ("category", 6), ("brand", 3), ("brand", 6))),
    Kind("last_paid", "last(order_completed.payment_method) == '{}' and orders.count >= {}",
         (("invoice", 1), ("credit_card", 1), ("paypal", 1), ("invoice", 2), ("paypal", 2))),
    Kind("quick", "since(sequence(product_viewed(where=price > {}), then=product_added, "
         "within=30 * MINUTE)) <= {} * DAY",
         ((10, 1), (10, 3), (50, 1), (50, 3), (50, 7))),
    Kind("left", "sequence(product_added, then=not order_completed, within={} * HOUR) "
         "and since(last(product_added)) < {} * DAY",
         ((1, 1), (2, 2), (6, 3), (24, 3), (48, 7))),
    Kind("rank", "percentile({}) >= {}",
         (("sessions.count", 0.8), ("sessions.pages", 0.9), ("sessions.pages", 0.5),
          ("orders.revenue", 0.6), ("orders.count", 0.7))),
    Kind("area", "trait('area') == '{}' and sessions.count >= {}",
         (("urban", 1), ("suburban", 2), ("rural", 1), ("urban", 4), ("suburban", 5))),
    Kind("within_another", "in_segment('{}') and cart.value >= {}",
         (("abandoned_cart", 20), ("abandoned_cart", 60), ("exploring", 40), ("inactive", 20),
          ("new_visitor", 10))),
    Kind("more_than_before", "ratio_to_past(count(product_viewed, within={} * DAY)) >= {}",
         ((1, 1.5), (1, 3), (2, 1.2), (2, 2), (3, 1.5))),
    Kind("put_aside", "count(product_added, within=30 * DAY, where=category == '{EACH}') >= 1 "
         "and orders.count <= 0",
         (("Shoes",), ("Dresses",), ("Audio",), ("Pet Food",), ("Skin Care",))),
    Kind("accustomed", "habit({}, within=180 * DAY, at_least=1, share={})",
         (("hours=(6, 12)", 0.5), ("hours=(12, 18)", 0.5), ("hours=(18, 24)", 0.5),
          ("weekday=(6, 7)", 0.3), ("weekday=(1, 5)", 0.9))),
    Kind("silent", "sessions.count >= {} and since(seen.last) >= {} * HOUR",
         ((1, 12), (1, 48), (2, 24), (3, 24), (3, 72))),
    Kind("waiting_cart", "cart.value >= {} and since(cart.last_activity) >= {} * HOUR",
         ((10, 2), (50, 2), (50, 12), (100, 4), (100, 24)),
         {"exit": "cart.items <= 0 or since(cart.last_activity) >= 5 * DAY"}),
    Kind("after_order", "orders.count >= {} and since(orders.last) >= {} * DAY",
         ((1, 1), (1, 3), (2, 1), (2, 2), (1, 5))),
    Kind("share_of_looks",
         "count(product_added, within=7 * DAY) >= {} * count(product_viewed, within=7 * DAY) "
         "and count(product_added, within=7 * DAY) >= {}",
         ((0.1, 1), (0.2, 1), (0.2, 2), (0.3, 2), (0.5, 1))),
    Kind("steady", "sessions.pages >= {} and products.viewed >= {}",
         ((5, 2), (10, 5), (20, 5), (30, 10), (50, 10)),
         {"min_stay": "1 * HOUR", "cooldown": "1 * DAY"}),
)  # fmt: skip

UNTOUCHED = (
    Kind("answered", "last('Survey Answered'.nps) >= {}", ((9,), (8,), (7,), (5,), (3,))),
    Kind("answers", "count('Survey Answered', within={} * DAY) >= {}",
         ((30, 1), (90, 2), (180, 2), (180, 3), (365, 4))),
    Kind("opinion", "avg('Survey Answered'.score, within=365 * DAY) <= {}",
         ((1,), (2,), (3,), (4,), (5,))),
    Kind("out_of_stock", "count('Stock Out Met', within={} * DAY) >= {}",
         ((1, 1), (7, 1), (7, 2), (30, 3), (30, 5))),
    Kind("out_of_many", "distinct('Stock Out Met'.category, within=30 * DAY) >= {}",
         ((1,), (2,), (3,), (4,), (5,))),
    Kind("given_back", "sum(order_refunded.refund, within={} * DAY) >= {}",
         ((30, 20), (90, 50), (90, 100), (365, 200), (365, 500))),
    Kind("came_back", "count(order_refunded, within=90 * DAY, where=reason == '{}') >= {}",
         (("size", 1), ("size", 2), ("defective", 1), ("damaged", 1), ("colour", 1))),
    Kind("unanswered", "sequence(order_refunded, then=not 'Support Called', within={} * DAY) "
         "and since(last(order_refunded)) <= {} * DAY",
         ((1, 7), (2, 7), (3, 14), (7, 30), (14, 60))),
    Kind("more_reviews", "ratio_to_past(count(product_reviewed, within={} * DAY)) >= {}",
         ((7, 1.5), (30, 1.2), (30, 2), (90, 1.5), (90, 2))),
    Kind("denied", "first(coupon_denied.reason) == '{}'",
         (("expired",), ("used",), ("minimum",), ("unknown",), ("customer",))),
    Kind("kind_of_customer", "trait('plan') == '{}'",
         (("free",), ("basic",), ("plus",), ("family",), ("business",))),
    Kind("quota", "trait('seats_left') <= {}", ((0,), (1,), (2,), (5,), (10,))),
    Kind("reads", "messages.clicked >= {}", ((1,), (2,), (3,), (5,), (8,))),
    Kind("read_long_ago", "since(messages.last_opened) >= {} * DAY",
         ((7,), (14,), (30,), (60,), (90,)), {"exit": "since(messages.last_opened) < 1 * DAY"}),
    Kind("warranty", "since(last('Warranty Claimed')) <= {} * DAY",
         ((1,), (7,), (30,), (90,), (365,))),
    Kind("shares", "since(sequence(product_shared, then=product_reviewed, within={} * DAY)) "
         "<= {} * DAY",
         ((1, 7), (3, 14), (7, 30), (7, 60), (14, 90))),
    Kind("cancels", "count(order_cancelled, within={} * DAY) >= {}",
         ((30, 1), (90, 2), (90, 3), (365, 2), (365, 4))),
    Kind("wishes", "count(product_added_to_wishlist, within=30 * DAY, where=category == '{EACH}') "
         ">= 2",
         (("Shoes",), ("Dresses",), ("Audio",), ("Pet Food",), ("Skin Care",))),
    Kind("of_a_plan", "in_segment('answers_{}') and trait('plan') != '{}'",
         ((1, "free"), (2, "free"), (3, "basic"), (4, "plus"), (5, "family"))),
    Kind("promoted", "count(promotion_clicked, within={} * DAY) >= {}",
         ((1, 1), (7, 2), (7, 3), (30, 5), (30, 8)),
         {"min_stay": "1 * HOUR", "cooldown": "1 * DAY"}),
)  # fmt: skip
