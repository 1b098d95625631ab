"""A new run over the events beside the one that serves, and the switch between them.

`begin` (run_start.py) makes its topics and marks its changelog: its workers fold, and tell nothing.
`switch` ends the former run, by the same means as an owner takes a partition over: it becomes the
writer of each of its partitions, which shuts the owner out, and leaves a mark there. It waits until
the new run has got as far; then it becomes the writer of each of its partitions in turn, and in one
transaction a partition tells the difference and takes the mark away. The owner comes back by itself
and tells from there on. A switch that is interrupted is finished by the next one.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import TopicPartition

from stream.engine.meta import ERASED_PREFIX, META_KEY, Meta, unpack_meta
from stream.engine.run_mark import RUN_KEY, RunMark, pack_mark, read_mark
from stream.engine.succession import Former, Succession
from stream.events.cloudevent import encode_change, encode_membership
from stream.events.partitioner import partition_of
from stream.events.published import PublishedMembership, decode_membership
from stream.events.records import encode_record
from stream.events.topics import CHANGELOG, CHANGES, CUSTOMER_EVENTS, MEMBERSHIPS
from stream.shell.broker_time import BrokerTime
from stream.shell.customer_rows import restored
from stream.shell.delivery import OwnershipLostError, TransactionalDelivery
from stream.shell.log_reader import LogReader
from stream.shell.outbox import Outbox
from stream.shell.settings import Settings
from stream.shell.topic_admin import partition_counts, runs_of
from stream.shell.voices import Voices, read_voices

TRANSACTION_MS = 120_000
"""A partition's difference is one transaction; with 100,000 customers it takes some seconds."""

BEHIND_MAX_MS = 60_000
"""The former run is ended when the new one's clock is no further behind: so long changes wait."""

TRIES_MAX = 5
ROUNDS = 3
"""So often the log's end is awaited: what is sent on from one row to another comes after it."""

POLL_MS = 100


class RunsError(RuntimeError):
    """It cannot be begun or switched now; says why, and what to do."""


class Progress(msgspec.Struct):
    """How far a run is.

    routed    raw partition -> next offset
    folded    partition -> next offset of its log
    clock_ms  of the partition that is furthest behind; -1: not begun
    marks     partition -> its mark, where it has one
    erased    newest changelog records of the markers of erased ids, None for one that is gone
    erased_ms  when the broker got each of them
    """

    routed: dict[int, int] = {}
    folded: dict[int, int] = {}
    clock_ms: int = -1
    marks: dict[int, RunMark] = {}
    erased: dict[bytes, bytes | None] = {}
    erased_ms: dict[bytes, int] = {}

    def lacks(self, former: Progress) -> int:
        """Raw records that the former run has routed and this one has not."""
        return sum(max(0, at - self.routed.get(p, 0)) for p, at in former.routed.items())


class Switched(msgspec.Struct):
    """What a switch has done: changes told, and customers in some segment now."""

    changes: int = 0
    members: int = 0


class Known:
    """What is known of the former run, once it has ended.

    told    customer -> the partition of its memberships, and they
    voices  what it has said to whom
    """

    def __init__(self) -> None:
        self.former = Former()
        self.told: Mapping[bytes, tuple[int, Mapping[str, object]]] = {}
        self.voices = Voices()


async def former_run(settings: Settings) -> Settings | None:
    """The settings of the run that serves now; None: its changelog is gone.

    Raises
    ------
    RunsError
        There are several that serve.
    """
    found = []
    for name, partitions in (await runs_of(settings)).items():
        if name != settings.incarnation:
            run = dataclasses.replace(settings, incarnation=name, partitions=partitions)
            found.append((run, await progress_of(run)))
    serving = [run for run, at in found if len(at.marks) < run.partitions]
    # One that is being ended by a switch that was interrupted has marks in some partitions.
    ending = [run for run, at in found if _succeeded_by(at, settings.incarnation)]
    candidates = serving or ending
    if len(candidates) > 1:
        names = ", ".join(run.incarnation for run in candidates)
        raise RunsError(f"incarnations {names} serve; delete the topics of those that do not")
    return candidates[0] if candidates else None


def _succeeded_by(at: Progress, incarnation: str) -> bool:
    return any(mark.successor == incarnation for mark in at.marks.values())


async def progress_of(settings: Settings) -> Progress:
    """How far a run has committed."""
    async with _changelog(settings) as reader:
        progress = Progress()
        metas: dict[int, Meta] = {}
        async for records in reader.to_end():
            hear(progress, metas, records)
    return _at(settings, progress, metas)


async def switch(
    settings: Settings, former: Settings | None, timeout_s: float, say: Callable[[str], None]
) -> Switched:
    """End the former run and let the new one serve.

    Raises
    ------
    RunsError
        The new run is too far behind, or its workers do not get there in time.
    """
    ends_s = time.monotonic() + timeout_s
    now = await progress_of(settings)
    if len(now.folded) < settings.partitions:
        raise RunsError(
            f"incarnation {settings.incarnation} has not begun in {settings.partitions} "
            "partitions; start its workers, and let them catch up"
        )
    if not now.marks:
        raise RunsError(f"incarnation {settings.incarnation} serves already; nothing was done")
    known = Known()
    if former is not None:
        await _end(settings, former, say)
        ended = await progress_of(former)
        await _caught_up(settings, ended, ends_s)
        known.former = Former(former.incarnation, ended.clock_ms)
        known.voices = await read_voices(former)
    known.told = await _told(settings)
    done = Switched()
    for partition in sorted(now.marks):
        await _take_over(settings, partition, known, done)
        say(f"partition {partition} serves")
    return done


async def _end(settings: Settings, former: Settings, say: Callable[[str], None]) -> None:
    """Shut the former run's owners out, for good."""
    was, now = await progress_of(former), await progress_of(settings)
    behind_ms = was.clock_ms - now.clock_ms
    if behind_ms > BEHIND_MAX_MS:
        raise RunsError(
            f"incarnation {settings.incarnation} is {behind_ms // 1000} s of event time behind, "
            f"and {now.lacks(was)} raw records; let it catch up: shoal rebuild status"
        )
    for partition in range(former.partitions):
        if partition not in was.marks:
            await write_mark(former, partition, RunMark("retired", settings.incarnation))
    say(f"incarnation {former.incarnation} has ended")


async def _caught_up(settings: Settings, former: Progress, ends_s: float) -> None:
    """Wait until the new run has routed and folded what the former one had, and its time."""
    topic = settings.topic(CUSTOMER_EVENTS.name)
    log = [TopicPartition(topic, partition) for partition in range(settings.partitions)]
    async with _changelog(settings) as reader:
        progress, metas = Progress(), dict[int, Meta]()
        async for records in reader.to_end():
            hear(progress, metas, records)

        async def until(reached: Callable[[Progress], bool], what: str) -> None:
            while not reached(_at(settings, progress, metas)):
                if time.monotonic() > ends_s:
                    raise RunsError(
                        f"incarnation {settings.incarnation} did not {what} in time; see to its "
                        "workers, then switch again: it goes on where it was"
                    )
                hear(progress, metas, await reader.poll(POLL_MS))

        await until(lambda at: not at.lacks(former), "route what the former one had routed")
        await until(lambda at: at.clock_ms >= former.clock_ms, "reach the former one's time")
        for _ in range(ROUNDS):
            async with LogReader(settings, log) as behind:
                ends = {tp.partition: end for tp, end in behind.ends.items()}

            def folded(at: Progress, ends: Mapping[int, int] = ends) -> bool:
                return all(at.folded.get(p, 0) >= end for p, end in ends.items())

            # What ends a log is a transaction's marker; the next tick comes after it.
            await until(folded, "fold its log")


async def _told(settings: Settings) -> dict[bytes, tuple[int, Mapping[str, object]]]:
    """Customer -> the partition of its memberships, and they, as the former run told them."""
    name = settings.topic(MEMBERSHIPS.name)
    count = (await partition_counts(settings))[name]
    places: dict[int, dict[bytes, PublishedMembership]] = {p: {} for p in range(count)}
    async with LogReader(settings, [TopicPartition(name, p) for p in places]) as reader:
        async for records in reader.to_end():
            for record in records:
                if record.value is None:
                    places[record.partition].pop(record.key, None)
                else:
                    places[record.partition][record.key] = decode_membership(record.value)
    return newest_of(places)


def newest_of(
    places: Mapping[int, Mapping[bytes, PublishedMembership]],
) -> dict[bytes, tuple[int, Mapping[str, object]]]:
    """Of each customer the newest memberships, and the partition in which they are.

    A former growth has moved customers, and their old partition may be read first or last.
    """
    found: dict[bytes, tuple[int, PublishedMembership]] = {}
    for partition, members in places.items():
        for key, membership in members.items():
            if key not in found or int(found[key][1].sequence) < int(membership.sequence):
                found[key] = (partition, membership)
    return {key: (partition, one.since) for key, (partition, one) in found.items()}


async def _take_over(
    settings: Settings,
    partition: int,
    known: Known,
    done: Switched,
) -> None:
    """Tell one partition's difference, and let its owner serve."""
    for tried in range(TRIES_MAX):
        delivery = _delivery(settings, partition)
        await delivery.open()
        try:
            engine = await restored(settings, partition)
            succession = Succession(engine, known.former)
            outbox, counts = _difference(settings, partition, succession, known)
            outbox.put(settings.topic(CHANGELOG.name), partition, RUN_KEY, None)
            await delivery.deliver(outbox, {})
        except OwnershipLostError:
            # Its owner was back before this was done.
            await asyncio.sleep(tried)
        else:
            done.changes += counts.changes
            done.members += counts.members
            return
        finally:
            await delivery.close()
    raise RunsError(
        f"the owner of partition {partition} takes it back each time; stop the workers of "
        f"incarnation {settings.incarnation}, switch again, and start them"
    )


def _difference(
    settings: Settings,
    partition: int,
    succession: Succession,
    known: Known,
) -> tuple[Outbox, Switched]:
    outbox, counts = Outbox(), Switched()
    changes, memberships = settings.topic(CHANGES.name), settings.topic(MEMBERSHIPS.name)
    log, told, voices = settings.topic(CUSTOMER_EVENTS.name), known.told, known.voices
    heard = voices.keys().union(told)
    here = {key for key in heard if partition_of(key, settings.partitions) == partition}
    for key in sorted(here.union(succession.customers())):
        was_at, was = told.get(key, (partition, {}))
        handover = succession.handover(key, voices.of(key), was)
        if handover is not None:
            outbox.put(log, partition, key, encode_record(handover))
        for change in succession.changes(key, was):
            outbox.put(changes, partition, key, encode_change(change, settings.shop))
            counts.changes += 1
        now = succession.membership(key)
        if now is not None:
            outbox.put(memberships, partition, key, encode_membership(now))
            counts.members += 1
        if was and (was_at != partition or now is None):
            outbox.put(memberships, was_at, key, None)
    return outbox, counts


async def write_mark(
    settings: Settings,
    partition: int,
    mark: RunMark,
    first: Sequence[tuple[bytes | None, bytes]] = (),
) -> None:
    """Mark a partition of a run, and write the `first` records of its log."""
    delivery = _delivery(settings, partition)
    await delivery.open()
    try:
        outbox = Outbox()
        for key, value in first:
            outbox.put(settings.topic(CUSTOMER_EVENTS.name), partition, key, value)
        outbox.put(settings.topic(CHANGELOG.name), partition, RUN_KEY, pack_mark(mark))
        await delivery.deliver(outbox, {})
    finally:
        await delivery.close()


def _delivery(settings: Settings, partition: int) -> TransactionalDelivery:
    patient = dataclasses.replace(settings, session_timeout_ms=TRANSACTION_MS)
    return TransactionalDelivery(patient, f"{partition}", BrokerTime())


def _changelog(settings: Settings) -> LogReader:
    topic = settings.topic(CHANGELOG.name)
    return LogReader(settings, [TopicPartition(topic, p) for p in range(settings.partitions)])


def hear(progress: Progress, metas: dict[int, Meta], records: Iterable[Any]) -> None:
    """Take in what a changelog says of its run."""
    for record in records:
        key, value, partition = record.key, record.value, record.partition
        if key == META_KEY and value is not None:
            metas[partition] = unpack_meta(value)
        elif key.startswith(ERASED_PREFIX):
            # Every partition was given a copy, and only the id's own has what came later.
            if record.timestamp >= progress.erased_ms.get(key, record.timestamp):
                progress.erased[key], progress.erased_ms[key] = value, record.timestamp
        elif key == RUN_KEY:
            mark = read_mark(value)
            progress.marks.pop(partition, None)
            if mark is not None:
                progress.marks[partition] = mark


def _at(settings: Settings, progress: Progress, metas: Mapping[int, Meta]) -> Progress:
    for partition, meta in metas.items():
        progress.folded[partition] = meta.next_offset
        if meta.source is not None:
            progress.routed[partition] = meta.source.next_offset
    if len(metas) == settings.partitions:
        progress.clock_ms = min(meta.clock_ms for meta in metas.values())
    return progress
