"""The hook into Faust and its aiokafka consumer: what it touches of theirs they do not promise.

Written for faust-streaming 0.15.3 and aiokafka 0.14.0, which `check_pins` insists on, and held by
the contract tests `tests/contracts/test_faust_*.py`. What it relies on:

1. A transport names its own `Consumer` and `Fetcher`; the fetcher's task is the only reader.
2. The consumer lives in a thread of its own with its own loop, so heartbeats go on while the
   engine computes. Everything that touches it runs in that thread (`call_thread`).
3. `App.on_partitions_revoked` is awaited before the group is joined anew.
4. The rebalance is eager: every assignment is a new one, without positions. Positions are ours
   (the meta record's), so Faust's own seek to the committed offsets is switched off, and a
   partition stays paused until its owner has said where to start.
5. aiokafka's `_proc_fetch_request` notes a partition's highwater when the answer has come.
6. A group's coordinator notes what it has failed with in `_pending_exception`.
"""

# Faust's classes are Any to a strict reader (see pyproject.toml), and so are their subclasses.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

import faust
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError
from faust.tables.manager import TableManager
from faust.transport.consumer import Fetcher
from faust.transport.drivers import aiokafka as driver
from mode import Service

from stream.engine.effects import EngineStateError
from stream.shell.aiokafka_private import bare_fetched, keep_answers, mend_fetchers

PINS = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}

FETCH_MAX_WAIT_MS = 20
"""aiokafka keeps one fetch per broker in flight: so long may idle partitions hold up busy ones."""

PREFETCH_BACKOFF_S = 0.02
"""So long a partition whose records nobody takes holds up the others' next fetch."""

POLL_S = 0.05
"""A poll waits so long for records; what a full buffer has freed is polled for after that."""

NOTHING_WANTED_S = 0.005

NO_FETCH_YET = -1.0


class UnknownReleaseError(RuntimeError):
    """Another release of a pinned package is installed than the hook was written for."""


def check_pins() -> None:
    """Refuse releases whose private surface nobody has looked at."""
    for package, wanted in PINS.items():
        found = version(package)
        if found != wanted:
            raise UnknownReleaseError(
                f"{package} {found} is installed, this hook was written for {wanted}; "
                f"install {package}=={wanted}"
            )


class TopicReplacedError(EngineStateError):
    """A topic is shorter than what was read of it: it has been deleted and made anew."""

    def __init__(self, partition: TopicPartition, offset: int, end: int) -> None:
        super().__init__(
            f"{partition.topic}-{partition.partition} ends at offset {end} and has been read up "
            f"to {offset}: it was deleted and made anew, or cut. Put the topic back, or make a new "
            f"run from the events that there are: shoal rebuild --help"
        )


class OutOfRangeError(EngineStateError):
    """What was to be read next of a topic is not there any more."""

    def __init__(self, partition: TopicPartition, offset: int) -> None:
        super().__init__(
            f"{partition.topic}-{partition.partition}: offset {offset} is to be read next and out "
            "of range: retention has passed it, or the topic was deleted and made anew, or cut. "
            "Restart the worker: it says what to do, or goes on with what is left and counts what "
            "is missing"
        )


class Intake(Protocol):
    """Takes whole polled batches: the other side of the hook."""

    def wanted(self) -> set[TopicPartition]:
        """Partitions to take records from now."""

    def take(self, partition: TopicPartition, records: list[Any], reading: int) -> None:
        """Take a batch of the reading that `read_from` began under this number."""

    def polled(self) -> None:
        """Hear that a poll has come back, with or without records."""


@dataclass(frozen=True, slots=True)
class EndProof:
    """After the record at offset `after` there was no other when the fetch was sent.

    `after` None: none has been read since the reading began. `sent_s` is monotonic.
    """

    after: int | None
    sent_s: float


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with short fetches, committed reads and proofs of the end."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.proofs: dict[TopicPartition, EndProof] = {}
        self._last_offsets: dict[TopicPartition, int] = {}
        self._readings: dict[TopicPartition, int] = {}
        self._out_of_range: dict[TopicPartition, int] = {}
        self.answered_s = NO_FETCH_YET

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_start(self) -> None:
        keep_answers()
        mend_fetchers()
        await super().on_start()
        fetcher = self._consumer._fetcher
        fetcher._prefetch_backoff = PREFETCH_BACKOFF_S
        answer = fetcher._proc_fetch_request

        async def observed(assignment: Any, node_id: int, request: Any) -> bool:
            sent_s, sent_ms = time.monotonic(), int(time.time() * 1000)
            found: bool = await answer(assignment, node_id, request)
            if assignment.active:
                bare_fetched(fetcher, request)
                self._note_ends(assignment, request, sent_s, sent_ms)
            return found

        fetcher._proc_fetch_request = observed

    def _note_ends(self, assignment: Any, request: Any, sent_s: float, sent_ms: int) -> None:
        for topic, partitions in request.topics:
            for partition, offset, _ in partitions:
                tp = TopicPartition(topic, partition)
                state = assignment.state_value(tp)
                if state is None:
                    continue
                if not state.has_valid_position:
                    # aiokafka goes on at the beginning, without a word.
                    self._out_of_range[tp] = offset
                    continue
                # A highwater noted in this answer, not in an earlier one: the answer has a later
                # millisecond than the request. One in the same millisecond proves nothing.
                if not state.timestamp or state.timestamp <= sent_ms:
                    continue
                self.answered_s = time.monotonic()
                # Records of an open transaction lie between the last stable offset and the
                # highwater: not the end.
                at_end = state.highwater == offset and state.lso in {None, -1, offset}
                if at_end and state.position == offset:
                    self.proofs[tp] = EndProof(self._last_offsets.get(tp), sent_s)

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Any:
        # The number is taken here, where nothing can come between the records and their position:
        # a poll that waits through a rebalance comes back with records of the reading after it.
        batches = await super()._fetch_records(*args, **kwargs)
        for tp in self._out_of_range.keys() & self._readings.keys():
            raise OutOfRangeError(tp, self._out_of_range[tp])
        for tp, records in batches.items():
            self._last_offsets[tp] = records[-1].offset
        return {tp: (self._readings.get(tp, -1), records) for tp, records in batches.items()}

    async def hold(self, partitions: set[TopicPartition]) -> None:
        for tp in partitions:
            self._out_of_range.pop(tp, None)
        self._ensure_consumer().pause(*partitions)

    async def read_from(self, partition: TopicPartition, offset: int | None, reading: int) -> int:
        consumer = self._ensure_consumer()
        beginning = (await consumer.beginning_offsets([partition]))[partition]
        end = (await consumer.end_offsets([partition]))[partition]
        offset = beginning if offset is None else max(offset, beginning)
        if offset > end and self.app.are_ends_exact:
            raise TopicReplacedError(partition, offset, end)
        if reading <= self._readings.get(partition, 0):
            # A later reading was begun while this one asked the broker.
            return offset
        consumer.seek(partition, offset)
        self._readings[partition] = reading
        self._last_offsets.pop(partition, None)
        self._out_of_range.pop(partition, None)
        self.proofs.pop(partition, None)
        consumer.resume(partition)
        return offset


class _RebalanceListener(driver.ConsumerRebalanceListener):
    """Holds every new partition until its owner has said where to start."""

    async def on_partitions_assigned(self, assigned: Any) -> None:
        await self._thread.hold(set(assigned))
        await super().on_partitions_assigned(assigned)


class _Consumer(driver.Consumer):
    RebalanceListener = _RebalanceListener

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Leave the positions alone: they are the meta records'."""


class _BatchFetcher(Fetcher):
    """Takes whole polled batches to the app's intake: no agent, no stream, no table."""

    @Service.task
    async def _fetcher(self) -> None:
        consumer, intake = self.app.consumer, self.app.intake
        try:
            while not (self.should_stop or consumer.should_stop):
                if not consumer.flow_active:
                    await self.wait(consumer.can_resume_flow)
                    continue
                await self._poll(consumer, intake)
        except ConsumerStoppedError:
            if not self.app.should_stop:
                raise
        finally:
            self.set_shutdown()

    async def _poll(self, consumer: Any, intake: Intake) -> None:
        self._raise_what_the_group_has_failed_with(consumer)
        held = consumer.assignment()
        wanted = intake.wanted() & held
        if not wanted:
            await self.sleep(NOTHING_WANTED_S)
            intake.polled()
            return
        batches = await consumer._getmany(active_partitions=wanted, timeout=POLL_S)
        intake.polled()
        for tp, (reading, records) in (batches or {}).items():
            intake.take(tp, records, reading)

    def _raise_what_the_group_has_failed_with(self, consumer: Any) -> None:
        """The client tells who waits for records just then, and stands still until it is asked.

        Nobody waits while nothing is wanted or records are there already, and Faust does not ask.
        """
        inner = consumer._thread and consumer._thread._consumer
        error = inner and inner._coordinator._pending_exception
        if error is not None:
            raise error


class _Transport(driver.Transport):
    Consumer = _Consumer
    Fetcher = _BatchFetcher


class Member(Intake, Protocol):
    """What the group deals partitions to."""

    async def revoke(self) -> None:
        """Finish running batches; awaited before the group is joined anew."""

    async def assign(self, partitions: set[TopicPartition], generation: int) -> None:
        """Take up partitions; no heartbeats are sent while this runs."""


class QuickTables(TableManager):
    """There are none; Faust's waits a second for them."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class GroupApp(faust.App):
    """A Faust app that subscribes to topics and hands whole batches to its member."""

    intake: Intake
    are_ends_exact = True

    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Nothing is kept on disk."""

    def join(self, topics: list[str], member: Member) -> None:
        """Say which topics the group reads, and who works on them, before the app starts."""
        self.intake = member
        for name in topics:
            self.topics.add(self.topic(name, value_type=bytes, value_serializer="raw"))

        async def revoked(*_: Any, **__: Any) -> None:
            await member.revoke()

        async def assigned(_: Any, assigned: Any, **__: Any) -> None:
            await member.assign({TopicPartition(*tp) for tp in assigned}, self.generation)

        self.on_partitions_revoked.connect(revoked)
        self.on_partitions_assigned.connect(assigned)

    async def until_crashed(self) -> None:
        """Wait until a service of the app has crashed, and raise what it crashed with."""
        await self._crashed.wait()
        raise self.crash_reason or RuntimeError("a service of the group's consumer has crashed")

    def lag(self, partition: TopicPartition) -> int | None:
        """Records of a partition that have not been fetched; None: not known."""
        state = self._state(partition)
        if not state or not state.has_valid_position or state.highwater is None:
            return None
        return max(0, int(state.highwater) - int(state.position))

    def position(self, partition: TopicPartition) -> int:
        """The offset that is read next; -1: none, or not this member's."""
        state = self._state(partition)
        return int(state.position) if state and state.has_valid_position else -1

    def _state(self, partition: TopicPartition) -> Any:
        """What the consumer knows of a partition; nothing where it is another member's."""
        consumer = self.consumer._thread._consumer
        assignment = consumer and consumer._subscription.subscription.assignment
        return assignment and partition in assignment.tps and assignment.state_value(partition)

    def loops(self) -> list[asyncio.AbstractEventLoop]:
        """The caller's loop, and the consumer's once that has started."""
        thread = getattr(self._consumer, "_thread", None)
        return [asyncio.get_running_loop(), *([] if thread is None else [thread.thread_loop])]

    @property
    def heartbeat_s(self) -> float:
        """Seconds between two heartbeats."""
        return float(self.conf.broker_heartbeat_interval)

    async def read_from(
        self, partition: TopicPartition, offset: int | None, reading: int
    ) -> int | None:
        """Begin a reading of a partition at an offset, or at its beginning.

        What was prefetched is dropped. Records come with the reading's number from now on.

        Returns
        -------
        int or None
            The offset, a later one where retention has deleted what was asked for; None when the
            partition has been revoked meanwhile.

        Raises
        ------
        TopicReplacedError
            The partition ends before the offset.
        """
        thread = self.consumer._thread
        try:
            found: int = await thread.call_thread(thread.read_from, partition, offset, reading)
        except IllegalStateError:
            return None
        return found

    def end_proof(self, partition: TopicPartition) -> EndProof | None:
        """The newest proof that a partition had been read to its end."""
        proof: EndProof | None = self.consumer._thread.proofs.get(partition)
        return proof

    def answered_s(self) -> float:
        """When the last fetch was answered, on the monotonic clock; negative: none yet."""
        answered: float = self.consumer._thread.answered_s
        return answered

    @property
    def generation(self) -> int:
        """The group's generation that the current assignment belongs to."""
        return int(self.consumer_generation_id)
