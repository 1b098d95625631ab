"""Records to fold, each followed at once by what it sends on: the order of no delay at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from stream.engine.effects import Forward, StoredRecord
from stream.events.records import encode_record

Waiting = tuple[int, bytes | None, bytes]
"""A record that is not folded yet: when it was received, key, value."""

Sent = Sequence[tuple[str, Forward]]
"""What was sent on, and to whom."""


class InPlace(Sequence[StoredRecord]):
    """The next records of a log, from offset `first` on, for `PartitionEngine.fold`.

    What a record sends on takes its place right behind it while they are folded, once: an engine
    that begins again, because a later record raised, finds it there. `sent` tells what the records
    have sent on since the engine last began.
    """

    def __init__(self, first: int, waiting: list[Waiting], sent: Callable[[], Sent]) -> None:
        self._first = first
        self._waiting = waiting
        self._sent = sent
        self._begin = 0
        self._done = [0]  # whose sent records stand behind them, in every part of the whole

    def __len__(self) -> int:
        return len(self._waiting) - self._begin

    @overload
    def __getitem__(self, at: int) -> StoredRecord: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[StoredRecord]: ...
    def __getitem__(self, at: int | slice) -> StoredRecord | Sequence[StoredRecord]:
        """A record, the records before one, which are as they are, or those from one on."""
        if isinstance(at, int):
            return self._record(range(self._begin, len(self._waiting))[at])
        start, stop, _ = at.indices(len(self))
        if stop < len(self):
            return [self._record(self._begin + n) for n in range(start, stop)]
        rest = InPlace(self._first, self._waiting, self._sent)
        rest._begin, rest._done = self._begin + start, self._done
        return rest

    def __iter__(self) -> Iterator[StoredRecord]:
        at, seen = self._begin, 0
        waiting, done = self._waiting, self._done
        while at < len(waiting):
            yield self._record(at)
            at += 1
            sent = self._sent()
            if len(sent) > seen:
                if at > done[0]:
                    waiting[at:at] = [
                        (record.received_ms, customer.encode(), encode_record(record))
                        for customer, record in sent[seen:]
                    ]
                seen = len(sent)
            done[0] = max(done[0], at)

    def _record(self, at: int) -> StoredRecord:
        return StoredRecord(self._first + at, *self._waiting[at])
