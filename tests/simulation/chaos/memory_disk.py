"""Local stores on a disk in memory: they outlive their worker, but for what was not written out.

As RocksDB without a write-ahead log has it: a crash leaves the state of an earlier write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

from stream.shell.row_keeping import Records
from stream.shell.store_header import ChangelogPlace, Refusal, StoreHeader, refusal

UNWRITTEN_MAX = 20
"""Latest writes of a store that a crash may take."""


class MemoryStore:
    """One partition's committed rows; what the engine reads below its own."""

    def __init__(self) -> None:
        self.header = StoreHeader()
        self._records: dict[bytes, bytes] = {}
        self._before: list[tuple[dict[bytes, bytes | None], StoreHeader]] = []

    def get(self, key: bytes) -> bytes | None:
        return self._records.get(key)

    def keys(self) -> Iterator[bytes]:
        return iter(sorted(key for key in self._records if not key.startswith(b"\0")))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return ((key, self._records[key]) for key in self.keys())

    def control(self) -> list[tuple[bytes, bytes]]:
        return [(k, value) for k, value in self._records.items() if k.startswith(b"\0")]

    def write(self, records: Records, header: StoreHeader) -> None:
        """Take records and header, and remember how to do without them."""
        found, former = self._records, {}
        for key, value in records:
            former.setdefault(key, found.get(key))
            _put(found, key, value)
        self._before = [*self._before[1 - UNWRITTEN_MAX :], (former, self.header)]
        self.header = header

    def close(self) -> None:
        """Write everything out."""
        self._before = []

    def lose(self, writes: int) -> None:
        """Be as before the latest writes."""
        for _ in range(min(writes, len(self._before))):
            former, self.header = self._before.pop()
            for key, value in former.items():
                _put(self._records, key, value)
        self._before = []


def _put(records: dict[bytes, bytes], key: bytes, value: bytes | None) -> None:
    if value is None:
        records.pop(key, None)
    else:
        records[key] = value


class MemoryDisk:
    """The stores of one machine, and their keeper (`RowKeeper`)."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._stores: dict[int, MemoryStore] = {}
        self._open: set[int] = set()
        self.happened: Counter[str] = Counter()

    def open(self, partition: int, begin: int, end: int) -> MemoryStore:
        """The store of a partition; an empty one where it is new, or cannot be the one."""
        store = self._stores.get(partition)
        place = ChangelogPlace(begin=begin, end=end, now_ms=0, tombstones_ms=1 << 60)
        if store is not None and refusal(store.header, StoreHeader(), place) is not None:
            self.happened["store set aside"] += 1
            store = None
        if store is None:
            store = self._stores[partition] = MemoryStore()
        else:
            self.happened["store brought up"] += 0 < store.header.next_offset < end
        self._open.add(partition)
        return store

    async def close(self, partition: int) -> None:
        if partition in self._open:
            self._open.discard(partition)
            self._stores[partition].close()

    def set_aside(self, partition: int, _refused: Refusal) -> None:
        self._open.discard(partition)
        self._stores.pop(partition, None)

    def completed(self, _partition: int) -> None:
        """Nothing was kept aside."""

    async def stop(self) -> None:
        for partition in list(self._open):
            await self.close(partition)

    def crash(self) -> None:
        """Lose what was not written out, or everything."""
        for partition in sorted(self._open):
            self._stores[partition].lose(self._random.randrange(UNWRITTEN_MAX))
            self.happened["store behind after a crash"] += 1
        self._open = set()
        if self._stores and self._random.random() < 0.3:
            self.happened["store lost"] += 1
            self._stores = {}
