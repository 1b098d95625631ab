"""When the next batch begins: at once when little comes, rarely when a lot does."""

from __future__ import annotations

import time
from collections.abc import Callable

from stream.shell.settings import Settings

INTERVAL_PER_PARTITION_MS = 4
"""A transaction costs about 2 ms of this process. Each of n partitions waits n * 4 ms from one
begin to the next, so that all together they take at most half of a core; a partition alone is
held up by the broker's answers anyway, which take longer."""


class Pace:
    """Spreads one partition's transactions."""

    def __init__(self, settings: Settings, partitions: Callable[[], int]) -> None:
        self._partitions = partitions
        self._interval_max_ms = settings.commit_interval_max_ms
        self._full_count = settings.batch_records_max
        self._started_s = 0.0

    def started(self) -> None:
        """Hear that a batch begins."""
        self._started_s = time.monotonic()

    def wait_s(self, pending_count: int) -> float:
        """Seconds until the next batch should begin; none or less: now."""
        if pending_count >= self._full_count:
            return 0.0
        interval_ms = min(self._partitions() * INTERVAL_PER_PARTITION_MS, self._interval_max_ms)
        return self._started_s + interval_ms / 1000 - time.monotonic()
