"""The bits of a row's parts, of time and of events are each their own."""

from __future__ import annotations

from typing import get_args

from stream.events.records import CustomerEvent
from stream.state import fold
from stream.state.parts import event_part

SINGLE = (
    "ACTIVITY", "SESSIONS", "CART", "CHECKOUT", "BROWSE", "ORDERS", "MESSAGES", "TRAITS",
    "VISITS", "PRODUCTS", "CONSENT", "WISHES", "TIME", "PAST",
)  # fmt: skip


def test_no_two_parts_share_a_bit():
    bits = [getattr(fold, name) for name in SINGLE]
    bits += [event_part(record) for record in get_args(CustomerEvent)]
    assert all(bit.bit_count() == 1 for bit in bits)
    assert len(set(bits)) == len(bits)


def test_a_row_has_all_parts_but_time_and_the_past():
    parts = sum(getattr(fold, name) for name in SINGLE if name not in ("TIME", "PAST"))
    assert parts == fold.EVERYTHING
