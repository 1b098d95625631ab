"""Orders, refunds and cancellations: the latest orders one by one, sums over all of them.

A refund or cancellation finds its order among the latest `ORDERS_MAX` by number. An older one
counts in the sums alone. Numbers are hashes of the shop's order id, 64 bits.
"""

from __future__ import annotations

from typing import ClassVar, Final

from xxhash import xxh3_64_intdigest

from stream.clock import DAY_MS, NEVER_MS
from stream.events.records import Item, OrderCancelled, OrderCompleted, OrderRefunded
from stream.state.offers import is_on_offer
from stream.state.row import Row
from stream.state.row_parts import FirstPurchase, Order, Orders
from stream.state.shed import shed

ORDERS_MAX: Final = 32
"""Orders kept one by one: 30 bytes each, about three years of a monthly buyer."""

MATURITY_MS: Final = 30 * DAY_MS
"""Until then an order may still come back; return rates count matured orders only."""

OCCASION_GAP_MS: Final = DAY_MS
RHYTHM_PRIOR_MS: Final = 60 * DAY_MS
RHYTHM_MIN_MS: Final = 7 * DAY_MS
RHYTHM_MAX_MS: Final = 180 * DAY_MS

SUM_MICROS_MAX: Final = 1 << 62
"""Four times as much is the largest number of a packed row; no customer spends 4 * 10**12."""


class AmountOverflowError(ValueError):
    """An amount that no shop has: the customer's sum would not fit the row."""

    reason: ClassVar[str] = "amount_overflow"


def order_number(order_id: str | None, message_id: int) -> int:
    """The order's identity; an order without id is its own message."""
    return message_id if order_id is None else xxh3_64_intdigest(order_id.encode())


def _amount_micros(items: tuple[Item, ...]) -> int:
    return sum((item.price_micros or 0) * item.quantity for item in items)


def _find(orders: Orders, number: int) -> Order | None:
    for order in reversed(orders.recent):
        if order.number == number:
            return order
    return None


def rhythm_ms(orders: Orders) -> int:
    """The customer's own gap between purchase occasions, shrunk to 60 days while it is unknown.

    The mean of the gaps seen and of one gap of `RHYTHM_PRIOR_MS`, within 7 to 180 days.
    """
    gaps = max(orders.occasions - 1, 0)
    span_ms = orders.occasion_ms - orders.first_ms if gaps else 0
    mean_ms = (span_ms + RHYTHM_PRIOR_MS) // (gaps + 1)
    return min(max(mean_ms, RHYTHM_MIN_MS), RHYTHM_MAX_MS)


def complete_order(row: Row, event: OrderCompleted, look_ms: int = 0) -> int:
    """Count an order, or bring one up to date whose number is known; when it was placed.

    `look_ms` is how long before it its customer began to look.

    Raises
    ------
    AmountOverflowError
        Where the customer's sum leaves the 64 bits of a packed row.
    """
    orders = row.orders
    if orders is None:
        orders = row.orders = Orders()
    revenue_micros = event.revenue_micros
    if revenue_micros is None:
        revenue_micros = _amount_micros(event.items)
    foreign = event.currency not in (None, orders.currency or event.currency)
    if foreign:
        revenue_micros = 0
    if orders.revenue_micros + revenue_micros > SUM_MICROS_MAX:
        raise AmountOverflowError(f"revenue of more than {SUM_MICROS_MAX} micros")
    orders.currency = orders.currency or event.currency
    number = order_number(event.order_id, event.message_id)
    known = _find(orders, number)
    if known is not None:
        if not known.cancelled and event.revenue_micros is not None:
            _revise(orders, known, revenue_micros)
        return min(known.time_ms, event.time_ms)
    orders.foreign += foreign
    on_offer = is_on_offer(event)
    order = Order(
        number=number,
        time_ms=event.time_ms,
        revenue_micros=revenue_micros,
        discounted=on_offer is True,
        items=sum(item.quantity for item in event.items),
        full_price=on_offer is False,
        look_ms=look_ms,
    )
    _count_occasion(orders, event.time_ms)
    _insert(orders, order)
    orders.count += 1
    orders.revenue_micros += revenue_micros
    orders.items += order.items
    orders.discounted += order.discounted
    orders.full_price += order.full_price
    orders.looked += look_ms > 0
    orders.looked_ms += look_ms
    if orders.first is None or event.time_ms < orders.first.time_ms:
        orders.first = _first_purchase(event, order)
    orders.last_ms = max(orders.last_ms, event.time_ms)
    orders.first_ms = min(orders.first_ms or NEVER_MS, event.time_ms)
    return event.time_ms


def _first_purchase(event: OrderCompleted, order: Order) -> FirstPurchase:
    product = None
    if event.items:
        product = event.items[0].product_id or event.items[0].sku
    return FirstPurchase(
        time_ms=event.time_ms,
        revenue_micros=order.revenue_micros,
        items=order.items,
        product=product,
        coupon=event.coupon,
        channel=event.channel,
        discounted=order.discounted,
        full_price=order.full_price,
    )


def _revise(orders: Orders, order: Order, revenue_micros: int) -> None:
    orders.revenue_micros += revenue_micros - order.revenue_micros
    if order.matured:
        orders.matured_micros += revenue_micros - order.revenue_micros
    order.revenue_micros = revenue_micros


def _count_occasion(orders: Orders, time_ms: int) -> None:
    if orders.count == 0 or orders.occasions == 0:
        orders.occasions = 1
        orders.occasion_ms = time_ms
    elif time_ms - orders.occasion_ms >= OCCASION_GAP_MS:
        rhythm = rhythm_ms(orders)
        orders.last_gap_ms = time_ms - orders.occasion_ms
        orders.last_gap_ratio = round(orders.last_gap_ms / rhythm, 6)
        orders.occasions += 1
        orders.occasion_ms = time_ms
    elif time_ms <= orders.first_ms - OCCASION_GAP_MS:
        orders.occasions += 1


def _insert(orders: Orders, order: Order) -> None:
    """Keep the list in time order; the oldest one shed has matured by then or does so now."""
    recent = orders.recent
    at = len(recent)
    while at and recent[at - 1].time_ms > order.time_ms:
        at -= 1
    recent.insert(at, order)
    if len(recent) > ORDERS_MAX:
        oldest = recent.pop(0)
        shed("orders")
        if not oldest.matured and not oldest.cancelled:
            mature(orders, oldest)


def cancel_order(row: Row, event: OrderCancelled) -> None:
    """Take an order back as if it had not been; one told of first is remembered as cancelled."""
    orders = row.orders
    if orders is None:
        orders = row.orders = Orders()
    number = order_number(event.order_id, event.message_id)
    order = _find(orders, number)
    if order is None:
        order = Order(number=number, time_ms=event.time_ms, cancelled=True)
        _insert(orders, order)
        orders.cancelled += 1
        return
    if order.cancelled:
        return
    order.cancelled = True
    orders.cancelled += 1
    take_out(orders, order)
    _forget_times(orders, order.time_ms)


def take_out(orders: Orders, order: Order) -> None:
    """Take a standing order out of the sums."""
    orders.count -= 1
    orders.revenue_micros -= order.revenue_micros
    orders.refunded_micros -= order.refunded_micros
    orders.items -= order.items
    orders.discounted -= order.discounted
    orders.full_price -= order.full_price
    orders.looked -= order.look_ms > 0
    orders.looked_ms -= order.look_ms
    if order.matured:
        orders.matured -= 1
        orders.matured_micros -= order.revenue_micros
        orders.matured_refunded_micros -= order.refunded_micros


def _forget_times(orders: Orders, cancelled_ms: int) -> None:
    """Take a cancelled order's time out of first, last and occasions, as far as still listed."""
    standing = [order for order in orders.recent if not order.cancelled]
    if orders.count == 0:
        orders.first_ms = orders.last_ms = orders.occasions = orders.occasion_ms = 0
        orders.last_gap_ms, orders.last_gap_ratio = 0, 0.0
        orders.first = None
    elif len(standing) == orders.count:
        first = standing[0]
        if orders.first is None or orders.first.time_ms != first.time_ms:
            orders.first = FirstPurchase(
                first.time_ms, first.revenue_micros, first.items,
                discounted=first.discounted, full_price=first.full_price,
            )  # fmt: skip
        orders.first_ms, orders.last_ms = first.time_ms, standing[-1].time_ms
        recount_occasions(orders)
    elif standing and cancelled_ms == orders.last_ms:
        orders.last_ms = standing[-1].time_ms


def refund_order(row: Row, event: OrderRefunded) -> None:
    """Money back: the amount, else the lines', else the whole order; never more than it cost."""
    orders = row.orders
    if orders is None:
        orders = row.orders = Orders()
    order = None
    if event.order_id is not None:
        order = _find(orders, order_number(event.order_id, event.message_id))
    amount_micros = event.refund_micros
    if amount_micros is None and event.items:
        amount_micros = _amount_micros(event.items)
    if order is None:
        amount_micros = amount_micros or 0
        if orders.refunded_micros + amount_micros > SUM_MICROS_MAX:
            raise AmountOverflowError(f"refunds of more than {SUM_MICROS_MAX} micros")
        orders.refunded_micros += amount_micros
        orders.matured_refunded_micros += amount_micros
        return
    if order.cancelled:
        return
    take_back(orders, order, amount_micros)


def take_back(orders: Orders, order: Order, amount_micros: int | None) -> None:
    """Refund an amount of the order, or all of it; never more than is left of its revenue."""
    open_micros = max(order.revenue_micros - order.refunded_micros, 0)
    taken = open_micros if amount_micros is None else min(amount_micros, open_micros)
    order.refunded_micros += taken
    orders.refunded_micros += taken
    if order.matured:
        orders.matured_refunded_micros += taken


def mature(orders: Orders, order: Order) -> None:
    """Count the order as one whose returns are known."""
    order.matured = True
    orders.matured += 1
    orders.matured_micros += order.revenue_micros
    orders.matured_refunded_micros += order.refunded_micros


def maturity_ms(orders: Orders | None) -> int:
    """When the next order matures."""
    if orders is None or orders.matured == orders.count:
        return NEVER_MS
    for order in orders.recent:
        if not order.matured and not order.cancelled:
            return order.time_ms + MATURITY_MS
    return NEVER_MS


def mature_orders(orders: Orders, now_ms: int) -> None:
    """Count as matured what has become so by `now_ms`."""
    for order in orders.recent:
        if order.time_ms + MATURITY_MS > now_ms:
            break
        if not order.matured and not order.cancelled:
            mature(orders, order)


def recount_occasions(orders: Orders) -> None:
    """Occasions and gaps anew from the listed orders, of which none has been shed."""
    standing = [order.time_ms for order in orders.recent if not order.cancelled]
    orders.occasions = orders.occasion_ms = orders.last_gap_ms = 0
    orders.last_gap_ratio = 0.0
    count, orders.count = orders.count, 0
    for time_ms in standing:
        _count_occasion(orders, time_ms)
        orders.count += 1
    orders.count = count
