"""Keeps the stores of other workers' partitions up as well, for the day on which they come here.

Whoever takes a partition over then reads what its former owner wrote last, instead of all of it.
It only copies committed records of the changelog: it has no engine, so nothing is decided and no
timer fires from a copy.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError

from stream.engine.committed_rows import StoreBrokenError
from stream.shell.log_reader import LogReader
from stream.shell.metrics import Metrics
from stream.shell.restore import changelog_place
from stream.shell.row_keeping import (
    KeptRows,
    RowKeeper,
    StoreClosedError,
    StoreLockedError,
    take_fetched,
)
from stream.shell.settings import Settings
from stream.shell.store_header import Refusal

POLL_MS = 200
PAUSE_S = 1.0
"""After a broker that does not answer, and for a store that its owner has not let go of yet."""

logger = logging.getLogger(__name__)


class Standby:
    """Copies the changelog of the partitions that this worker does not own.

    Parameters
    ----------
    owned
        The partitions that this worker owns now: their stores belong to the owners.
    """

    def __init__(
        self,
        settings: Settings,
        keeper: RowKeeper,
        metrics: Metrics,
        owned: Callable[[], Collection[int]],
    ) -> None:
        self._settings = settings
        self._keeper = keeper
        self._metrics = metrics
        self._owned = owned

    async def run(self) -> None:
        """Copy until cancelled."""
        while True:
            others = self._others()
            try:
                await self._follow(others)
            except (KafkaError, StoreLockedError, TimeoutError) as error:
                logger.info("standby: %s; it goes on in a moment", error)
                await asyncio.sleep(PAUSE_S)
            except StoreClosedError:
                # Its partition was here for less than a poll, and its owner has closed it.
                logger.info("standby: a store was closed by its owner; it goes on from there")
            except StoreBrokenError as error:
                logger.warning("standby: %s", error)

    def _others(self) -> list[int]:
        return [p for p in range(self._settings.partitions) if p not in self._owned()]

    async def _follow(self, others: list[int]) -> None:
        """Copy these partitions until they are not those that others own."""
        self._metrics.standby.set(0)
        if not others:
            await asyncio.sleep(PAUSE_S)
            return
        places = [changelog_place(self._settings, partition) for partition in others]
        async with LogReader(self._settings, places) as reader:
            begins = await reader.beginnings()
            if self._others() != others:
                # What has come here belongs to its owner, who may be past these ends already.
                return
            stores = {
                place.partition: self._keeper.open(
                    place.partition, begins[place], reader.ends[place]
                )
                for place in places
            }
            for place in places:
                reached = stores[place.partition].header.next_offset
                await reader.seek(place, max(begins[place], reached))
            is_behind = True
            while self._others() == others:
                self._take(stores, await reader.poll(POLL_MS))
                if is_behind and await reader.remaining() == 0:
                    is_behind = False
                    self._metrics.standby.set(len(others))
                    for partition in others:
                        self._keeper.completed(partition)
                    logger.info("standby: partitions %s are kept up", others)

    def _take(self, stores: Mapping[int, KeptRows], records: Sequence[Any]) -> None:
        """Write what was fetched of partitions that nobody here owns by now."""
        owned = self._owned()
        fetched: dict[int, list[Any]] = {}
        for record in records:
            if record.partition not in owned:
                fetched.setdefault(record.partition, []).append(record)
        for partition, theirs in fetched.items():
            try:
                take_fetched(stores[partition], theirs)
            except StoreBrokenError as error:
                self._keeper.set_aside(partition, Refusal("corrupt", f"it fails: {error}"))
                raise
