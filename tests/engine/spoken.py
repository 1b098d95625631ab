"""Definitions whose actions are on, and what was said by them."""

from __future__ import annotations

from tests.engine.lane import Lane
from tests.state.shopping import MINUTE, START_MS

CART = ("{name: cart, purpose: p, enter: cart.items > 0, priority: %d, "
        "action: {channels: [%s], consent: marketing, message: m, enabled: true%s}}")  # fmt: skip
SEARCH = ("{name: searcher, purpose: p, enter: sessions.searches >= 1, priority: %d, "
          "action: {channels: [%s], consent: marketing, message: m, enabled: true}}")  # fmt: skip
BUYER = ("{name: buyer, purpose: p, enter: orders.count >= 1 and cart.items <= 0, priority: %d, "
         "action: {kind: suppress, channels: [%s], purpose: own, enabled: true%s}}")  # fmt: skip


def cart(priority: int = 50, channels: str = "email", more: str = "") -> str:
    return CART % (priority, channels, more)


def searcher(priority: int = 50, channels: str = "email") -> str:
    return SEARCH % (priority, channels)


def buyer(priority: int = 50, channels: str = "email", more: str = "") -> str:
    return BUYER % (priority, channels, more)


def document(*segments: str, voice: str = "{}", more: str = "consent_default: allow") -> bytes:
    listed = "\n".join(f"  - {one}" for one in segments)
    return f"{more}\nvoice: {voice}\nsegments:\n{listed}\n".encode()


def said(lane: Lane, since_ms: int = START_MS) -> list[tuple[str, int, str | None]]:
    """`+segment` or `-segment`, milliseconds since the start, and why it was withdrawn."""
    return [
        (("+" if a.started else "-") + a.segment, a.time_ms - since_ms, a.reason)
        for a in lane.actions
    ]


def wait(lane: Lane, until_ms: int) -> None:
    """Let time pass as it does live: with a tick for every half of an hour."""
    for clock_ms in range(max(lane.engine.clock_ms, START_MS) + 30 * MINUTE, until_ms, 30 * MINUTE):
        lane.tick(clock_ms)
    lane.tick(until_ms)
