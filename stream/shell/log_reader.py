"""Reads topics without a group: to their end, and then along."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from stream.shell.aiokafka_private import hand_out_bare
from stream.shell.connection import new_reader
from stream.shell.settings import Settings
from stream.shell.standstill import NO_ANSWER, Offsets, Standstill, not_read_on

_POLL_MS = 200

LOOK_S = 30.0
LOOK_POLLS_MIN = 10
"""Who reads along looks after so long whether it stands still, and after so many polls: when the
whole process has paused there is much to read, and one poll may bring nothing yet."""

LOOK_TIMEOUT_S = 2.0


class ReaderStuckError(KafkaError):  # type: ignore[misc]
    """Records are there and do not come; a new reader may get them."""

    retriable = True


def is_passing(error: KafkaError | TimeoutError) -> bool:
    """Whether another reader may get on later: a time-out is not marked so by the client."""
    return isinstance(error, TimeoutError | KafkaTimeoutError) or bool(error.retriable)


class LogReader:
    """Committed records of some partitions, oldest first; an async context manager.

    Records that are `bare` do not say of which partition they are, and cost half.
    """

    def __init__(
        self, settings: Settings, partitions: Sequence[TopicPartition], *, bare: bool = False
    ) -> None:
        self._consumer = new_reader(settings)
        self._partitions = list(partitions)
        self._bare = bare
        self._ends: Mapping[TopicPartition, int] = {}
        self._standstill = Standstill()
        self._looked_s = time.monotonic()
        self._polls = 0

    async def __aenter__(self) -> LogReader:
        try:
            await self._consumer.start()
            if self._bare:
                hand_out_bare(self._consumer)
            # Asked before anything is fetched: a broker answers a connection in order, and an
            # empty fetch takes its time.
            self._ends = await self._consumer.end_offsets(self._partitions)
            begins = await self._consumer.beginning_offsets(self._partitions)
            self._consumer.assign(self._partitions)
            # Not `seek_to_beginning`: where a leader has just moved, that asks the former one until
            # its metadata expire, and says nothing.
            for tp, offset in begins.items():
                self._consumer.seek(tp, offset)
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on from an offset."""
        self._consumer.seek(partition, offset)

    async def beginnings(self) -> Mapping[TopicPartition, int]:
        """Where each partition begins: past 0 where retention has deleted records."""
        found: Mapping[TopicPartition, int] = await self._consumer.beginning_offsets(
            self._partitions
        )
        return found

    async def offsets_from(self, time_ms: int) -> dict[TopicPartition, int]:
        """Where each partition's records appended at or after an instant begin, or its end."""
        found = await self._consumer.offsets_for_times(dict.fromkeys(self._partitions, time_ms))
        return {
            tp: self._ends[tp] if found.get(tp) is None else found[tp].offset
            for tp in self._partitions
        }

    @property
    def ends(self) -> Mapping[TopicPartition, int]:
        """Where each partition ended when this was opened: after the last committed record."""
        return self._ends

    async def to_end(self) -> AsyncIterator[list[Any]]:
        """Batches of records up to where the partitions ended when this was opened.

        It watches the position, not the records: a partition may end with markers of transactions
        or with records that compaction has removed, and no record comes for those.
        """
        async for records in self._to_ends():
            yield records
        # The embedded broker says that a partition ends after the first record of its last batch.
        # What it fetches comes with the truth; Kafka's end of committed records is the same.
        if any(end and self._stable(tp) is None for tp, end in self._ends.items()):
            for records in (await self._consumer.getmany(timeout_ms=_POLL_MS)).values():
                yield records
        self._ends = {tp: max(end, self._stable(tp) or 0) for tp, end in self._ends.items()}
        async for records in self._to_ends():
            yield records

    async def to_settled_end(self) -> AsyncIterator[list[Any]]:
        """As `to_end`, and then what transactions that are open hold back: it waits for their end.

        Nobody sees committed records past the first one that is open, not even its own. So whoever
        goes on from what it wrote itself, to a topic that others write to, must wait: up to the
        transactions' time-out, where their writer has died.
        """
        async for records in self.to_end():
            yield records
        highwater = self._consumer.highwater
        while any(highwater(tp) is None for tp in self._partitions):
            for records in (await self._consumer.getmany(timeout_ms=_POLL_MS)).values():
                yield records
        self._ends = {tp: max(end, highwater(tp)) for tp, end in self._ends.items()}
        async for records in self._to_ends():
            yield records

    def _stable(self, partition: TopicPartition) -> int | None:
        """The end of committed records as of the last fetch; None: nothing was fetched yet."""
        offset: int | None = self._consumer.last_stable_offset(partition)
        return offset

    async def _to_ends(self) -> AsyncIterator[list[Any]]:
        while await self.remaining() > 0:
            for records in (await self._consumer.getmany(timeout_ms=_POLL_MS)).values():
                yield records

    async def look_again(self) -> None:
        """Ask anew where the partitions end: `to_end` then reads on to there."""
        self._ends = await self._consumer.end_offsets(self._partitions)

    async def poll(self, timeout_ms: int) -> list[Any]:
        """What has come since, within the time-out.

        Raises
        ------
        ReaderStuckError
            There is more, and it has not come for `LOOK_S`.
        """
        found = await self._consumer.getmany(timeout_ms=timeout_ms)
        self._polls += 1
        if self._polls >= LOOK_POLLS_MIN and time.monotonic() - self._looked_s >= LOOK_S:
            await self._look()
        return [record for records in found.values() for record in records]

    async def _look(self) -> None:
        """Ask where the partitions end now; where nobody says, nothing is known."""
        self._polls = 0
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                ends: Offsets = await self._consumer.end_offsets(self._partitions)
                positions = {tp: await self._consumer.position(tp) for tp in self._partitions}
        except NO_ANSWER:
            self._standstill.forget()
        else:
            stuck = not_read_on(self._standstill.look(positions, ends), positions, ends)
            if stuck:
                raise ReaderStuckError("; ".join(stuck))
        finally:
            self._looked_s = time.monotonic()

    async def remaining(self) -> int:
        """Offsets still to be read up to the ends."""
        positions = [(end, await self._consumer.position(tp)) for tp, end in self._ends.items()]
        return sum(max(0, end - position) for end, position in positions)


async def ends_of(
    settings: Settings, partitions: list[TopicPartition], *, committed: bool = True
) -> Offsets:
    """Where partitions end, asked by a new connection: for readers of committed records, or of all.

    Raises
    ------
    KafkaError, OSError
        The brokers do not say.
    """
    consumer = new_reader(settings, committed=committed)
    try:
        await consumer.start()
        ends: Offsets = await consumer.end_offsets(partitions)
        return ends
    finally:
        await consumer.stop()
