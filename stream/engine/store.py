"""The rows of one partition: packed at rest, live while they are hot, packed once a batch.

The packed bytes are what the changelog holds after the last batch. A batch that fails is undone
by forgetting the live rows that it touched.

They are all in memory, or those that were committed lie below, where the shell keeps them: then
only what the batches since have written is here, until the shell has written it there (`lower`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from stream.engine.committed_rows import CommittedRows
from stream.state.codec import pack, unpack
from stream.state.row import Row

KEYS_CHUNK = 1_000
"""Keys that a sweep takes from below at a time."""

HOT_ROWS_MAX = 10_000
"""Live rows kept by a worker: about 9 KB each, 90 MB. A row that is not live costs 8 us more."""


class RowStore:
    """Rows by key. `touch` marks a row as changed by the batch at hand.

    Of the live rows the older half goes when the younger half is full; a row that is asked for
    while it is in the older half is young again.
    """

    __slots__ = ("_gone", "_hot", "_hot_half", "_removed", "_warm", "below", "dirty", "packed")

    def __init__(
        self, hot_rows_max: int = HOT_ROWS_MAX, below: CommittedRows | None = None
    ) -> None:
        self.packed: dict[bytes, bytes] = {}
        self.below = below
        self._hot: dict[bytes, Row] = {}
        self._warm: dict[bytes, Row] = {}
        self._hot_half = hot_rows_max // 2
        self.dirty: dict[bytes, Row] = {}
        self._removed: set[bytes] = set()
        self._gone: set[bytes] = set()

    def get(self, key: bytes) -> Row | None:
        """The row, which stays live for a while; None: there is none."""
        row = self._hot.get(key)
        if row is None:
            row = self.peek(key)
            if row is not None:
                self._hot[key] = row
        return row

    def peek(self, key: bytes) -> Row | None:
        """The row without keeping it hot, for sweeps and reports."""
        row = self._hot.get(key) or self.dirty.get(key) or self._warm.get(key)
        if row is None and key not in self._removed:
            packed = self.packed.get(key)
            if packed is None and self.below is not None and key not in self._gone:
                packed = self.below.get(key)
            if packed is not None:
                row = unpack(packed)
        return row

    def add(self, key: bytes, row: Row) -> None:
        """Begin a row."""
        self.dirty[key] = row

    def touch(self, key: bytes, row: Row) -> None:
        """The batch has changed the row."""
        self.dirty[key] = row

    def remove(self, key: bytes) -> None:
        """End a row; one that is begun again has nothing of it."""
        self._hot.pop(key, None)
        self._warm.pop(key, None)
        self.dirty.pop(key, None)
        self._removed.add(key)

    def commit(self) -> dict[bytes, bytes | None]:
        """Pack what the batch has changed; the changelog's records, None for rows that ended."""
        packed = {key: pack(row) for key, row in self.dirty.items()}
        written: dict[bytes, bytes | None] = {**packed}
        if self._removed:
            for key in self._removed:
                self.packed.pop(key, None)
                written.setdefault(key, None)
            if self.below is not None:
                self._gone |= self._removed
            self._removed = set()
        self.packed.update(packed)
        self._hot.update(self.dirty)
        self.dirty = {}
        if len(self._hot) > self._hot_half:
            self._cool()
        return written

    def _cool(self) -> None:
        """Make the live rows the older half; of a sweep's, which are many, only the latest."""
        if len(self._hot) > 2 * self._hot_half:
            for key in list(islice(self._hot, len(self._hot) - self._hot_half)):
                del self._hot[key]
        self._hot, self._warm = {}, self._hot

    def rollback(self) -> list[bytes]:
        """Undo what the batch has changed; the keys of the rows concerned.

        All live rows go: one that a version passed over without a change is live and not dirty.
        """
        keys = list(self.dirty)
        keys += self._removed
        self._hot, self._warm, self.dirty, self._removed = {}, {}, {}, set()
        return keys

    def keys(self) -> list[bytes]:
        """The keys of all rows as of the last commit."""
        return [key for key, _ in self.packed_rows()]

    def lower(self) -> None:
        """Hear that all that was packed lies below."""
        self.packed.clear()
        self._gone.clear()

    def key_chunks(self) -> Iterator[list[bytes]]:
        """All keys as of the first chunk, each once, those that the batch has begun as well."""
        keys = dict.fromkeys((*self.packed, *self.dirty))
        below = None if self.below is None else self.below.keys()
        yield list(keys)
        while below is not None:
            found = list(islice(below, KEYS_CHUNK))
            if not found:
                return
            yield [key for key in found if key not in keys and key not in self._gone]

    def packed_rows(self) -> Iterator[tuple[bytes, bytes]]:
        """All rows as of the last commit, packed."""
        yield from self.packed.items()
        if self.below is not None:
            for key, packed in self.below.items():
                if key not in self.packed and key not in self._gone:
                    yield key, packed

    def rows(self) -> Iterator[tuple[bytes, Row]]:
        """All rows as of the last commit."""
        for key, packed in self.packed_rows():
            yield key, unpack(packed)
