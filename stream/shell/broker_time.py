"""The broker's clock, as far as its acknowledgements tell.

The idle rule must never count further than the broker's own time: an event that the broker takes
a moment later would be late. An acknowledged append time was true *before* the answer came, so
append time plus the time since the answer is a lower bound of the broker's time. The best of the
recent lower bounds is used; none is the truth, and all are on the safe side.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

WINDOW_S = 60.0
"""For how long an estimate counts, at least; after twice that it is gone. It bounds what a
drifting clock can do: 60 s at 100 ppm are 6 ms."""

_LOG_APPEND_TIME = 1


class BrokerTime:
    """Broker time for an instant of this process's monotonic clock.

    Parameters
    ----------
    monotonic, wall
        Clocks in seconds; tests put their own here.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._since_s = monotonic()
        self._best_ms: float | None = None
        self._previous_ms: float | None = None

    def acknowledged(self, ack: Any) -> None:
        """Learn from a producer's `RecordMetadata`, when the broker has stamped it."""
        if ack is None or ack.timestamp is None:
            return
        if ack.timestamp_type == _LOG_APPEND_TIME and ack.timestamp > 0:
            self.appended(ack.timestamp)
        else:
            # This broker keeps the producer's time, which is ours.
            self.appended(int(self._wall() * 1000))

    def appended(self, append_ms: int) -> None:
        """Learn that a record was appended at `append_ms`, some time ago."""
        now_s = self._monotonic()
        ahead_ms = append_ms - now_s * 1000
        if now_s - self._since_s > WINDOW_S:
            self._since_s = now_s
            self._previous_ms, self._best_ms = self._best_ms, None
        if self._best_ms is None or ahead_ms > self._best_ms:
            self._best_ms = ahead_ms

    def at(self, monotonic_s: float) -> int | None:
        """The broker's time in ms at an instant of the monotonic clock; None: nothing known."""
        known = [ms for ms in (self._best_ms, self._previous_ms) if ms is not None]
        return int(max(known) + monotonic_s * 1000) if known else None

    def now(self) -> int | None:
        """The broker's time now, in ms, at least."""
        return self.at(self._monotonic())
