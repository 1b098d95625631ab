"""How far a partition's restore is: for the metric, the log and `/readyz`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from stream.shell.metrics import Metrics

SAID_EVERY_S = 5.0

logger = logging.getLogger(__name__)


class RestoreProgress:
    """Told of each step of one restore; `heard` is called at each, for who watches for progress."""

    def __init__(self, partition: int, metrics: Metrics, heard: Callable[[], None]) -> None:
        self._partition = partition
        self._remaining = metrics.restore_remaining.labels(str(partition))
        self._heard = heard
        self._total = 0
        self._left = 0
        self._began_s = self._said_s = time.monotonic()
        self._stage = "waits for its turn"

    def __str__(self) -> str:
        """What is going on, as the end of a sentence."""
        return self._stage

    def began(self, records: int) -> None:
        """Hear how many offsets of the changelog are to be read."""
        self._total = self._left = records
        self._began_s = self._said_s = time.monotonic()
        self.advanced(records)

    def advanced(self, left: int) -> None:
        """Hear how many are left."""
        self._left = left
        self._remaining.set(left)
        done = self._total - left
        share = done / self._total if self._total else 1.0
        self._stage = f"{done:,} of {self._total:,} records of its changelog are read ({share:.0%})"
        self.stepped()
        now_s = time.monotonic()
        if left and now_s - self._said_s >= SAID_EVERY_S:
            self._said_s = now_s
            rate = done / (now_s - self._began_s)
            logger.info(
                "partition %d is being restored: %s, %s a second",
                self._partition, self._stage, f"{rate:,.0f}",
            )  # fmt: skip

    def indexing(self) -> None:
        """Hear that all is read."""
        self._stage = "its changelog is read, timers are being set"
        self.stepped()

    def stepped(self) -> None:
        """Hear that it goes on."""
        self._heard()

    def ended(self) -> None:
        """Hear that it is done."""
        self._remaining.set(0)
        self._stage = "it is restored and reads on"
        self.stepped()
