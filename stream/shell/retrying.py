"""Dead letters listed, and sent again to where they came from.

A letter goes back with its key, its bytes and its headers, and one header more that counts. So its
message id is the same, and who was applied already is a duplicate. In the same transaction a
record in the topic of dead letters says which letters were sent: none is sent twice, however often
the command is run, or killed. What dies again is a new letter, with its count; past the bound it
stays where it is.

A run that catches up beside the one that serves reads the raw events again, and writes a letter of
each that it cannot decode: two letters of one record. They count as one, and one is sent. That
holds for as long as the note of the sending is kept, as long as letters are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from aiokafka import TopicPartition

from stream.events.topics import CUSTOMER_EVENTS, DEAD_LETTERS, EVENTS
from stream.shell.broker_time import BrokerTime
from stream.shell.dead_letters import (
    RETRIED,
    Letter,
    Retried,
    headers_again,
    pack_retried,
    read_letter,
    read_retried,
    source_of,
)
from stream.shell.delivery import Delivery, PlainDelivery, TransactionalDelivery
from stream.shell.delivery_choice import has_transactions
from stream.shell.log_reader import LogReader
from stream.shell.outbox import Outbox
from stream.shell.settings import Settings
from stream.shell.topic_admin import partition_counts

RETRIES_MAX = 3
"""Times that a letter is sent again unless more are asked for: what died so often is not cured by
another attempt."""

SENT_TOGETHER_MAX = 1_000
"""Letters of one transaction: at 32 KiB for the largest usual event 32 MB. Their notes have 43 KB
together."""


class Wanted(msgspec.Struct, frozen=True):
    """Which letters are meant; None and nothing: all. Times are the broker's, of the letter."""

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None

    def means(self, letter: Letter) -> bool:
        """Whether a letter is among them."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.topics or letter.topic in self.topics)
            and (not self.stages or letter.stage in self.stages)
            and (self.since_ms is None or letter.time_ms >= self.since_ms)
            and (self.until_ms is None or letter.time_ms < self.until_ms)
        )


class Done(msgspec.Struct):
    """What became of the letters that were meant."""

    sent: int = 0
    before: int = 0
    too_often: int = 0
    left_out: int = 0
    nowhere: int = 0


class Retries(msgspec.Struct):
    """What was sent again: offsets of letters by partition, and what they were letters of.

    sources  see `source_of`; some 100 bytes a letter
    """

    offsets: dict[int, set[int]] = {}
    sources: set[str] = set()

    def have(self, letter: Letter, source: str) -> bool:
        """Whether a letter was sent, or another one of the same record."""
        return source in self.sources or letter.offset in self.offsets.get(letter.place, ())


async def retried_letters(settings: Settings) -> Retries:
    """Which letters were sent again already."""
    found = Retries()
    async for place, record in _records(settings):
        note = read_retried(record)
        if note is not None:
            found.offsets.setdefault(place, set()).update(note.offsets)
            found.sources.update(note.sources)
    if any(found.offsets.values()):
        # Notes of older builds have offsets alone.
        async for letter, record in letters(settings, Wanted()):
            if letter.offset in found.offsets.get(letter.place, ()):
                found.sources.add(source_of(letter, record))
    return found


async def letters(settings: Settings, wanted: Wanted) -> AsyncIterator[tuple[Letter, Any]]:
    """The letters that are meant, each with its record, those of a partition in their order."""
    async for place, record in _records(settings):
        if read_retried(record) is None:
            letter = read_letter(place, record)
            if letter is not None and wanted.means(letter):
                yield letter, record


async def letters_once(
    settings: Settings, wanted: Wanted
) -> AsyncIterator[tuple[Letter, Any, str]]:
    """As `letters`, one of each record that they are of, with its `source_of`."""
    seen: set[str] = set()
    async for letter, record in letters(settings, wanted):
        source = source_of(letter, record)
        if source not in seen:
            seen.add(source)
            yield letter, record, source


async def _records(settings: Settings) -> AsyncIterator[tuple[int, Any]]:
    topic = settings.topic(DEAD_LETTERS.name)
    count = (await partition_counts(settings)).get(topic, 0)
    places = [TopicPartition(topic, number) for number in range(count)]
    async with LogReader(settings, places) as reader:
        async for records in reader.to_end():
            for record in records:
                yield record.partition, record


async def send_again(
    settings: Settings,
    wanted: Wanted,
    retries_max: int,
    tell: Callable[[Letter], None],
    *,
    is_dry: bool = False,
) -> Done:
    """Send letters back to where they came from; `tell` is told of each that is sent.

    Another run of the same at the same time is shut out, where the broker has transactions.
    """
    done = Done()
    delivery = None if is_dry else await _delivery(settings)
    try:
        if delivery is not None:
            await delivery.open()
        sources = await _sources(settings)
        before = await retried_letters(settings)
        outbox = Outbox()
        sent: dict[int, Retried] = {}
        async for letter, record, source in letters_once(settings, wanted):
            if before.have(letter, source):
                done.before += 1
            elif letter.retries >= retries_max:
                done.too_often += 1
            elif not letter.is_whole:
                done.left_out += 1
            elif letter.partition >= sources.get(letter.topic, 0):
                done.nowhere += 1
            else:
                done.sent += 1
                tell(letter)
                headers = headers_again(record, letter.retries + 1)
                outbox.put(letter.topic, letter.partition, record.key, record.value, headers)
                note = sent.setdefault(letter.place, Retried([], []))
                note.offsets.append(letter.offset)
                note.sources.append(source)
            if delivery is not None and outbox.record_count >= SENT_TOGETHER_MAX:
                await _deliver(settings, delivery, outbox, sent)
                outbox, sent = Outbox(), {}
        if delivery is not None and outbox.record_count:
            await _deliver(settings, delivery, outbox, sent)
    finally:
        if delivery is not None:
            await delivery.close()
    return done


async def _sources(settings: Settings) -> dict[str, int]:
    """Topics that letters may go back to, with their partitions: never anywhere else."""
    counts = await partition_counts(settings)
    names = [settings.topic(topic.name) for topic in (EVENTS, CUSTOMER_EVENTS)]
    return {name: counts.get(name, 0) for name in names}


async def _delivery(settings: Settings) -> Delivery:
    if await has_transactions(settings):
        return TransactionalDelivery(settings, "dead-letters", BrokerTime())
    return PlainDelivery(settings, BrokerTime(), [settings.topic(DEAD_LETTERS.name)])


async def _deliver(
    settings: Settings, delivery: Delivery, outbox: Outbox, sent: dict[int, Retried]
) -> None:
    for place, note in sent.items():
        packed = pack_retried(note)
        outbox.put(settings.topic(DEAD_LETTERS.name), place, None, packed, [(RETRIED, b"1")])
    await delivery.deliver(outbox, {})
