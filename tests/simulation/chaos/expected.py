"""What is true of each customer in the end, by the raw records and the rules alone.

Separate from the program: the bytes are read by the batch oracle's reader, and the conditions of
the round's definitions are written out here by hand. All that is asked for does not depend on the
order of events: counts, sums, first and last; so it holds whatever was late or moved, and whoever
was found to be whom at what time.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from tests.oracle.batch import Customer, apply
from tests.oracle.reading import (
    acts_by_customer,
    ambiguous_customers,
    event_time_ms,
    ids_of,
)

QUIET_NAMES = {"identify"}
"""What is no activity of the customer."""

JUDGED = frozenset(
    {"buyer", "big", "gone", "never", "gold", "silver", "bronze", "looker", "just_bought"}
)


class Rules(NamedTuple):
    """Thresholds of a definitions file: units of the currency, and seconds."""

    big: int = 300
    gone_s: int = 6
    never_s: int = 3_600
    gold: int = 500
    views: int = 3
    just_s: int = 5


class Facts(NamedTuple):
    """What a row must hold."""

    events: int
    orders: int
    revenue_micros: int
    pages: int
    views: int
    first_ms: int
    last_ms: int
    last_order_ms: int


class Told(NamedTuple):
    """The raw records, read.

    copies    how many messages came once, twice, ...
    linked    other ids that are said to be a customer's
    messages  of events that name the customer themselves: event time, and the message's id
    """

    customers: dict[str, Facts]
    copies: Counter[int]
    linked: dict[str, set[str]]
    messages: dict[str, list[tuple[int, str]]]
    good: int
    broken: int
    markers: int


def read_raw(values: Iterable[bytes]) -> Told:
    """Facts of everybody of whom it is certain who they are."""
    events: list[dict[str, Any]] = []
    broken = markers = 0
    for value in values:
        event = _read(value)
        if event is None:
            broken += 1
        elif event["type"] == "history_ends":
            markers += 1
        else:
            events.append(event)
    unsure = ambiguous_customers(events) | {"x1", "x2", "x3"}
    customers = {
        key: _facts(acts) for key, acts in acts_by_customer(events).items() if key not in unsure
    }
    records = (e for e in events if e["type"] != "alias")
    copies = Counter(Counter(event["messageId"] for event in records).values())
    linked: dict[str, set[str]] = defaultdict(set)
    messages: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for event in events:
        customer, *others = ids_of(event)
        linked[customer].update(others)
        time_ms = event_time_ms(event)
        assert time_ms is not None
        messages[customer].append((time_ms, event["messageId"]))
    return Told(customers, copies, linked, messages, len(events), broken, markers)


def _read(value: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(value, parse_float=Decimal)
    except ValueError:
        return None
    if not isinstance(event, dict):
        return None
    if event.get("type") == "history_ends":
        return event
    return event if ids_of(event) and event_time_ms(event) is not None else None


def _facts(acts: list[Any]) -> Facts:
    customer = Customer()
    for act in acts:
        apply(customer, act)
    active = [act.time_ms for act in acts if act.name not in QUIET_NAMES]
    return Facts(
        events=len(acts),
        orders=customer.order_count,
        revenue_micros=customer.revenue,
        pages=sum(act.name == "page" for act in acts),
        views=customer.products_viewed,
        first_ms=min(act.time_ms for act in acts),
        last_ms=max(active, default=0),
        last_order_ms=max((order.time_ms for order in customer.standing), default=0),
    )


def segments_of(facts: Facts, now_ms: int, rules: Rules) -> set[str]:
    """The segments of the round's definitions, as far as they are judged."""
    found = set()
    micros = 1_000_000
    if facts.orders >= 1:
        found.add("buyer")
        if now_ms - facts.last_order_ms < rules.just_s * 1000:
            found.add("just_bought")
        if facts.revenue_micros >= rules.gold * micros:
            found.add("gold")
        elif facts.revenue_micros >= 100 * micros:
            found.add("silver")
        else:
            found.add("bronze")
    else:
        if now_ms - facts.first_ms >= rules.never_s * 1000:
            found.add("never")
        if facts.views >= rules.views:
            found.add("looker")
    if facts.revenue_micros >= rules.big * micros:
        found.add("big")
    if facts.last_ms and now_ms - facts.last_ms >= rules.gone_s * 1000:
        found.add("gone")
    return found


def definitions_of(rules: Rules) -> bytes:
    """The definitions file with these thresholds; some of it is for the replay to judge alone."""
    action = "channels: [email, push], consent: marketing, message: m, enabled: true"
    never = f"since(seen.first) >= {rules.never_s} * SECOND and orders.count <= 0"
    just_bought = f"orders.count >= 1 and since(orders.last) < {rules.just_s} * SECOND"
    full_cart = "cart.items >= 2 and since(cart.last_activity) >= 2 * SECOND"
    busy = f"""'count("Product Viewed", within=2 * HOUR) >= {rules.views}'"""
    big = f"orders.revenue >= {rules.big}, priority: 70, action: {{{action}, min_size: 2}}"
    gone = f"since(seen.last) >= {rules.gone_s} * SECOND, priority: 20, action: {{{action}}}"
    segments = (
        "name: buyer, enter: orders.count >= 1",
        f"name: big, enter: {big}",
        f"name: gone, enter: {gone}",
        f"name: never, enter: {never}",
        f"name: looker, enter: products.viewed >= {rules.views} and orders.count <= 0",
        f"name: just_bought, enter: {just_bought}",
        f"name: gold, group: tier, enter: orders.revenue >= {rules.gold}",
        "name: silver, group: tier, enter: orders.revenue >= 100",
        "name: bronze, group: tier, enter: orders.count >= 1",
        "name: vip, enter: percentile(orders.revenue) >= 0.7",
        f"name: full_cart, enter: {full_cart}",
        "name: sticky, enter: cart.items >= 1, min_stay: 5 * SECOND, cooldown: 2 * SECOND",
        f"name: busy, enter: {busy}",
        'name: busy_vip, enter: in_segment("vip") and in_segment("buyer")',
    )
    lines = [f"  - {{purpose: p, {segment}}}" for segment in segments]
    return "\n".join(["consent_default: allow", "segments:", *lines, ""]).encode()
