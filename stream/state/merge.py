"""Two rows of one person into one, by event time.

The property is merge(fold A, fold B) = fold(A and B sorted). Exact: counts and sums of orders,
refunds, pages, searches and products; first and last of everything; channels; messages; the carts,
checkouts and product views of customers who cancelled no order; counts and sums that definitions
ask for. Approximate: carts that share a line (the larger quantity is kept) or add to one from
before the other's order, traits that both rows have (the later identify's win), visits of which an
ended one goes on in the other row, occasions beyond the listed orders, looks before an order that
are in the other row, wishes that the other row bought, a refund without an amount whose order is in
the other row.
"""

from __future__ import annotations

from stream.clock import NEVER_MS
from stream.state.cart import merge_intent
from stream.state.consents import merge_consent
from stream.state.dedupe import merge_ids
from stream.state.filled import merge_filled
from stream.state.fold import CHANNELS_MAX, TRAITS_MAX
from stream.state.looks import merge_looks
from stream.state.merge_orders import merge_orders
from stream.state.merge_windows import merge_windows
from stream.state.messages import merge_messages
from stream.state.row import Row
from stream.state.sessions import merge_sessions
from stream.state.shed import shed
from stream.state.voice import merge_voice
from stream.state.wishes import merge_wishes

ALIASES_MAX = 64
"""Ids kept for erasure; further ones still forward, and are named in their own rows."""


def merge(row: Row, other: Row, source: str, own: str = "") -> None:
    """Take over what `other`, the row of the id `source`, knows. `other` is used up.

    `own` is the id of the row itself, which is no alias of it.
    """
    later_traits = other.traits if other.traits_ms > row.traits_ms else row.traits
    traits = {**other.traits, **row.traits, **later_traits}
    if len(traits) > TRAITS_MAX:
        shed("traits", len(traits) - TRAITS_MAX)
    row.traits = dict(list(traits.items())[:TRAITS_MAX])
    row.first_ms = min(row.first_ms or NEVER_MS, other.first_ms or NEVER_MS) % NEVER_MS
    row.last_ms = max(row.last_ms, other.last_ms)
    row.traits_ms = max(row.traits_ms, other.traits_ms)
    row.events += other.events
    for channel, count in other.channels.items():
        if channel in row.channels or len(row.channels) < CHANNELS_MAX:
            row.channels[channel] = row.channels.get(channel, 0) + count
        else:
            shed("channels")
    merge_sessions(row, other)
    merge_orders(row, other)
    merge_messages(row, other)
    merge_looks(row, other)
    merge_wishes(row, other)
    merge_intent(row, other)
    merge_ids(row, other)
    merge_windows(row.windows, other.windows)
    merge_filled(row.filled, other.filled)
    merge_consent(row, other)
    merge_voice(row, other)
    for segment, (entered_ms, left_ms) in other.past.items():
        # A stay that goes on is no earlier one; what becomes of the other's: engine/hysteresis.py.
        if entered_ms <= left_ms and segment not in row.segments and segment not in row.shadows:
            before = row.past.get(segment, (0, 0))
            row.past[segment] = max(before[0], entered_ms), max(before[1], left_ms)
    for alias in (source, *other.aliases):
        if alias != own and alias not in row.aliases and len(row.aliases) < ALIASES_MAX:
            row.aliases.append(alias)
