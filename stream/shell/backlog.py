"""Records of one partition that have been fetched and wait for their batch."""

from __future__ import annotations

import itertools
from typing import Any

BACKLOG_BYTES_MAX = 4 << 20
"""Past it nothing more is taken from the consumer, which holds one more fetch of at most 1 MiB.
A worker with all of 32 partitions, two topics each, then keeps at most 64 * 5 MiB = 320 MiB."""

BACKLOG_RECORDS_MAX = 20_000

SAMPLED_EACH = 8

_readings = itertools.count(1)
"""Numbers no two readings share, also not those of two owners of a partition one after the other:
the consumer's thread takes the highest for the one in force."""


class Backlog:
    """Fetched records in offset order, bounded; a seek begins a new reading.

    `reading` numbers the readings: what belongs to an earlier one is refused, because the position
    that it continues is gone. What belongs to this one is never refused, because the consumer's
    position is past it. `is_open` only says whether to ask for more.
    """

    __slots__ = ("_bytes", "_last_append_ms", "_records", "is_open", "reading")

    def __init__(self) -> None:
        self._records: list[Any] = []
        self._bytes = 0
        self._last_append_ms: int | None = None
        self.reading = 0  # of none
        self.is_open = False

    def __len__(self) -> int:
        return len(self._records)

    def open(self) -> None:
        """Ask for records."""
        self.is_open = True

    def restart(self) -> int:
        """End the reading and drop what was fetched; the next one's number."""
        self._records = []
        self._bytes = 0
        self.reading = next(_readings)
        self.is_open = False
        return self.reading

    @property
    def has_room(self) -> bool:
        """Whether records should be taken from the consumer for it."""
        return (
            self.is_open
            and self._bytes < BACKLOG_BYTES_MAX
            and len(self._records) < BACKLOG_RECORDS_MAX
        )

    def add(self, records: list[Any], reading: int) -> bool:
        """Append a polled batch; False when it belongs to a reading that has ended."""
        if reading != self.reading:
            return False
        self._records += records
        self._bytes += _bytes_about(records)
        return True

    def first(self, count: int) -> list[Any]:
        """Look at the oldest records; they stay."""
        return self._records[:count]

    def drop(self, count: int) -> None:
        """Let go of the oldest records: a batch has them."""
        held = len(self._records)
        if not 0 < count <= held:
            return
        self._last_append_ms = self._records[count - 1].timestamp
        # About, again: see `_bytes_about`.
        self._bytes -= self._bytes * count // held
        del self._records[:count]

    @property
    def oldest_append_ms(self) -> int | None:
        """Broker's time of the oldest record that waits, or of the last that did; None: never."""
        return self._records[0].timestamp if self._records else self._last_append_ms


def _bytes_about(records: list[Any]) -> int:
    """What their values take, by every eighth of them.

    The bound is no exact one, and records of one poll are about alike. Looking at each would cost
    0.2 us: they were made in another thread, and nothing of them is in this core's cache.
    """
    sample = records[::SAMPLED_EACH]
    return sum([len(r.value or b"") for r in sample]) * len(records) // max(1, len(sample))
