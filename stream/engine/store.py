"""The rows of one partition: packed at rest, live while they are hot, packed once a batch.

The packed bytes are what the changelog holds after the last batch. A batch that fails is undone
by forgetting the live rows that it touched.
"""

from __future__ import annotations

from collections.abc import Iterator

from stream.state.codec import pack, unpack
from stream.state.row import Row

HOT_ROWS_MAX = 20_000
"""Live rows kept a partition: about 2 KiB each."""


class RowStore:
    """Rows by key. `touch` marks a row as changed by the batch at hand."""

    __slots__ = ("_hot", "dirty", "packed")

    def __init__(self) -> None:
        self.packed: dict[bytes, bytes] = {}
        self._hot: dict[bytes, Row] = {}
        self.dirty: dict[bytes, Row] = {}

    def __len__(self) -> int:
        return len(self.packed)

    def get(self, key: bytes) -> Row | None:
        row = self._hot.get(key)
        if row is None:
            packed = self.packed.get(key)
            if packed is None:
                return None
            row = self._hot[key] = unpack(packed)
        return row

    def peek(self, key: bytes) -> Row | None:
        """The row without keeping it hot, for sweeps and reports."""
        row = self._hot.get(key)
        if row is None and (packed := self.packed.get(key)) is not None:
            row = unpack(packed)
        return row

    def add(self, key: bytes, row: Row) -> None:
        """Begin a row."""
        self._hot[key] = row
        self.dirty[key] = row

    def touch(self, key: bytes, row: Row) -> None:
        """The batch has changed the row."""
        self._hot[key] = row
        self.dirty[key] = row

    def commit(self) -> dict[bytes, bytes]:
        """Pack what the batch has changed; the changelog's records."""
        written = {key: pack(row) for key, row in self.dirty.items()}
        self.packed.update(written)
        self.dirty = {}
        hot = self._hot
        if len(hot) > HOT_ROWS_MAX:
            for key in list(hot)[: len(hot) - HOT_ROWS_MAX // 2]:
                del hot[key]
        return written

    def rollback(self) -> list[bytes]:
        """Undo what the batch has changed; the keys of the rows concerned.

        All live rows go: one that a version passed over without a change is live and not dirty.
        """
        keys = list(self.dirty)
        self._hot.clear()
        self.dirty = {}
        return keys

    def keys(self) -> list[bytes]:
        return list(self.packed)

    def rows(self) -> Iterator[tuple[bytes, Row]]:
        """All rows as of the last commit."""
        for key, packed in self.packed.items():
            yield key, unpack(packed)
