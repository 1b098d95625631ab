"""Simulated traffic as the tests on a broker send it."""

from __future__ import annotations

from stream.clock import DAY_MS
from stream.simulation.traffic import TrafficConfig, generate


def simulated(seed: int, customers: int, end_ms: int, days: int = 7) -> list[tuple[bytes, bytes]]:
    """Days with logins, duplicates, late and malformed events."""
    config = TrafficConfig(
        seed=seed,
        customers=customers,
        start_ms=end_ms - days * DAY_MS,
        days=days,
        duplicates=0.02,
        late=0.02,
        malformed=0.01,
    )
    return [(event.key, event.value) for event in generate(config)]
