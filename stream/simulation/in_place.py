"""Records to fold, each followed at once by what it sends on: the order of no delay at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from stream.engine.effects import Forward, StoredRecord
from stream.events.records import encode_record

Waiting = tuple[int, bytes | None, bytes]
"""A record that is not folded yet: when it was received, key, value."""

Sent = Sequence[tuple[str, Forward]]
"""What was sent on, and to whom."""


class InPlace(Sequence[StoredRecord]):
    """The next records of a log, from offset `first` on, for `PartitionEngine.fold`, all or none.

    What a record sends on takes its place right behind it while they are folded. `sent` gives, as
    soon as a fold has begun, the list that grows by it.
    """

    def __init__(self, first: int, waiting: Sequence[Waiting], sent: Callable[[], Sent]) -> None:
        self._first = first
        self._waiting = list(waiting)
        self._sent = sent

    def __len__(self) -> int:
        return len(self._waiting)

    def __getitem__(self, at: int) -> StoredRecord:  # type: ignore[override]  # has no slices
        number = range(len(self._waiting))[at]
        return StoredRecord(self._first + number, *self._waiting[number])

    def __iter__(self) -> Iterator[StoredRecord]:
        waiting, first = self._waiting, self._first
        sent, seen, at = self._sent(), 0, 0
        while at < len(waiting):
            yield StoredRecord(first + at, *waiting[at])
            at += 1
            if len(sent) > seen:
                waiting[at:at] = [as_waiting(*one) for one in sent[seen:]]
                seen = len(sent)


def as_waiting(customer: str, record: Forward) -> Waiting:
    """A record that was sent on, as it stands in the log."""
    return record.received_ms, customer.encode(), encode_record(record)
