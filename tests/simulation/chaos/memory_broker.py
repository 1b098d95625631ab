"""A broker in memory, as far as Shoal needs one: offsets, transactions, fencing, compaction.

As Kafka has it: a transaction's end takes an offset in every partition that it wrote to; who reads
committed records sees none past the first that is still open; who opens a transactional id ends
what its former holder left open and shuts it out; a transaction that lasts too long is aborted and
its writer shut out; a batch that is sent again under its number is written once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from aiokafka.errors import InvalidTxnState, ProducerFenced

Entry = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
Place = tuple[str, int]

OPEN, COMMITTED, ABORTED = "open", "committed", "aborted"


class Writing:
    """A transaction."""

    __slots__ = ("offsets", "places", "state")

    def __init__(self) -> None:
        self.state = OPEN
        self.places: dict[Place, int] = {}
        self.offsets: dict[Place, int] = {}


class Held:
    """A record as the broker holds it; it looks like a consumer's."""

    __slots__ = ("headers", "key", "offset", "partition", "timestamp", "topic", "value", "writing")

    def __init__(
        self, place: Place, offset: int, timestamp: int, entry: Entry, writing: Writing | None
    ) -> None:
        self.topic, self.partition = place
        self.offset = offset
        self.timestamp = timestamp
        self.key, self.value, self.headers = entry
        self.writing = writing

    @property
    def is_committed(self) -> bool:
        return self.writing is None or self.writing.state == COMMITTED


@dataclass
class Partition:
    """Entries by offset: a record, or None for a marker or what compaction has removed."""

    entries: list[Held | None] = field(default_factory=list)
    open: dict[Writing, int] = field(default_factory=dict)

    @property
    def stable(self) -> int:
        """The first offset that readers of committed records do not see yet."""
        return min(self.open.values(), default=len(self.entries))


@dataclass
class Writer:
    """A transactional id: its epoch, and what its holder has under way."""

    epoch: int = 0
    writing: Writing | None = None


class MemoryBroker:
    """Topics, created when they are first asked for.

    Parameters
    ----------
    now_ms
        The broker's time, which every record gets.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.partitions: dict[Place, Partition] = {}
        self.writers: dict[str, Writer] = {}
        self.group_offsets: dict[Place, int] = {}
        self.noted: Counter[str] = Counter()
        self._numbers: dict[tuple[str, int, Place], int] = {}

    def partition(self, place: Place) -> Partition:
        found = self.partitions.get(place)
        if found is None:
            found = self.partitions[place] = Partition()
        return found

    # -- writing -----------------------------------------------------------------------------

    def append(self, place: Place, entries: Iterable[Entry], writing: Writing | None = None) -> int:
        """Add records; the offset of the first."""
        partition, now_ms = self.partition(place), self.now_ms()
        held, first = partition.entries, len(partition.entries)
        for entry in entries:
            held.append(Held(place, len(held), now_ms, entry, writing))
        if writing is not None and place not in writing.places:
            writing.places[place] = partition.open[writing] = first
        return first

    def open_writer(self, name: str) -> int:
        """Give the id to a new holder; the epoch that it writes under."""
        writer = self.writers.setdefault(name, Writer())
        writer.epoch += 1
        if writer.writing is not None:
            self.noted["open transaction ended by the next owner"] += 1
            self._end(writer, ABORTED)
        return writer.epoch

    def begin(self, name: str, epoch: int) -> Writing:
        writer = self._holder(name, epoch)
        if writer.writing is None:
            writer.writing = Writing()
        return writer.writing

    def write(
        self, name: str, epoch: int, place: Place, entries: Sequence[Entry], number: int
    ) -> int:
        """Add a batch to the holder's transaction, once for each number; its first offset.

        Of one that is known by its number the offset is forgotten: -1.
        """
        writer = self._holder(name, epoch)
        if writer.writing is None:
            raise InvalidTxnState
        if self._numbers.get((name, epoch, place), -1) >= number:
            self.noted["batch known by its number"] += 1
            return -1
        self._numbers[name, epoch, place] = number
        return self.append(place, entries, writer.writing)

    def commit(self, name: str, epoch: int) -> None:
        self._end(self._holder(name, epoch), COMMITTED)

    def abort(self, name: str, epoch: int) -> None:
        self._end(self._holder(name, epoch), ABORTED)

    def time_out(self, name: str, writing: Writing) -> None:
        """Abort a transaction that has lasted too long, and shut its writer out."""
        writer = self.writers[name]
        if writer.writing is writing and writing.state == OPEN:
            self.noted["transaction timed out"] += 1
            writer.epoch += 1
            self._end(writer, ABORTED)

    def _holder(self, name: str, epoch: int) -> Writer:
        writer = self.writers[name]
        if writer.epoch != epoch:
            self.noted["writer shut out"] += 1
            raise ProducerFenced
        return writer

    def _end(self, writer: Writer, state: str) -> None:
        writing, writer.writing = writer.writing, None
        if writing is None:
            return
        writing.state = state
        for place in writing.places:
            partition = self.partition(place)
            del partition.open[writing]
            partition.entries.append(None)
        if state == COMMITTED:
            for place, offset in writing.offsets.items():
                if offset < self.group_offsets.get(place, 0):
                    self.noted["group offset went back"] += 1
                self.group_offsets[place] = offset

    # -- reading -----------------------------------------------------------------------------

    def fetch(self, place: Place, offset: int, records_max: int) -> tuple[list[Held], int]:
        """Committed records from an offset on, and the offset to go on from."""
        partition = self.partition(place)
        found: list[Held] = []
        entries, end = partition.entries, partition.stable
        while offset < end and len(found) < records_max:
            entry = entries[offset]
            offset += 1
            if entry is not None and entry.is_committed:
                found.append(entry)
        return found, offset

    def committed(self, place: Place) -> list[Held]:
        """Every committed record of a partition."""
        return self.fetch(place, 0, 1 << 62)[0]

    def compact(self, place: Place, keep_newest: int) -> int:
        """Drop superseded records, but for the newest few offsets; how many went."""
        partition = self.partition(place)
        end = max(0, partition.stable - keep_newest)
        latest: dict[bytes | None, int] = {}
        for at, entry in enumerate(partition.entries[: partition.stable]):
            if entry is not None and entry.is_committed:
                latest[entry.key] = at
        gone = 0
        for at, entry in enumerate(partition.entries[:end]):
            if entry is not None and (not entry.is_committed or latest[entry.key] != at):
                partition.entries[at] = None
                gone += 1
        return gone
