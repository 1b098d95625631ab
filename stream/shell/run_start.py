"""Begins a new run over the events beside the one that serves: its topics, marks and erasures.

Who was erased stands in the former run's markers, and in the end of its log, which it has not
folded yet. Both become the first records of the new log: an erasure that is not among them comes
after the new topics were made, and whoever asks for it then asks both runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from aiokafka import TopicPartition

from stream.engine.meta import ERASED_PREFIX
from stream.engine.newer_record import known_record
from stream.engine.run_mark import RunMark
from stream.events.partitioner import partition_of
from stream.events.records import Erase, Markers, encode_record
from stream.events.topics import CUSTOMER_EVENTS, FIRST_RUN
from stream.shell.log_reader import LogReader
from stream.shell.runs import Progress, RunsError, former_run, progress_of, write_mark
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics, grow_told_topics, runs_of

MARKERS_RECORD = 5_000
"""Markers in one record, 60 bytes each: a third of the largest one that topics take."""

First = tuple[bytes | None, bytes]
"""Key and value of one of a log's first records."""


async def begin(settings: Settings) -> list[str]:
    """Make the new run's topics and mark it; the topics made or grown.

    Raises
    ------
    RunsError
        It has begun already, or its name does not come after that of the one that serves.
    """
    runs = await runs_of(settings)
    others = [name for name in runs if name != settings.incarnation]
    nameless = settings.incarnation == FIRST_RUN or not settings.incarnation.isdecimal()
    if nameless or any(
        name.isdecimal() and int(name) >= int(settings.incarnation) for name in others
    ):
        raise RunsError(
            f"SHOAL_INCARNATION is {settings.incarnation!r}, and a new run needs a whole number "
            f"above those that there are ({', '.join(sorted(others)) or 'none'}): sequences of "
            "changes go on from it; set it"
        )
    if settings.incarnation in runs and (await progress_of(settings)).folded:
        raise RunsError(f"incarnation {settings.incarnation} has begun; see shoal rebuild status")
    made = await create_topics(settings, beside=True) + await grow_told_topics(settings)
    former = await former_run(settings)
    at = Progress() if former is None else await progress_of(former)
    markers = list(_markers(at))
    asked: dict[int, list[First]] = {partition: [] for partition in range(settings.partitions)}
    if former is not None:
        for key, record in await _not_folded(former, at):
            asked[partition_of(key, settings.partitions)].append((key, encode_record(record)))
    for partition, erasures in asked.items():
        # A hash does not say whose it is, so every partition refuses all who were erased.
        await write_mark(settings, partition, RunMark("catching-up"), [*markers, *erasures])
    return made


def _markers(former: Progress) -> Iterator[First]:
    """The former run's markers, as records of the log."""
    packed = [
        (key[len(ERASED_PREFIX) :], marker)
        for key, marker in sorted(former.erased.items())
        if marker is not None
    ]
    for some in range(0, len(packed), MARKERS_RECORD):
        yield None, encode_record(Markers(packed=dict(packed[some : some + MARKERS_RECORD])))


async def _not_folded(former: Settings, at: Progress) -> list[tuple[bytes, Erase]]:
    """Requests in the former run's log of which its markers do not know yet."""
    topic = former.topic(CUSTOMER_EVENTS.name)
    places = [TopicPartition(topic, partition) for partition in range(former.partitions)]
    found: list[tuple[bytes, Erase]] = []
    async with LogReader(former, places) as reader:
        begins = await reader.beginnings()
        for place in places:
            await reader.seek(place, max(begins[place], at.folded.get(place.partition, 0)))
        async for records in reader.to_settled_end():
            for record in records:
                erase = known_record(record)
                if isinstance(erase, Erase) and record.key is not None:
                    # Of one that says no time, it is when the broker took it.
                    time_ms = erase.time_ms or record.timestamp
                    found.append((record.key, msgspec.structs.replace(erase, time_ms=time_ms)))
    return found
