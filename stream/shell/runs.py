"""Runs over the events beside each other: which there are, and how far each is.

`begin` (run_start.py) makes a new run's topics and marks its changelog: its workers fold, and tell
nothing. `switch` (run_switch.py) ends the former run and lets the new one serve.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import TopicPartition

from stream.engine.meta import ERASED_PREFIX, META_KEY, Meta, unpack_meta
from stream.engine.run_mark import RUN_KEY, RunMark, pack_mark, read_mark
from stream.events.topics import CHANGELOG, CUSTOMER_EVENTS
from stream.shell.broker_time import BrokerTime
from stream.shell.delivery import Delivery, TransactionalDelivery
from stream.shell.log_reader import LogReader
from stream.shell.outbox import Outbox
from stream.shell.settings import Settings
from stream.shell.topic_admin import runs_of

TRANSACTION_MS = 120_000
"""What is not committed by then the broker aborts; 10,000 records take under a second."""


NewDelivery = Callable[[Settings, str], Delivery]
"""Makes what a writer of this name writes by."""


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
    async with changelog_of(settings) as reader:
        progress = Progress()
        metas: dict[int, Meta] = {}
        async for records in reader.to_end():
            hear(progress, metas, records)
    return standing(settings, progress, metas)


async def write_mark(
    settings: Settings,
    partition: int,
    mark: RunMark,
    first: Sequence[tuple[bytes | None, bytes]] = (),
) -> None:
    """Mark a partition of a run, and write the `first` records of its log."""
    delivery = delivery_of(settings, f"{partition}")
    await delivery.open()
    try:
        outbox = Outbox()
        for key, value in first:
            outbox.put(settings.topic(CUSTOMER_EVENTS.name), partition, key, value)
        outbox.put(settings.topic(CHANGELOG.name), partition, RUN_KEY, pack_mark(mark))
        await delivery.deliver(outbox, {})
    finally:
        await delivery.close()


def delivery_of(settings: Settings, writer: str) -> TransactionalDelivery:
    """What `writer` writes by: a partition's number is its owner's name."""
    patient = dataclasses.replace(settings, session_timeout_ms=TRANSACTION_MS)
    return TransactionalDelivery(patient, writer, BrokerTime())


def changelog_of(settings: Settings) -> LogReader:
    """Reads all of a run's changelog."""
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


def standing(settings: Settings, progress: Progress, metas: Mapping[int, Meta]) -> Progress:
    """How far a run is by what was heard."""
    for partition, meta in metas.items():
        progress.folded[partition] = meta.next_offset
        if meta.source is not None:
            progress.routed[partition] = meta.source.next_offset
    if len(metas) == settings.partitions:
        progress.clock_ms = min(meta.clock_ms for meta in metas.values())
    return progress
