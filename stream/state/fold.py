"""One event into one row: which part it changes, by the event's type.

`FOLDS` is the whole transition as data: type -> (function, parts that it can change, whether it is
a visit). The engine re-evaluates only what reads one of those parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from stream.events import records as r
from stream.state import cart as intent
from stream.state.consents import agree, agree_by_traits
from stream.state.looks import forget_looks, look_before
from stream.state.messages import respond
from stream.state.orders import (
    cancel_order,
    complete_order,
    mature_orders,
    maturity_ms,
    refund_order,
)
from stream.state.pace import held_until_ms
from stream.state.row import Row
from stream.state.sessions import close, session_end_ms, visit
from stream.state.shed import shed
from stream.state.stocks import with_view
from stream.state.wishes import buy_wishes, fulfil, wish_for

ACTIVITY: Final = 1
SESSIONS: Final = 2
CART: Final = 4
CHECKOUT: Final = 8
BROWSE: Final = 16
ORDERS: Final = 32
MESSAGES: Final = 64
TRAITS: Final = 128
VISITS: Final = 256
PRODUCTS: Final = 512
CONSENT: Final = 2048
WISHES: Final = 8192
EVERYTHING: Final = 1023 | CONSENT | WISHES
"""Parts of a row, as bits. How many visits and product views there were are parts of their own:
most events go on with a visit, and what asks for its number need not be decided for them."""

TIME: Final = 1024
"""What time alone can turn reads this one as well, which no event changes."""

STANDING: Final = 16384
"""What the shop's percentiles turn reads this one as well, which no event changes."""

PAST: Final = 4096
"""When the customer was first heard of: what is kept of the past may be a part of it. A late event
alone changes it for a row that was decided before."""

TRAITS_MAX: Final = 50
CHANNELS_MAX: Final = 8


class Fold(NamedTuple):
    apply: Callable[[Row, Any], None] | None
    parts: int
    visits: bool


def _page(row: Row, event: r.PageViewed) -> None:
    time_ms = event.time_ms
    sessions = visit(row, time_ms)
    sessions.pages += time_ms >= sessions.start_ms
    sessions.total_pages += 1


def _search(row: Row, event: r.ProductsSearched) -> None:
    sessions = visit(row, event.time_ms)
    sessions.searches += event.time_ms >= sessions.start_ms
    sessions.total_searches += 1
    if event.results_count == 0:
        sessions.empty_searches += 1


def _product(row: Row, event: r.ProductViewed) -> None:
    time_ms = event.time_ms
    sessions = visit(row, time_ms)
    sessions.products += time_ms >= sessions.start_ms
    sessions.total_products += 1
    in_stock = event.item.in_stock
    if in_stock is not None:
        sessions.stocks = with_view(sessions.stocks, in_stock=in_stock)
    intent.look_at(row, event.item, time_ms)


def _order(row: Row, event: r.OrderCompleted) -> None:
    placed_ms = complete_order(row, event, look_before(row, event))
    if row.looks:
        forget_looks(row, event)
    buy_wishes(row, event, placed_ms)
    intent.close_intent(row, placed_ms)


def _add(row: Row, event: r.CartAdded) -> None:
    intent.add_to_cart(row, event)
    if row.wishes:
        fulfil(row, event.item, event.time_ms)


def _wish(row: Row, event: r.WishlistChanged) -> None:
    if event.action == "added":
        wish_for(row, event.item, event.time_ms)
    else:
        fulfil(row, event.item, event.time_ms)
    if event.action == "moved_to_cart":
        added = r.CartAdded(
            time_ms=event.time_ms,
            message_id=event.message_id,
            received_ms=event.received_ms,
            item=event.item,
        )
        intent.add_to_cart(row, added)


def _identify(row: Row, event: r.Identified) -> None:
    """The latest identify wins; one before it only fills in what is missing."""
    late = event.time_ms < row.traits_ms
    row.traits_ms = max(row.traits_ms, event.time_ms)
    for name, value in event.traits.items():
        if name in row.traits:
            if not late:
                row.traits[name] = value
        elif len(row.traits) < TRAITS_MAX:
            row.traits[name] = value
        else:
            shed("traits")
    agree_by_traits(row, event)


_INTENT = ACTIVITY | SESSIONS | CART | BROWSE

FOLDS: Final[dict[type, Fold]] = {
    r.PageViewed: Fold(_page, ACTIVITY | SESSIONS, False),
    r.ProductsSearched: Fold(_search, ACTIVITY | SESSIONS, False),
    r.ListViewed: Fold(None, ACTIVITY | SESSIONS, True),
    r.ProductViewed: Fold(_product, ACTIVITY | SESSIONS | BROWSE | PRODUCTS, False),
    r.ProductClicked: Fold(None, ACTIVITY | SESSIONS, True),
    r.CartAdded: Fold(_add, _INTENT | WISHES, True),
    r.CartRemoved: Fold(intent.remove_from_cart, _INTENT, True),
    r.CartViewed: Fold(intent.view_cart, _INTENT, True),
    r.CheckoutStepped: Fold(intent.step_checkout, ACTIVITY | SESSIONS | CHECKOUT, True),
    r.OrderCompleted: Fold(_order, _INTENT | CHECKOUT | ORDERS | WISHES, True),
    r.OrderUpdated: Fold(_order, _INTENT | CHECKOUT | ORDERS | WISHES, False),
    r.OrderCancelled: Fold(cancel_order, ORDERS, False),
    r.OrderRefunded: Fold(refund_order, ORDERS, False),
    r.CouponUsed: Fold(None, ACTIVITY | SESSIONS, True),
    r.WishlistChanged: Fold(_wish, _INTENT | WISHES, True),
    r.MessageResponded: Fold(respond, MESSAGES | CONSENT, False),
    r.Identified: Fold(_identify, TRAITS | CONSENT, False),
    r.ConsentChanged: Fold(agree, CONSENT, False),
    r.ProductReviewed: Fold(None, ACTIVITY | SESSIONS, True),
    r.Shared: Fold(None, ACTIVITY | SESSIONS, True),
    r.PromotionSeen: Fold(None, ACTIVITY | SESSIONS, True),
    r.Custom: Fold(None, ACTIVITY, False),
}

OFFLINE_CHANNELS: Final = frozenset({"store", "phone"})
"""What happens there is no visit to the shop's pages."""


def fold(row: Row, event: r.CustomerEvent) -> int:
    """Apply the event; the parts that it can have changed, as a bit set.

    Order does not matter for counts, sums, minima and maxima; the cart and the session follow the
    rules of their files for late events.
    """
    apply, parts, visits = FOLDS[type(event)]
    time_ms = event.time_ms
    channel = event.channel
    if channel is not None:
        seen = row.channels.get(channel)
        if seen is not None or len(row.channels) < CHANNELS_MAX:
            row.channels[channel] = (seen or 0) + 1
        else:
            shed("channels")
    sessions = row.sessions
    visit_count = 0 if sessions is None else sessions.count
    if visits and channel not in OFFLINE_CHANNELS:
        visit(row, time_ms)
    if apply is not None:
        apply(row, event)
    if sessions is None:
        sessions = row.sessions
    if sessions is not None and sessions.count != visit_count:
        parts |= VISITS
    row.events += 1
    if parts & ACTIVITY and time_ms > row.last_ms:
        row.last_ms = time_ms
    first_ms = row.first_ms
    if first_ms == 0 or time_ms < first_ms:
        row.first_ms = time_ms
        parts |= ACTIVITY | PAST
    return parts


def deadline_ms(row: Row) -> int:
    """When time alone next changes the row itself: a visit, an order's wait, a quarantine ends."""
    ends_ms = session_end_ms(row.sessions)
    orders = row.orders
    if orders is not None:
        matures_ms = maturity_ms(orders)
        ends_ms = min(ends_ms, matures_ms)
    if row.pace is not None:
        return min(ends_ms, held_until_ms(row))
    return ends_ms


def expire(row: Row, now_ms: int) -> bool:
    """Let time change the row up to `now_ms`; True when a session has ended by it."""
    orders = row.orders
    if orders is not None:
        mature_orders(orders, now_ms)
    sessions = row.sessions
    if sessions is not None and session_end_ms(sessions) <= now_ms:
        close(sessions)
        return True
    return False
