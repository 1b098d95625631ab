"""The oracle's members: the built-in definitions, written out by hand.

Two conditions ask where a customer stands among all; those two segments are judged only where the
caller says what the thresholds are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.oracle.batch import (
    DAY_MS,
    HOUR_MS,
    MATURE_MS,
    MINUTE_MS,
    Customer,
    apply,
    last_gap_ratio,
    rhythm_ms,
)
from tests.oracle.reading import Act, acts_by_customer

LAPSE = 4
RISK = 2
LOYAL_ORDERS = 5
NEWNESS_MS = 30 * DAY_MS
WELCOME_BACK_MS = 90 * DAY_MS
CART_MS = HOUR_MS
CHECKOUT_MS = 30 * MINUTE_MS
INTENT_MS = 7 * DAY_MS
BROWSE_MS = 3 * DAY_MS


class Change(NamedTuple):
    """A customer enters or leaves a segment."""

    customer: str
    time_ms: int
    segment: str
    entered: bool


class Thresholds(NamedTuple):
    """Revenue in micros: who has more is above that share of customers."""

    top_half: int
    top_15_percent: int
    top_10_percent: int


def journey(customer: Customer, now_ms: int) -> str:
    """Where the customer stands; exactly one of nine."""
    standing = customer.standing
    if not standing:
        returning = customer.visits >= 2 or customer.products_viewed >= 3
        return "exploring" if returning else "new_visitor"
    occasions = customer.occasions()
    rhythm = rhythm_ms(occasions)
    age = now_ms - standing[-1].time_ms
    if age > LAPSE * rhythm:
        return "lapsed"
    if len(standing) >= 2:
        if age > RISK * rhythm:
            return "at_risk"
        if last_gap_ratio(occasions) > LAPSE and age <= WELCOME_BACK_MS:
            return "won_back"
        return "loyal" if len(standing) >= LOYAL_ORDERS else "regular"
    return "new_customer" if age <= NEWNESS_MS else "one_time_buyer"


def intent(customer: Customer, now_ms: int) -> Iterator[tuple[str, bool]]:
    """Segments that are entered after some silence and end by an act, or by a longer one."""
    items, cart_ms = customer.cart_items, customer.cart_ms
    if items <= 0 or (cart_ms is not None and now_ms - cart_ms >= INTENT_MS):
        yield "abandoned_cart", False
    elif cart_ms is not None and now_ms - cart_ms >= CART_MS:
        yield "abandoned_cart", True
    checkout_ms = customer.checkout_ms
    if checkout_ms is None or now_ms - checkout_ms >= INTENT_MS:
        yield "abandoned_checkout", False
    elif now_ms - checkout_ms >= CHECKOUT_MS:
        yield "abandoned_checkout", True
    browsed_ms = customer.browsed_ms
    if browsed_ms is None or items > 0 or now_ms - browsed_ms >= BROWSE_MS:
        yield "abandoned_browse", False
    elif len(customer.browsed) >= 2 and now_ms - browsed_ms >= CART_MS:
        yield "abandoned_browse", True


def value(customer: Customer, now_ms: int, thresholds: Thresholds) -> Iterator[tuple[str, bool]]:
    revenue = customer.revenue
    if not customer.standing or revenue <= thresholds.top_15_percent:
        yield "high_value", False
    elif revenue > thresholds.top_10_percent:
        yield "high_value", True
    rate = customer.return_rate(now_ms)
    if rate is not None and rate <= 0.7:
        yield "serial_returner", False
    elif (
        rate is not None
        and rate > 0.85
        and len(customer.matured(now_ms)) >= 3
        and revenue > thresholds.top_half
    ):
        yield "serial_returner", True


def wake_times(customer: Customer) -> set[int]:
    """Every instant at which time alone can change a membership."""
    found: set[int] = set()
    standing = customer.standing
    if standing:
        last_ms, rhythm = standing[-1].time_ms, rhythm_ms(customer.occasions())
        found |= {last_ms + LAPSE * rhythm + 1, last_ms + RISK * rhythm + 1}
        found |= {last_ms + WELCOME_BACK_MS + 1, last_ms + NEWNESS_MS + 1}
        found |= {order.time_ms + MATURE_MS for order in standing}
    if customer.cart_ms is not None:
        found |= {customer.cart_ms + CART_MS, customer.cart_ms + INTENT_MS}
    if customer.checkout_ms is not None:
        found |= {customer.checkout_ms + CHECKOUT_MS, customer.checkout_ms + INTENT_MS}
    if customer.browsed_ms is not None:
        found |= {customer.browsed_ms + CART_MS, customer.browsed_ms + BROWSE_MS}
    return found


def changes_until(
    events: Iterable[dict[str, Any]], now_ms: int, thresholds: Thresholds | None = None
) -> list[Change]:
    """Every change up to `now_ms`, that instant included: by time, then customer, as they came."""
    found = []
    for key, acts in acts_by_customer(events).items():
        found += _changes(key, acts, now_ms, thresholds)
    return sorted(found, key=lambda change: (change.time_ms, change.customer))


def members_at(
    events: Iterable[dict[str, Any]], now_ms: int, thresholds: Thresholds | None = None
) -> dict[str, set[str]]:
    """Each customer's segments at `now_ms`."""
    found: dict[str, set[str]] = {}
    for change in changes_until(events, now_ms, thresholds):
        members = found.setdefault(change.customer, set())
        if change.entered:
            members.add(change.segment)
        else:
            members.remove(change.segment)
    return found


def _changes(
    key: str, acts: list[Act], now_ms: int, thresholds: Thresholds | None
) -> Iterator[Change]:
    """Walk the customer's time: what is due by an act happens before it."""
    customer, members = Customer(), set[str]()
    walked_ms = 0
    for act in acts:
        if act.time_ms > now_ms:
            break
        for due_ms in sorted(wake_times(customer)):
            if walked_ms < due_ms <= act.time_ms:
                yield from _judge(key, customer, members, due_ms, thresholds)
        apply(customer, act)
        yield from _judge(key, customer, members, act.time_ms, thresholds)
        walked_ms = act.time_ms
    for due_ms in sorted(wake_times(customer)):
        if walked_ms < due_ms <= now_ms:
            yield from _judge(key, customer, members, due_ms, thresholds)


def _judge(
    key: str, customer: Customer, members: set[str], at_ms: int, thresholds: Thresholds | None
) -> Iterator[Change]:
    stage = journey(customer, at_ms)
    verdicts = [(name, name == stage) for name in JOURNEY if name == stage or name in members]
    verdicts += intent(customer, at_ms)
    if thresholds is not None:
        verdicts += value(customer, at_ms, thresholds)
    for name, belongs in sorted(verdicts, key=lambda verdict: verdict[1]):
        if belongs and name not in members:
            members.add(name)
            yield Change(key, at_ms, name, True)
        elif not belongs and name in members:
            members.remove(name)
            yield Change(key, at_ms, name, False)


JOURNEY = (
    "lapsed",
    "at_risk",
    "won_back",
    "loyal",
    "regular",
    "new_customer",
    "one_time_buyer",
    "exploring",
    "new_visitor",
)
