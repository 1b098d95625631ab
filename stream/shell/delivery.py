"""One transaction a batch, or the nearest thing that a broker without transactions allows.

A `Delivery` belongs to one writer: the owner of a partition, or the time-keeper. Opening it ends
what its predecessor left open and shuts it out (transactional only).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownError,
)

from stream.shell.aiokafka_private import hear_transaction_error, sending_tasks
from stream.shell.broker_time import BrokerTime
from stream.shell.connection import new_producer
from stream.shell.ending import cancel_until_ended
from stream.shell.outbox import Outbox
from stream.shell.settings import Settings

OPEN_TIMEOUT_S = 60.0
COMMIT_TIMEOUT_S = 90.0
"""Past any transaction's time-out: the broker has aborted it by then."""

CLOSE_TIMEOUT_S = 5.0

Offsets = Mapping[TopicPartition, int]
Ends = dict[TopicPartition, int]
"""Where each partition's records of a delivery end: after the last of them. One of which the broker
does not tell (it had taken them before, and forgot where) is missing."""

_OWNERSHIP_LOST = (
    ProducerFenced,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    OutOfOrderSequenceNumber,
    # PRODUCER_FENCED, code 90, has no class in this client.
    UnknownError,
)
_HOPELESS = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)


class OwnershipLostError(RuntimeError):
    """Somebody else opened this writer's deliveries, or the broker timed the transaction out."""


class DeliveryAbortedError(RuntimeError):
    """Nothing of the batch counts; open a new delivery, restore, go on."""


class DeliveryRefusedError(RuntimeError):
    """The broker will not take it, now or later: permissions or limits are wrong."""


class Delivery(Protocol):
    """Carries an outbox to the broker and moves the group's offsets with it."""

    async def open(self) -> None:
        """Become the only writer under this name."""

    async def deliver(self, outbox: Outbox, offsets: Offsets) -> Ends:
        """Write everything, or nothing that counts.

        Raises
        ------
        OwnershipLostError, DeliveryAbortedError, DeliveryRefusedError
        """

    async def close(self) -> None:
        """Let go of the broker; what is open is aborted by its next owner or its time-out."""


class TransactionalDelivery:
    """One Kafka transaction for each outbox."""

    def __init__(self, settings: Settings, writer: str, broker_time: BrokerTime) -> None:
        self._settings = settings
        self._id = f"shoal-{settings.group}-{writer}"
        self._broker_time = broker_time
        self._producer: Any = None

    async def open(self) -> None:
        self._producer = new_producer(self._settings, self._id)
        try:
            await start_producer(self._producer)
        except BaseException:
            await self.close()
            raise

    async def deliver(self, outbox: Outbox, offsets: Offsets) -> Ends:
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                return await self._transact(outbox, offsets)
        except _OWNERSHIP_LOST as error:
            raise OwnershipLostError(f"{self._id}: {type(error).__name__}") from error
        except _HOPELESS as error:
            raise DeliveryRefusedError(f"{self._id}: {error!r}") from error
        except (KafkaError, TimeoutError, IllegalOperation) as error:
            # An operation is illegal when an earlier one has ended the transaction by its error.
            is_late = isinstance(error, IllegalOperation)
            cause = hear_transaction_error(self._producer) if is_late else error.__cause__
            if isinstance(cause, _OWNERSHIP_LOST):
                raise OwnershipLostError(f"{self._id}: {type(cause).__name__}") from error
            raise DeliveryAbortedError(f"{self._id}: {error!r}") from error

    async def _transact(self, outbox: Outbox, offsets: Offsets) -> Ends:
        producer = self._producer
        batches = list(outbox.batches(producer))
        await producer.begin_transaction()
        # No await between the first batches: the broker then learns of all partitions at once.
        firsts = [(topic, partition, first) for topic, partition, (first, *_) in batches]
        rests = [(topic, partition, b) for topic, partition, (_, *rest) in batches for b in rest]
        sent = []
        for topic, partition, batch in firsts + rests:
            future = await producer.send_batch(batch, topic, partition=partition)
            future.add_done_callback(_hear_error)
            sent.append((batch, future))
        if offsets:
            await producer.send_offsets_to_transaction(offsets, self._settings.group)
        ends: Ends = {}
        acks = await asyncio.gather(*(future for _, future in sent))
        for (batch, _), ack in zip(sent, acks, strict=True):
            self._broker_time.acknowledged(ack)
            _note_end(ends, batch, ack)
        await producer.commit_transaction()
        return ends

    async def close(self) -> None:
        await close_producer(self._producer)
        self._producer = None


class PlainDelivery:
    """For the embedded broker, which has no transactions: at least once, in a safe order.

    What is forwarded and told is acknowledged before it is written that it was: rows with the meta
    record's offsets, reports, the clock. So a crash repeats and never skips. One batch a target is
    in flight.

    Parameters
    ----------
    state_topics
        Where it is written that something was done.
    """

    def __init__(
        self, settings: Settings, broker_time: BrokerTime, state_topics: Sequence[str]
    ) -> None:
        self._settings = settings
        self._broker_time = broker_time
        self._state_topics = frozenset(state_topics)
        self._producer: Any = None

    async def open(self) -> None:
        self._producer = new_producer(self._settings)
        try:
            await start_producer(self._producer)
        except BaseException:
            await self.close()
            raise

    async def deliver(self, outbox: Outbox, offsets: Offsets) -> Ends:
        # The meta record has the offsets. There is no other member's lag to be shown here.
        ends: Ends = {}
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                batches = list(outbox.batches(self._producer))
                effects = [b for b in batches if b[0] not in self._state_topics]
                state = [b for b in batches if b[0] in self._state_topics]
                await asyncio.gather(*(self._send(ends, *target) for target in effects))
                await asyncio.gather(*(self._send(ends, *target) for target in state))
        except _HOPELESS as error:
            raise DeliveryRefusedError(f"plain delivery: {error!r}") from error
        except (KafkaError, TimeoutError) as error:
            raise DeliveryAbortedError(f"plain delivery: {error!r}") from error
        return ends

    async def _send(self, ends: Ends, topic: str, partition: int, batches: list[Any]) -> None:
        for batch in batches:
            ack = await (await self._producer.send_batch(batch, topic, partition=partition))
            self._broker_time.acknowledged(ack)
            _note_end(ends, batch, ack)

    async def close(self) -> None:
        await close_producer(self._producer)
        self._producer = None


def _note_end(ends: Ends, batch: Any, ack: Any) -> None:
    if ack.offset >= 0:
        ends[ack.topic_partition] = ack.offset + batch.record_count()


def _hear_error(future: asyncio.Future[Any]) -> None:
    """Count an error as heard: whoever waits for all of them is told of the first."""
    if not future.cancelled():
        future.exception()


async def start_producer(producer: Any) -> None:
    """Start a producer; who asks closes it.

    Raises
    ------
    KafkaConnectionError
        No broker is there, or none that lets it begin within the time: try again.
    """
    try:
        await asyncio.wait_for(producer.start(), OPEN_TIMEOUT_S)
    except TimeoutError as error:
        raise KafkaConnectionError(
            f"no producer could begin within {OPEN_TIMEOUT_S:.0f} s"
        ) from error


async def close_producer(producer: Any) -> None:
    """Stop a producer, even one whose broker is gone or which was never started.

    What it has not sent within `CLOSE_TIMEOUT_S` it does not send afterwards either.
    """
    if producer is None:
        return
    hear_transaction_error(producer)
    try:
        await asyncio.wait_for(producer.stop(), CLOSE_TIMEOUT_S)
        has_ended = not sending_tasks(producer)
    except (KafkaError, TimeoutError):
        # It has failed before, and whoever used it has been told then.
        has_ended = False
    except asyncio.CancelledError:
        _let_go(producer)
        raise
    if not has_ended:
        await asyncio.wait([_let_go(producer)], timeout=CLOSE_TIMEOUT_S)


_letting_go: set[asyncio.Future[None]] = set()
"""The loop itself would not keep them."""


def _let_go(producer: Any) -> asyncio.Future[None]:
    """End what a producer still does, and then its connections, whether anybody waits or not.

    How its client ends is the client's own: closed twice it may say that it was cancelled, and that
    would be taken for a cancellation of whoever closes it.
    """

    async def end() -> None:
        await cancel_until_ended(sending_tasks(producer))
        await producer.client.close()

    ending = asyncio.ensure_future(end())
    _letting_go.add(ending)
    ending.add_done_callback(_letting_go.discard)
    ending.add_done_callback(_hear_error)
    return ending
