"""Events and changes to the observers, in the order of time.

The engine tells of changes after it has folded a batch, so they come after events that were later.
Here both wait until the clock has passed them, and go on by time: at the same instant first what
time alone did (timers), then the events, then what the events did.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Protocol

from stream.clock import NEVER_MS
from stream.events.changes import SegmentChanged
from stream.events.records import CustomerEvent

WAITING_MAX = 500_000
"""Events and changes that wait, about 300 bytes each; the earliest go on when there are more."""

_OF_TIME = frozenset({"timer", "definition", "model", "reference"})
"""Causes of changes that come before the events of the same instant."""


class Observer(Protocol):
    """What looks at a run. All three are told in the order of time."""

    def event(self, customer: str, record: CustomerEvent) -> None: ...
    def change(self, change: SegmentChanged) -> None: ...
    def merged(self, source: str, target: str) -> None: ...
    def advance(self, time_ms: int) -> None: ...


class Feed:
    """Puts in order what one observer is told."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._waiting: list[tuple[int, int, int, tuple[str, CustomerEvent | str] | SegmentChanged]]
        self._waiting = []
        self._number = 0

    def event(self, customer: str, record: CustomerEvent) -> None:
        """Take an event of a customer, by the id that it counts for."""
        self._wait(record.time_ms, 1, (customer, record))

    def merged(self, source: str, target: str, time_ms: int) -> None:
        """Take that from now on `source` is `target`."""
        self._wait(time_ms, 1, (source, target))

    def change(self, change: SegmentChanged) -> None:
        """Take a change; one that an event caused follows the event."""
        self._wait(change.time_ms, 0 if change.cause in _OF_TIME else 2, change)

    def release(self, before_ms: int) -> None:
        """Tell all that happened before an instant; nothing earlier is expected after it."""
        waiting = self._waiting
        while waiting and waiting[0][0] < before_ms:
            self._tell()

    def finish(self, until_ms: int) -> None:
        """Tell the rest, and let time pass to the run's end."""
        self.release(NEVER_MS)
        self._observer.advance(until_ms)

    def _wait(
        self, time_ms: int, rank: int, what: tuple[str, CustomerEvent | str] | SegmentChanged
    ) -> None:
        self._number += 1
        heappush(self._waiting, (time_ms, rank, self._number, what))
        if len(self._waiting) > WAITING_MAX:
            self._tell()

    def _tell(self) -> None:
        what = heappop(self._waiting)[3]
        if isinstance(what, SegmentChanged):
            self._observer.change(what)
            return
        customer, record = what
        if isinstance(record, str):
            self._observer.merged(customer, record)
        else:
            self._observer.event(customer, record)
