"""Readers that go quiet: partitions that are not read on, though there is something to read.

A client may send no more fetches, ask the wrong broker, or wait for an answer that went amiss, and
nothing fails. That fetches are answered says little: another partition's may be. So now and then
the broker is asked where the partitions end, and who stands where it stood when it was asked last,
then and now before the end, is stuck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

Offsets = Mapping[TopicPartition, int]

NO_ANSWER = (KafkaError, OSError, TimeoutError)
"""A broker that does not say where partitions end is no reader's standstill."""


class Standstill:
    """Compares one look with the look before."""

    def __init__(self) -> None:
        self._behind: dict[TopicPartition, int] = {}

    def look(self, positions: Offsets, ends: Offsets) -> list[str]:
        """Which partitions have stood still, each with its offsets."""
        behind = {tp: at for tp, at in positions.items() if at < ends.get(tp, at)}
        stuck = [tp for tp, at in behind.items() if self._behind.get(tp) == at]
        self._behind = behind
        return [
            f"{tp.topic}-{tp.partition} is not read on: it ends at {ends[tp]}, read up to "
            f"{positions[tp]}"
            for tp in sorted(stuck)
        ]

    def forget(self) -> None:
        """Begin anew: nothing is known of the time since the last look."""
        self._behind = {}


class Lookout:
    """Looks after the partitions that the group's consumer reads.

    Parameters
    ----------
    positions
        Of the partitions of which records are wanted: the next offset to be read, -1 where the
        consumer has none.
    ends
        Asks the broker, by a connection of its own, where committed records end.
    """

    def __init__(
        self,
        stall_s: float,
        positions: Callable[[], Offsets],
        ends: Callable[[list[TopicPartition]], Awaitable[Offsets]],
    ) -> None:
        self._interval_s = stall_s / 2
        self._positions = positions
        self._ends = ends
        self._standstill = Standstill()
        self._stuck: list[str] = []

    async def run(self) -> None:
        """Look every half of the time after which a standstill is one, until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()

    async def look(self) -> None:
        """Ask once, and compare."""
        before = self._positions()
        self._stuck = []
        if not before:
            self._standstill.forget()
            return
        try:
            async with asyncio.timeout(self._interval_s):
                ends = await self._ends(list(before))
        except NO_ANSWER:
            self._standstill.forget()
            return
        now = self._positions()
        still = {tp: at for tp, at in before.items() if now.get(tp) == at}
        self._stuck = self._standstill.look(still, ends)

    def stuck(self) -> list[str]:
        """What stood still at the last two looks."""
        return self._stuck
