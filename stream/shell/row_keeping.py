"""What keeps a partition's committed rows outside of the engine's memory, as its owner sees it.

`LocalStores` is one such keeper; where there is none, rows are in memory and this is not used.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from stream.engine.committed_rows import CommittedRows, StoreError
from stream.shell.store_header import Refusal, StoreHeader

Records = Iterable[tuple[bytes, bytes | None]]
"""Of the changelog: keys and values, None for one that is gone."""


class StoreLockedError(StoreError):
    """Somebody else has the store open."""


class StoreClosedError(StoreError):
    """It was closed under its reader, which is no damage: its partition has come or gone."""


class StoreFailedError(StoreError):
    """The disk does not do as it is told. The store itself may be sound: it is kept."""


class KeptRows(CommittedRows, Protocol):
    """A store of one partition, brought up from the changelog."""

    header: StoreHeader

    def control(self) -> list[tuple[bytes, bytes]]:
        """The changelog's records that are no rows."""

    def write(self, records: Records, header: StoreHeader) -> None:
        """Take committed records and what is true after them; all or none."""


class RowKeeper(Protocol):
    """Opens and closes the stores of a worker."""

    def open(self, partition: int, begin: int, end: int) -> KeptRows:
        """The store of a partition whose changelog goes from `begin` to `end`."""

    async def close(self, partition: int) -> None:
        """Let go of a partition's store, if it is open."""

    def set_aside(self, partition: int, refused: Refusal) -> None:
        """Take a partition's store out of use."""

    def completed(self, partition: int) -> None:
        """Hear that a partition's store has all that the changelog has."""

    async def stop(self) -> None:
        """Let go of all of them."""


def take_committed(
    store: KeptRows, records: Records, next_offset: int | None, at_ms: int | None
) -> None:
    """Put the next committed records of the changelog into a store that is complete up to them.

    Parameters
    ----------
    next_offset
        After the last of them. None: not known; then they are read once more by a later restore.
    at_ms
        When all that came after them could still be read, by the broker's time; None: not known.
    """
    header = store.header
    told = msgspec.structs.replace(
        header,
        next_offset=max(header.next_offset, next_offset or 0),
        written_ms=max(header.written_ms, at_ms or 0),
    )
    store.write(records, told)


def take_fetched(store: KeptRows, records: list[Any]) -> None:
    """Put records that have just been read from the changelog into its store.

    What comes after them is there to be read now, tombstones included, however old they are.
    """
    if records:
        pairs = [(record.key, record.value) for record in records]
        take_committed(store, pairs, records[-1].offset + 1, int(time.time() * 1000))
