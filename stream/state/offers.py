"""Whether an order was bought on offer, at the full price, or nobody said."""

from __future__ import annotations

from typing import Final

from stream.events.records import OrderCompleted

OFFER_SHARE: Final = 0.5
"""Share of an order's money from which its reduced lines make the order one on offer: one reduced
line among many says what the shop had on sale, not what the customer came for."""


def is_on_offer(event: OrderCompleted) -> bool | None:
    """Whether it was bought on offer; None where it does not say.

    A discount or a coupon is on the whole order. Reduced lines are those with a coupon of their own
    or a price below their list price, and have to be `OFFER_SHARE` of the money. A discount of 0,
    or a list price on any line, says that there was none; silence says nothing.
    """
    if (event.discount_micros or 0) > 0 or event.coupon:
        return True
    is_told = event.discount_micros is not None
    is_reduced = False
    reduced_micros = all_micros = 0
    for item in event.items:
        price = item.price_micros
        if price is None:
            continue
        all_micros += price * item.quantity
        listed = item.list_price_micros
        is_told |= listed is not None
        if item.coupon or (listed is not None and price < listed):
            is_reduced = True
            reduced_micros += price * item.quantity
    if is_reduced:
        return reduced_micros >= OFFER_SHARE * all_micros
    return False if is_told else None
