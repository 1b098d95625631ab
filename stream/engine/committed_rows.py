"""What a partition's rows are read from where they do not all live in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class StoreError(RuntimeError):
    """The local store cannot be used. No record is at fault, and none may be buried for it."""


class StoreBrokenError(StoreError):
    """What was kept cannot be read: it is set aside, and restored from the changelog."""


class CommittedRows(Protocol):
    """Packed rows of the last commit, for reading alone: the engine never writes to it.

    All of it raises a `StoreError` where the store cannot be used.
    """

    def get(self, key: bytes) -> bytes | None:
        """One row; None: there is none."""

    def keys(self) -> Iterator[bytes]:
        """The keys of all rows as of this call."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All rows with their keys, as of this call."""
