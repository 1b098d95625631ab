"""Orders, their changes and refunds: which of the amounts that shops send means what.

The specification has `total` (with discounts, shipping and tax), `subtotal` (after discounts,
before shipping and tax) and `revenue` (excluding shipping and tax); Checkout Started and GA4
style senders have `value`. Shops send any subset. Shoal keeps two amounts of an order:

revenue   revenue, else subtotal, else total less shipping and tax, else value, else the sum of
          the lines less the discount
total     total, else revenue with shipping and tax where one of these was sent, else value,
          else the sum of the lines less the discount with shipping and tax

The sum of the lines is price times quantity; it is unknown where a line has no price, or where
there are `ITEMS_MAX` lines, because more may have been cut. What is unknown stays None.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar

import msgspec

from stream.events.head import Builder, Head
from stream.events.items import items_of
from stream.events.labels import text_label
from stream.events.money import AMOUNT_MAX, micros, unsigned_micros
from stream.events.properties import ITEMS_MAX, OrderProperties
from stream.events.records import (
    MICROS,
    CheckoutStepped,
    Item,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    OrderUpdated,
)
from stream.events.rejection import RejectedEventError

CURRENCY_MAX: Final = 8
"""Characters of a currency code: 3 in ISO 4217, a few more for what is no legal tender."""

Order = TypeVar("Order", OrderCompleted, OrderUpdated)


class Amounts(NamedTuple):
    """Amounts of an order in micros, None where unknown."""

    revenue: int | None
    total: int | None
    discount: int | None
    shipping: int | None
    tax: int | None


def lines_micros(items: tuple[Item, ...]) -> int | None:
    """Sum of price times quantity in micros, None where it cannot be known.

    Raises
    ------
    RejectedEventError
        Beyond `AMOUNT_MAX`, as for an amount that the shop sends itself.
    """
    if not 0 < len(items) < ITEMS_MAX:
        return None
    total = 0
    for item in items:
        if item.price_micros is None:
            return None
        total += item.price_micros * item.quantity
    if total > AMOUNT_MAX * MICROS:
        raise RejectedEventError("out_of_range", "$.products", f"Expected at most {AMOUNT_MAX}")
    return total


def amounts_of(order: OrderProperties, items: tuple[Item, ...]) -> Amounts:
    """The amounts of an order by the rules above, none below 0.

    Raises
    ------
    RejectedEventError
        With the path from the properties, such as `$.total`.
    """
    revenue = micros(order.revenue, "$.revenue")
    total = micros(order.total, "$.total")
    discount = unsigned_micros(order.discount, "$.discount")
    shipping = micros(order.shipping, "$.shipping")
    tax = micros(order.tax, "$.tax")
    extra = (shipping or 0) + (tax or 0)
    if revenue is None:
        revenue = micros(order.subtotal, "$.subtotal")
    if total is None and revenue is not None:
        total = revenue + extra
    if revenue is None and total is not None:
        revenue = max(0, total - extra)
    if revenue is None:
        revenue = total = micros(order.value, "$.value")
    if revenue is None:
        lines = lines_micros(items)
        if lines is not None:
            revenue = max(0, lines - (discount or 0))
            total = revenue + extra
    return Amounts(revenue, total, discount, shipping, tax)


def order_completed(order: OrderProperties, head: Head) -> OrderCompleted:
    return _order(OrderCompleted, order, head)


def order_updated(order: OrderProperties, head: Head) -> OrderUpdated:
    return _order(OrderUpdated, order, head)


def _order(kind: type[Order], order: OrderProperties, head: Head) -> Order:
    time_ms, message_id, received_ms, channel, reference = head
    items = items_of(order.products, time_ms, reference)
    amounts = amounts_of(order, items)
    built: Order = kind(
        time_ms,
        message_id,
        received_ms,
        (),
        channel,
        order_id=order_label(order),
        revenue_micros=amounts.revenue,
        total_micros=amounts.total,
        discount_micros=amounts.discount,
        shipping_micros=amounts.shipping,
        tax_micros=amounts.tax,
        currency=currency_of(order),
        coupon=order.coupon,
        items=items,
        payment_method=order.payment_method,
        store=text_label(order.store),
        cart_id=text_label(order.cart_id),
        gift=order.gift,
    )
    return built


def order_cancelled(order: OrderProperties, head: Head) -> OrderCancelled:
    time_ms, message_id, received_ms, channel, reference = head
    items = items_of(order.products, time_ms, reference)
    return OrderCancelled(
        time_ms,
        message_id,
        received_ms,
        (),
        channel,
        order_id=order_label(order),
        revenue_micros=amounts_of(order, items).revenue,
        items=items,
    )


def order_refunded(order: OrderProperties, head: Head) -> OrderRefunded:
    """A refund: only the lines in it came back, and none of quantity 0.

    The amount is `total` (else revenue, else value) where no lines are given. With lines it is
    their sum, or the amount where that is smaller: `total` often repeats the whole order's, while
    a smaller one tells what was paid back after discounts. Neither lines nor amount: the whole
    order.
    """
    time_ms, message_id, received_ms, channel, reference = head
    items = items_of(order.products, time_ms, reference)
    paid = unsigned_micros(order.total, "$.total")
    if paid is None:
        paid = unsigned_micros(order.revenue, "$.revenue")
    if paid is None:
        paid = unsigned_micros(order.value, "$.value")
    if items:
        lines = lines_micros(items)
        if lines is not None:
            paid = lines if paid is None else min(paid, lines)
        items = tuple(
            msgspec.structs.replace(item, reason=product.reason or order.reason)
            for item, product in zip(items, order.products or (), strict=True)
            if item.quantity
        )
    return OrderRefunded(
        time_ms,
        message_id,
        received_ms,
        (),
        channel,
        order_id=order_label(order),
        refund_micros=paid,
        currency=currency_of(order),
        items=items,
    )


def checkout_stepped(step: str) -> Builder[OrderProperties]:
    """The builder of one step of the checkout: started, viewed, completed or payment."""

    def build(order: OrderProperties, head: Head) -> CheckoutStepped:
        time_ms, message_id, received_ms, channel, reference = head
        value = micros(order.value, "$.value")
        if value is None and (order.products or order.total or order.revenue is not None):
            items = items_of(order.products, time_ms, reference)
            value = amounts_of(order, items).total
        return CheckoutStepped(
            time_ms,
            message_id,
            received_ms,
            (),
            channel,
            step=step,
            checkout_id=text_label(order.checkout_id),
            order_id=order_label(order),
            value_micros=value,
            payment_method=order.payment_method,
            shipping_method=order.shipping_method,
            shipping_micros=micros(order.shipping, "$.shipping"),
        )

    return build


def order_label(order: OrderProperties) -> str | None:
    order_id = order.order_id
    return text_label(order.order_id_v1 if order_id is None else order_id)


def currency_of(order: OrderProperties) -> str | None:
    """ISO 4217 code in capitals; other texts are cut to `CURRENCY_MAX` characters."""
    return None if order.currency is None else order.currency[:CURRENCY_MAX].upper()
