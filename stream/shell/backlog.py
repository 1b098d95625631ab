"""Records of one partition that have been fetched and wait for their batch."""

from __future__ import annotations

from typing import Any

BACKLOG_BYTES_MAX = 4 << 20
"""Past it nothing more is taken from the consumer, which holds one more fetch of at most 1 MiB.
A worker with all of 32 partitions, two topics each, then keeps at most 64 * 5 MiB = 320 MiB."""

BACKLOG_RECORDS_MAX = 20_000


class Backlog:
    """Fetched records in offset order, bounded; a seek begins a new reading.

    `reading` numbers the readings: what was polled for an earlier one is refused, because the
    position that it continues is gone.
    """

    __slots__ = ("_bytes", "_last_append_ms", "_records", "is_open", "reading")

    def __init__(self) -> None:
        self._records: list[Any] = []
        self._bytes = 0
        self._last_append_ms: int | None = None
        self.reading = 0
        self.is_open = False

    def __len__(self) -> int:
        return len(self._records)

    def open(self) -> None:
        """Accept records of the reading that begins now."""
        self.is_open = True

    def restart(self) -> None:
        """End the reading: drop what was fetched, and accept nothing until `open`."""
        self._records = []
        self._bytes = 0
        self.reading += 1
        self.is_open = False

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
        if reading != self.reading or not self.is_open:
            return False
        self._records += records
        self._bytes += sum(len(r.value) for r in records if r.value is not None)
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
        # Records are about alike, and the bound is no exact one: counting them again is not worth
        # its 0.1 us a record.
        self._bytes -= self._bytes * count // held
        del self._records[:count]

    @property
    def oldest_append_ms(self) -> int | None:
        """Broker's time of the oldest record that waits, or of the last that did; None: never."""
        return self._records[0].timestamp if self._records else self._last_append_ms
