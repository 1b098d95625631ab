"""Readers that go quiet: partitions that are not read on, though there is something to read.

A client may send no more fetches, ask the wrong broker, or wait for an answer that went amiss, and
nothing fails. That fetches are answered says little: another partition's may be. So now and then
the broker is asked where the partitions end, and who stands where it stood when it was asked last,
then and now before the end, is stuck.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

Offsets = Mapping[TopicPartition, int]

NO_ANSWER = (KafkaError, OSError, TimeoutError)
"""A broker that does not say where partitions end is no reader's standstill."""

Ask = Callable[[list[TopicPartition]], Awaitable[Offsets]]

logger = logging.getLogger(__name__)


class Standstill:
    """Compares one look with the look before."""

    def __init__(self) -> None:
        self._behind: dict[TopicPartition, int] = {}

    def look(self, positions: Offsets, ends: Offsets) -> list[TopicPartition]:
        """Which partitions have stood still."""
        behind = {tp: at for tp, at in positions.items() if at < ends.get(tp, at)}
        stuck = [tp for tp, at in behind.items() if self._behind.get(tp) == at]
        self._behind = behind
        return sorted(stuck)

    def forget(self) -> None:
        """Begin anew: nothing is known of the time since the last look."""
        self._behind = {}


def not_read_on(stuck: list[TopicPartition], positions: Offsets, ends: Offsets) -> list[str]:
    """A sentence for each."""
    return [
        f"{tp.topic}-{tp.partition} is not read on: it ends at {ends[tp]}, read up to "
        f"{positions[tp]}"
        for tp in stuck
    ]


class Lookout:
    """Looks after the partitions that the group's consumer reads.

    What a transaction holds back for ever that nobody ends is said, and no more: no new reader
    would get it.

    Parameters
    ----------
    positions
        Of the partitions of which records are wanted: the next offset to be read, -1 where the
        consumer has none.
    ends, highwaters
        Ask the broker, by a connection of their own, where committed records end, and where all do.
    """

    def __init__(
        self,
        stall_s: float,
        positions: Callable[[], Offsets],
        ends: Ask,
        highwaters: Ask,
    ) -> None:
        self._interval_s = stall_s
        self._positions = positions
        self._ends = ends
        self._highwaters = highwaters
        self._standstill = Standstill()
        self._held_back = Standstill()
        self._said: set[tuple[TopicPartition, int]] = set()
        self._stuck: list[str] = []

    async def run(self) -> None:
        """Look whenever so much time has passed that a standstill is one, until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()

    async def look(self) -> None:
        """Ask once, and compare."""
        before = self._positions()
        self._stuck = []
        try:
            async with asyncio.timeout(self._interval_s):
                ends = await self._ends(list(before)) if before else {}
                done = [tp for tp, at in before.items() if ends.get(tp) == at]
                highwaters = await self._highwaters(done) if done else {}
        except NO_ANSWER:
            self._standstill.forget()
            self._held_back.forget()
            return
        now = self._positions()
        still = {tp: at for tp, at in before.items() if now.get(tp) == at}
        self._stuck = not_read_on(self._standstill.look(still, ends), still, ends)
        self._say(self._held_back.look({tp: ends[tp] for tp in done}, highwaters), ends)

    def stuck(self) -> list[str]:
        """What stood still at the last two looks."""
        return self._stuck

    def _say(self, held_back: list[TopicPartition], ends: Offsets) -> None:
        for tp in held_back:
            at = (tp, ends[tp])
            if at not in self._said:
                self._said.add(at)
                logger.error(
                    "%s-%d: a transaction that has not ended for %.0f s holds back all from offset "
                    "%d on; the broker's time-out should have ended it: see who has it with "
                    "kafka-transactions.sh find-hanging, and end it with its abort",
                    tp.topic, tp.partition, self._interval_s, ends[tp],
                )  # fmt: skip
