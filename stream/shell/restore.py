"""Brings a partition's rows back from its changelog, as fast as they can be read.

Outside the group: heartbeats go on meanwhile, and partitions that a worker keeps re-read nothing.
The partition's delivery must be open before, or the former owner could still add rows. Where there
is a local store, only what the changelog has since is read, and rows go there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from aiokafka import TopicPartition

from stream.engine.committed_rows import CommittedRows
from stream.events.topics import CHANGELOG
from stream.shell.log_reader import LogReader
from stream.shell.metrics import Metrics
from stream.shell.restore_progress import RestoreProgress
from stream.shell.row_keeping import KeptRows, RowKeeper, take_committed, take_fetched
from stream.shell.settings import Settings

CONTROL = b"\0"
"""How keys begin that are no customer's."""


class Restorable(Protocol):
    """What a changelog is read into."""

    def restore(self, key: bytes, value: bytes | None) -> None: ...

    def index(self) -> Iterator[int]: ...


E = TypeVar("E", bound=Restorable)


def changelog_place(settings: Settings, partition: int) -> TopicPartition:
    """The partition of the changelog."""
    return TopicPartition(settings.topic(CHANGELOG.name), partition)


class Restore:
    """One restore of one partition.

    Parameters
    ----------
    keeper
        Opens its local store; None: rows are kept in memory.
    progress
        Is told how far it is.
    """

    def __init__(
        self,
        settings: Settings,
        partition: int,
        metrics: Metrics,
        keeper: RowKeeper | None,
        progress: RestoreProgress,
    ) -> None:
        self._settings = settings
        self._partition = partition
        self._metrics = metrics
        self._keeper = keeper
        self._progress = progress
        self.store: KeptRows | None = None
        self.row_count = 0

    async def run(self, new_engine: Callable[[CommittedRows | None], E]) -> E:
        """A new engine with all that the changelog has.

        `row_count` is then the records read, tombstones and superseded rows included.

        Raises
        ------
        StoreBrokenError
            The local store turns out not to be readable.
        """
        started_s = time.monotonic()
        place = changelog_place(self._settings, self._partition)
        async with LogReader(self._settings, [place], bare=True) as reader:
            if self._keeper is None:
                engine = new_engine(None)
                await self._read(reader, _into_memory(engine))
            else:
                engine = await self._bring_up(reader, place, new_engine)
        self._progress.indexing()
        for _ in engine.index():
            self._progress.stepped()
            await asyncio.sleep(0)
        self._progress.ended()
        self._metrics.restore_rows.inc(self.row_count)
        self._metrics.restore_seconds.observe(time.monotonic() - started_s)
        return engine

    async def _bring_up(
        self,
        reader: LogReader,
        place: TopicPartition,
        new_engine: Callable[[CommittedRows | None], E],
    ) -> E:
        """Read what the local store does not have yet."""
        assert self._keeper is not None
        begin = (await reader.beginnings())[place]
        store = self.store = self._keeper.open(self._partition, begin, reader.ends[place])
        engine = new_engine(store)
        for key, value in store.control():
            engine.restore(key, value)
        await reader.seek(place, max(begin, store.header.next_offset))
        await self._read(reader, _into_store(engine, store))
        take_committed(store, (), reader.ends[place], int(time.time() * 1000))
        self._keeper.completed(self._partition)
        return engine

    async def _read(self, reader: LogReader, take: Callable[[list[Any]], None]) -> None:
        self._progress.began(await reader.remaining())
        async for records in reader.to_end():
            take(records)
            self.row_count += len(records)
            self._progress.advanced(await reader.remaining())


def _into_memory(engine: Restorable) -> Callable[[list[Any]], None]:
    restore = engine.restore

    def take(records: list[Any]) -> None:
        for record in records:
            restore(record.key, record.value)

    return take


def _into_store(engine: Restorable, store: KeptRows) -> Callable[[list[Any]], None]:
    def take(records: list[Any]) -> None:
        take_fetched(store, records)
        for record in records:
            if record.key.startswith(CONTROL):
                engine.restore(record.key, record.value)

    return take
