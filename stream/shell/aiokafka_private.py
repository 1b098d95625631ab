"""What is used of aiokafka that it does not promise: bare records, filling, transactions.

Written for the release that `check_pins` insists on, and held by the contract tests
`tests/contracts/test_aiokafka_private.py`. What it relies on:

1. A `Fetcher` keeps in `_records` what it has fetched: a `FetchResult` a partition, with a
   `PartitionRecords` that nobody has begun to read when the answer has just come.
2. A `FetchResult` iterates over that, as far as it is asked to, and then takes its
   `next_fetch_offset` for the partition's position.
3. A batch's records have `offset`, `timestamp`, `key` and `value`; these are copies and do not
   keep the answer's buffer.
4. A fetcher takes an answer's bytes in by the name `MemoryRecords` of its module, which cuts them
   into batches one after the other.
5. A `BatchBuilder` counts its records in `_relative_offset`, and its `_builder` writes them.
6. `PartitionRecords` asks of each control batch, by `_contains_abort_marker`, whether it ends an
   aborted transaction.
7. A fetch is built in the newest of `FetchRequest._CLASSES` that the broker knows as well.
8. A fetcher closes by its method `close`: ends `_fetch_task` and `_pending_tasks`, and wakes those
   in `_fetch_waiters`.
9. A producer sends by tasks of its `_sender` and waits for them by one of its
   `_message_accumulator`.
10. A connection takes its authenticator by the name `OAuthAuthenticator` of its module, and hands
   what the broker has answered to `step`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import Any

from aiokafka import TopicPartition
from aiokafka import conn as connecting
from aiokafka.consumer import fetcher as fetching
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException, SaslAuthenticationFailed
from aiokafka.producer import sender
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords
from crc32c import crc32c

TRANSACTION_BACKOFF_S = 0.002

_BATCH_HEAD = Struct(">8x i 4x b I")
"""Of a batch (KIP-98): first offset, length of what follows the length, leader's epoch, number of
the format, and the checksum (CRC-32C) of all that follows the checksum."""

_LENGTH_COUNTS_FROM = 12

_SUMMED_FORMAT = 2
"""Older formats have another head, and a checksum for each record."""

LEADERS_FETCH_MAX = 10
"""The newest version of a fetch that a broker answers for what it leads alone."""

KEEP_GIL = 0
"""A megabyte is summed in 40 us: giving the interpreter away takes longer to get it back."""

Append = Callable[[int, int, bytes | None, bytes | None, Sequence[tuple[str, bytes]]], object]


class KeptRecords(MemoryRecords):  # type: ignore[misc]
    """An answer's batches, and its bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class BareRecords:
    """What was fetched of one partition, its records as the batches hold them.

    aiokafka makes a `ConsumerRecord` of each, which costs more than reading it does (1.05 us for
    both, 0.43 without), and sums by a table (0.5 us a kilobyte; the processor's own instruction
    takes 0.04). All else is as there: checksums, control batches, aborted transactions, offsets
    whose records compaction has removed.

    Raises
    ------
    CorruptRecordException
        While it is iterated over: a batch's checksum is wrong.
    """

    def __init__(self, fetched: Any) -> None:
        self.next_fetch_offset: int = fetched.next_fetch_offset
        self._fetched = fetched
        # Never begun, and it refers back: the buffer would be kept until the collector comes.
        fetched._records_iterator = None
        self._data = memoryview(fetched._records.data)
        self._batch_at = 0
        self._waiting: Iterator[Any] = iter(())
        self._is_broken = False
        self._end_offset = self.next_fetch_offset

    def __iter__(self) -> Iterator[Any]:
        """Go on where the last iteration was left."""
        batches = self._fetched._records
        while True:
            for record in self._waiting:
                self.next_fetch_offset = record.offset + 1
                yield record
            # Past records that compaction has removed, or the same batch is fetched for ever.
            self.next_fetch_offset = self._end_offset
            # After a batch that could not be read nothing follows: it is fetched again.
            if self._is_broken or not batches.has_next():
                return
            self._is_broken = True
            batch = batches.next_batch()
            self._waiting = iter(self._records_of(batch))
            self._is_broken = False
            self._end_offset = batch.next_offset

    def _records_of(self, batch: Any) -> list[Any]:
        fetched = self._fetched
        if fetched._check_crcs and not self._is_sound(batch):
            raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")
        if self._is_aborted(batch) or batch.is_control_batch:
            return []
        records = list(batch)
        # A compressed batch may begin before what was asked for.
        if records and records[0].offset < self._end_offset:
            return [record for record in records if record.offset >= self._end_offset]
        return records

    def _is_sound(self, batch: Any) -> bool:
        """Whether a batch has the checksum that it says; asked of each, in their order."""
        at = self._batch_at
        length, magic, crc = _BATCH_HEAD.unpack_from(self._data, at)
        self._batch_at = end = at + _LENGTH_COUNTS_FROM + length
        if magic < _SUMMED_FORMAT:
            return bool(batch.validate_crc())
        return bool(crc32c(self._data[at + _BATCH_HEAD.size : end], 0, KEEP_GIL) == crc)

    def _is_aborted(self, batch: Any) -> bool:
        fetched = self._fetched
        if fetched._isolation_level != READ_COMMITTED or batch.producer_id is None:
            return False
        aborted = fetched._aborted_producers
        fetched._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and fetched._contains_abort_marker(batch):
            aborted.discard(batch.producer_id)
        return bool(batch.is_transactional and batch.producer_id in aborted)


def keep_answers() -> None:
    """Let fetchers keep the bytes of their answers from the next one on: they are summed here."""
    fetching.MemoryRecords = KeptRecords


def fetch_from_leaders() -> None:
    """Let fetchers be told when they ask a broker that does not lead, or leads no more.

    From version 11 on (KIP-392) a broker answers for what it follows as well, without an error, and
    this client says of no partition which leader it means. One whose leader has moved would go on
    with the former one until its metadata expire, five minutes later: behind the others, for ever
    where that broker has stopped following, and what ends there would be taken for the end.
    Calling it again changes nothing.
    """
    FetchRequest._CLASSES = tuple(
        each for each in FetchRequest._CLASSES if each.API_VERSION <= LEADERS_FETCH_MAX
    )


def close_fetchers_quietly() -> None:
    """Let a fetcher be closed without a cancellation for whoever closes it.

    aiokafka's cancels its requests and awaits them one by one. One that waits to try again, because
    a broker is gone, hands the cancellation on: a task that has closed its reader would end as if
    somebody had cancelled it, in silence, and leave the connections open. Calling it again changes
    nothing.
    """
    fetching.Fetcher.close = _close_quietly


async def _close_quietly(fetcher: Any) -> None:
    fetcher._closed = True
    tasks = {fetcher._fetch_task, *fetcher._pending_tasks}
    for task in tasks:
        task.cancel()
    for waiter in list(fetcher._fetch_waiters):
        fetcher._notify(waiter)
    # Not awaited one by one: how they end is theirs alone, and who is cancelled here hears of it.
    await asyncio.gather(*tasks, return_exceptions=True)


def read_past_emptied_markers() -> None:
    """Let fetchers go on where compaction has taken a transaction's marker out of its batch.

    A broker keeps such a batch, empty, for what its head says of the producer. aiokafka takes it
    for damage, and whoever reads the topic ends, at each start anew. Kafka's own client reads on:
    what the marker has ended is gone from the log as well. Calling it again changes nothing.
    """
    PartitionRecords._contains_abort_marker = _contains_abort_marker


def _contains_abort_marker(_: Any, batch: Any) -> bool:
    record = next(batch, None)
    return record is not None and ControlRecord.parse(record.key) == ABORT_MARKER


def mend_fetchers() -> None:
    """Let fetchers ask leaders, close quietly and read past emptied markers: all readers need it.

    Calling it again changes nothing.
    """
    read_past_emptied_markers()
    fetch_from_leaders()
    close_fetchers_quietly()


def bare_fetched(fetcher: Any, request: Any) -> None:
    """Hand out bare records of what the answer to a request has just brought and was kept."""
    for topic, partitions in request.topics:
        for partition, *_ in partitions:
            result = fetcher._records.get(TopicPartition(topic, partition))
            if type(result) is FetchResult and type(result._partition_records) is PartitionRecords:
                result._partition_records = BareRecords(result._partition_records)


def hand_out_bare(consumer: Any) -> None:
    """Let a started consumer of one partition hand out bare records from its next answer on."""
    keep_answers()
    fetcher = consumer._fetcher
    answer = fetcher._proc_fetch_request

    async def bared(assignment: Any, node_id: int, request: Any) -> bool:
        found: bool = await answer(assignment, node_id, request)
        bare_fetched(fetcher, request)
        return found

    fetcher._proc_fetch_request = bared


def appender(batch: Any) -> Append:
    """Appends to a producer's batch: relative offset, time, key, value, headers; None when full.

    The batch's own way to it costs 0.15 us a record more. `close_filled` belongs to it.
    """
    append: Append = batch._builder.append
    return append


def close_filled(batch: Any, record_count: int) -> None:
    """End a batch that an appender has filled with so many records."""
    batch._relative_offset = record_count
    batch.close()


def hasten_transactions() -> None:
    """Let a transaction begin right after the markers of the one before.

    The broker writes those after it has acknowledged the commit, and says "not yet" until then;
    aiokafka waits 20 ms for it.
    """
    sender.BACKOFF_OVERRIDE = TRANSACTION_BACKOFF_S


def hear_transaction_error(producer: Any) -> BaseException | None:
    """Count a failed transaction's error as heard, which aiokafka keeps in a future of its own.

    Returns it; None where the transaction has not failed.
    """
    manager = producer._txn_manager
    ended = manager and manager._transaction_waiter
    if ended is None or not ended.done() or ended.cancelled():
        return None
    error: BaseException | None = ended.exception()
    return error


def sending_tasks(producer: Any) -> set[asyncio.Task[Any]]:
    """The tasks by which a producer sends, and waits until it has.

    aiokafka leaves them running where its `stop` is cut short because a broker is away. They would
    connect anew and go on sending for a writer that has given up, beside the one that followed it.
    """
    doers = (producer._sender, producer._message_accumulator)
    return {task for task in asyncio.all_tasks() if any(_does(each, task) for each in doers)}


def _does(doer: Any, task: asyncio.Task[Any]) -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    return doer is not None and frame is not None and frame.f_locals.get("self") is doer


class HeedingAuthenticator(connecting.OAuthAuthenticator):  # type: ignore[misc]
    """Takes the broker's word that it refuses a token for that.

    It says so in an answer without an error (RFC 7628, section 3.2.2). aiokafka's goes on as if it
    were let in: then no question is answered, and nobody says why.
    """

    async def step(self, payload: bytes | None) -> Any:
        """What to send next; None: it is done.

        Raises
        ------
        SaslAuthenticationFailed
            The token is refused.
        """
        if payload:
            said = payload.decode(errors="replace")
            raise SaslAuthenticationFailed("".join(c for c in said if c.isprintable())[:80])
        return await super().step(payload)


def hear_refused_tokens() -> None:
    """Let connections from now on fail where the broker refuses their token."""
    connecting.OAuthAuthenticator = HeedingAuthenticator
