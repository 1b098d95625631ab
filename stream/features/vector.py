"""The fixed, scaled vector of a customer that clusters are learned from.

Each dimension is in [0, 1] by a fixed transform, so that distances mean the same today and next
year, in every partition, and for the first customer as for the millionth.
"""

from __future__ import annotations

from math import log1p

from stream.events.records import MICROS
from stream.state.fold import OFFLINE_CHANNELS
from stream.state.row import Row

DIMENSIONS = (
    "orders",
    "order_value",
    "visits",
    "pages_per_visit",
    "orders_per_visit",
    "discount_share",
    "refund_share",
    "searches_per_visit",
    "store_share",
    "message_response",
)

_ORDERS_SCALE = 1 / log1p(20)
_VALUE_SCALE = 1 / log1p(500)
_VISITS_SCALE = 1 / log1p(50)
_PAGES_SCALE = 1 / log1p(20)


def vector(row: Row) -> tuple[float, ...]:
    """The customer's position, one number in [0, 1] for each of `DIMENSIONS`; costs 3 us."""
    orders, sessions, messages = row.orders, row.sessions, row.messages
    visits = pages = searches = 0
    if sessions is not None:
        visits, pages, searches = sessions.count, sessions.total_pages, sessions.total_searches
    count = revenue = 0
    discount = refund = 0.0
    if orders is not None and orders.count > 0:
        count, revenue = orders.count, orders.revenue_micros
        discount = orders.discounted / count
        refund = min(orders.refunded_micros / revenue, 1.0) if revenue > 0 else 0.0
    response = 0.5
    if messages is not None and messages.sent + messages.delivered > 0:
        reached = max(messages.sent, messages.delivered)
        response = min((messages.opened + messages.clicked) / (2 * reached), 1.0)
    offline = sum([n for channel, n in row.channels.items() if channel in OFFLINE_CHANNELS])
    per_visit = 1 / visits if visits else 0.0
    return (
        min(log1p(count) * _ORDERS_SCALE, 1.0),
        min(log1p(revenue / count / MICROS) * _VALUE_SCALE, 1.0) if count else 0.0,
        min(log1p(visits) * _VISITS_SCALE, 1.0),
        min(log1p(pages * per_visit) * _PAGES_SCALE, 1.0),
        min(count * per_visit, 1.0) if visits else float(count > 0),
        discount,
        refund,
        min(searches * per_visit / 3, 1.0),
        min(offline / count, 1.0) if count else float(offline > 0),
        response,
    )
