"""Arithmetic of latencies: when an event is due, what it then says of its time, and quantiles."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stream.simulation.envelopes import close
from stream.simulation.traffic import SimulatedEvent

WINDOWS = 3
"""Parts of a measured span whose quantiles tell how far a figure varies."""

QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
SAMPLES_MIN = 3
"""A quantile is told when so many samples at least are beyond it."""

_FIRST_INSTANT = b'"originalTimestamp":"'


def due_ms(start_ms: int, rate: float, number: int) -> int:
    """When the event with this number is due: a constant pace, whatever has been sent by then.

    >>> [due_ms(1_000, 400, number) for number in range(4)]
    [1000, 1002, 1005, 1007]
    """
    return start_ms + int(number * 1_000 / rate)


def opening_of(event: SimulatedEvent) -> bytes | None:
    """The event up to its first instant; None for a broken one, which is sent as it is.

    >>> opening_of(SimulatedEvent(b'{"a":1,"originalTimestamp":"2026..."}', b"k", 0, 0, 0, "x"))
    b'{"a":1,"originalTimestamp":"'
    """
    if event.fault is not None and event.fault.startswith("malformed"):
        return None
    head, mark, _ = event.value.rpartition(_FIRST_INSTANT)
    return head + mark if mark else None


def at_present(opening: bytes, at_ms: int, late_ms: int = 0) -> bytes:
    """The event as if it had happened at an instant, and been sent then or so much later.

    >>> at_present(b'{"originalTimestamp":"', 1_000)[:46]
    b'{"originalTimestamp":"1970-01-01T00:00:01.000Z'
    """
    return opening + close(at_ms, at_ms + late_ms, at_ms + late_ms, 0)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The least value that so large a share of them does not exceed (nearest rank).

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5), quantile([1.0, 2.0, 3.0, 4.0], 0.99)
    (2.0, 4.0)
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def told_quantiles(samples: int) -> dict[str, float]:
    """The quantiles that so many samples can tell.

    >>> told_quantiles(400)
    {'p50': 0.5, 'p99': 0.99}
    """
    return {n: q for n, q in QUANTILES.items() if samples * (1 - q) >= SAMPLES_MIN * (1 - 1e-9)}


def by_window(samples: Sequence[tuple[float, float]], share: float) -> list[float]:
    """The quantile in each third of the span; samples are (instant, value).

    >>> by_window([(0, 5.0), (1, 6.0), (4, 7.0), (8, 1.0), (9, 2.0)], 0.5)
    [5.0, 7.0, 1.0]
    """
    first, last = min(at for at, _ in samples), max(at for at, _ in samples)
    width = (last - first) / WINDOWS or 1.0
    windows: list[list[float]] = [[] for _ in range(WINDOWS)]
    for at, value in samples:
        windows[min(WINDOWS - 1, int((at - first) / width))].append(value)
    return [quantile(sorted(window), share) for window in windows if window]
