"""The switch: ends the run that serves, and lets the one that has caught up take its place.

The former run is ended by the same means as an owner takes a partition over: the switch becomes the
writer of each of its partitions, which shuts the owner out, and leaves a mark there. It waits until
the new run has got as far, and then takes over one partition after the other (take_over.py). One
that is interrupted is finished by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from stream.engine.meta import Meta
from stream.engine.run_mark import RunMark
from stream.engine.succession import Former
from stream.events.topics import CUSTOMER_EVENTS
from stream.shell.delivery import DeliveryAbortedError, DeliveryRefusedError, OwnershipLostError
from stream.shell.log_reader import LogReader
from stream.shell.runs import (
    NewDelivery,
    Progress,
    RunsError,
    changelog_of,
    delivery_of,
    hear,
    progress_of,
    standing,
    write_mark,
)
from stream.shell.settings import Settings
from stream.shell.take_over import Switched, TakeOver
from stream.shell.told import Known, read_told
from stream.shell.voices import Voices, read_voices

BEHIND_MAX_MS = 60_000
"""The former run is ended when the new one's clock is no further behind: so long changes wait."""

ROUNDS = 3
"""So often the log's end is awaited: what is sent on from one row to another comes after it."""

POLL_MS = 100

AGAIN = "switch again: it goes on where it was"

Say = Callable[[str], None]
"""Hears a word of progress, now and then."""


async def switch(
    settings: Settings,
    former: Settings | None,
    timeout_s: float,
    say: Say,
    new_delivery: NewDelivery = delivery_of,
) -> Switched:
    """End the former run and let the new one serve.

    Raises
    ------
    RunsError
        The new run is too far behind, or its workers do not get there in time; or the broker does
        not take what is written.
    """
    try:
        return await _switch(settings, former, time.monotonic() + timeout_s, say, new_delivery)
    except DeliveryRefusedError as error:
        raise RunsError(
            f"the broker refuses what the switch writes ({error}); see to its limits and to the "
            f"rights that `shoal topics plan` prints, then {AGAIN}"
        ) from error
    except (DeliveryAbortedError, OwnershipLostError) as error:
        raise RunsError(
            f"a transaction of the switch was not taken ({error}): see that no other switch runs; "
            f"then {AGAIN}"
        ) from error
    except KafkaError as error:
        if isinstance(error, KafkaConnectionError) or not error.retriable:
            raise
        raise RunsError(f"the broker does not answer as it should ({error!r}); {AGAIN}") from error


async def _switch(
    settings: Settings, former: Settings | None, ends_s: float, say: Say, new_delivery: NewDelivery
) -> Switched:
    now = await progress_of(settings)
    if len(now.folded) < settings.partitions:
        raise RunsError(
            f"incarnation {settings.incarnation} has not begun in {settings.partitions} "
            "partitions; start its workers, and let them catch up"
        )
    if not now.marks:
        raise RunsError(f"incarnation {settings.incarnation} serves already; nothing was done")
    served, voices = Former(), Voices()
    if former is not None:
        await _end(settings, former, say)
        ended = await progress_of(former)
        await _caught_up(settings, ended, ends_s)
        served = Former(former.incarnation, ended.clock_ms)
        voices = await read_voices(former)
    known = Known(served, await read_told(settings), voices, settings.partitions)
    done = Switched()
    for partition in sorted(now.marks):
        done.add(await TakeOver(settings, partition, known, new_delivery).run())
        say(f"partition {partition} serves")
    return done


async def _end(settings: Settings, former: Settings, say: Say) -> None:
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
    async with changelog_of(settings) as reader:
        progress, metas = Progress(), dict[int, Meta]()
        async for records in reader.to_end():
            hear(progress, metas, records)

        async def until(reached: Callable[[Progress], bool], what: str) -> None:
            while not reached(standing(settings, progress, metas)):
                if time.monotonic() > ends_s:
                    raise RunsError(
                        f"incarnation {settings.incarnation} did not {what} in time; see to its "
                        f"workers, then {AGAIN}"
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
