"""What each measured figure must reach, and what it should: section 8 of the design, as data.

A figure that is not listed has no such bound; one that is listed keeps its name.
"""

from __future__ import annotations

from typing import NamedTuple

from stream.clock import LATENESS_MS

SHOAL = "Shoal, whole job"
STREAMS = "Shoal / Kafka Streams, key trusted"
STREAMS_REKEYED = "Shoal / Kafka Streams, re-keyed"
QUIX = "Shoal / Quix Streams"
FAUST = "Shoal / stock Faust"
REPLAY = "shoal replay FILE"
MEMORY_ROWS = 1_000_000
TIMERS_ROWS = 1_000_000
LATENCY_RATE = 5_000
TWO_WORKERS = "2 workers / 1 worker"
RESTORE = "restore"
RESTORE_STORE = "restore into RocksDB"
RESTART_STORE = "restart with RocksDB"
SLOPE = "slope per 10 untouched definitions"


class Bound(NamedTuple):
    """In the figure's own unit; not everything has a goal beyond its must."""

    must: float
    goal: float | None = None


def event_name(rate: int, quantile: str) -> str:
    """The name of a latency from an event at a rate.

    >>> event_name(5_000, "p99")
    'event to change, 5,000/s, p99'
    """
    return f"event to change, {rate:,}/s, {quantile}"


def timer_name(rows: int, quantile: str) -> str:
    """The name of a latency from a timer's due time, with so many timers pending."""
    return f"timer due to change, {rows:,} pending, {quantile}"


def memory_name(rows: int) -> str:
    """The name of a worker's memory with so many rows."""
    return f"resident, {rows:,} customers"


def stored_name(rows: int) -> str:
    """The name of a worker's memory with so many rows on disk."""
    return f"resident, {rows:,} customers in RocksDB"


BOUNDS: dict[tuple[str, str], Bound] = {
    ("throughput", SHOAL): Bound(40_000, 100_000),
    ("throughput", STREAMS): Bound(1.5, 3.0),
    ("throughput", STREAMS_REKEYED): Bound(1.5, 3.0),
    ("throughput", QUIX): Bound(1.2, 2.5),
    ("throughput", FAUST): Bound(10.0, 20.0),
    ("replay", REPLAY): Bound(60_000, 150_000),
    ("latency", event_name(LATENCY_RATE, "p50")): Bound(50, 25),
    ("latency", event_name(LATENCY_RATE, "p99")): Bound(150, 80),
    ("timers", timer_name(TIMERS_ROWS, "p99")): Bound(LATENESS_MS + 1_500, LATENESS_MS + 1_100),
    ("memory", memory_name(MEMORY_ROWS)): Bound(1_200, 600),
    ("restore", RESTORE): Bound(100_000, 300_000),
    ("scaling", TWO_WORKERS): Bound(1.1, 1.03),
    ("segments", SLOPE): Bound(1.0),
    ("segments", f"{SLOPE}, beside the pack"): Bound(1.0),
}
"""By section and name. Megabytes are 10^6 bytes."""
