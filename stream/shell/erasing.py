"""Erases customers on a running installation: writes the requests, and waits for the receipts.

The workers do it, each in its partition's transaction. Afterwards the rows are read once, to see
whether one still names an id of the erased: rows of former builds do not say who points to them.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from aiokafka import TopicPartition

from stream.events.partitioner import partition_of
from stream.events.receipts import PublishedReceipt, decode_receipt
from stream.events.records import Erase, encode_record
from stream.events.topics import CHANGELOG, CUSTOMER_EVENTS, ERASURES
from stream.shell.connection import new_producer
from stream.shell.customer_rows import find_customer
from stream.shell.delivery import close_producer
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings
from stream.shell.topic_admin import runs_of
from stream.state.codec import uncompressed, unpack
from stream.state.row import Row

POLL_MS: Final = 200

ROUNDS_MAX: Final = 4
"""Readings of the rows: each finds those who pointed to what the one before it has erased."""

SEARCHED_MAX: Final = 16
"""So many names are looked for in a packed row (0.3 us each); with more, rows are unpacked (4)."""

Tell = Callable[[str], None]
"""Hears a word of progress, now and then."""


class Erased(msgspec.Struct, frozen=True):
    """What was done. `missing` receipts have not come within the time."""

    request: str
    receipts: tuple[PublishedReceipt, ...]
    missing: int


async def erase(
    settings: Settings,
    identities: Sequence[str],
    template: Erase,
    timeout_s: float,
    tell: Tell,
) -> Erased:
    """Have the customers of these ids erased; `template` names the request and says how.

    Reads the whole changelog, unless the request lifts a suppression: some 300,000 rows a second.
    """
    names: dict[str, None] = {}
    for identity in identities:
        names |= dict.fromkeys(await _names_of(settings, identity))
    place = TopicPartition(settings.topic(ERASURES.name), 0)
    async with LogReader(settings, [place]) as reader:
        await reader.seek(place, reader.ends[place])
        wait = _Wait(reader, template.request, timeout_s)
        for run, partitions in (await runs_of(settings)).items():
            if run != settings.incarnation:
                tell(
                    f"incarnation {run} has topics as well and is asked, too; where it works no "
                    "more, delete them"
                )
                other = dataclasses.replace(settings, incarnation=run, partitions=partitions)
                await _write(other, dict.fromkeys(identities, template))
        await _write(settings, dict.fromkeys(identities, template))
        await wait.until(len(identities))
        for _ in range(0 if template.lifts or wait.missing else ROUNDS_MAX):
            tell("reading the rows, for ids that point to the erased")
            left = await naming(settings, names)
            if not left:
                break
            down = msgspec.structs.replace(template, of=tuple(names))
            await _write(settings, dict.fromkeys(left, down))
            await wait.until(len(left))
            names |= dict.fromkeys(left)
    return Erased(template.request, tuple(wait.receipts), wait.missing)


async def _names_of(settings: Settings, identity: str) -> tuple[str, ...]:
    """The id, the customer that it is of, and the ids that are known to be of it, too."""
    found = await find_customer(settings, identity)
    if found is None:
        return (identity,)
    engine, key = found
    row = engine.store.peek(key)
    assert row is not None
    return (identity, key.decode(), *row.aliases)


async def naming(settings: Settings, names: Collection[str]) -> list[str]:
    """Customers whose rows are of one of these ids, or name one."""
    wanted = frozenset(names)
    needles = [name.encode() for name in wanted] if len(wanted) <= SEARCHED_MAX else None
    keys = {name.encode() for name in wanted}
    found: set[bytes] = set()
    topic = settings.topic(CHANGELOG.name)
    for partition in range(settings.partitions):
        async with LogReader(settings, [TopicPartition(topic, partition)], bare=True) as reader:
            async for records in reader.to_end():
                for record in records:
                    key, value = record.key, record.value
                    if value is None or key.startswith(b"\0"):
                        found.discard(key)
                    elif key in keys or (_may_name(value, needles) and _names(value, wanted)):
                        found.add(key)
                    else:
                        found.discard(key)
    return sorted(key.decode() for key in found)


def _may_name(packed: bytes, needles: Iterable[bytes] | None) -> bool:
    if needles is None:
        return True
    content = uncompressed(packed)
    return any(needle in content for needle in needles)


def _names(packed: bytes, wanted: frozenset[str]) -> bool:
    return not wanted.isdisjoint(names_in(unpack(packed)))


def names_in(row: Row) -> set[str]:
    """The other ids that stand in a row."""
    pairs = (*row.targets, *row.ways)
    pointed = () if row.forward_to is None else (row.forward_to,)
    return {*row.aliases, *pointed, *(name for name, _ in pairs if name)}


async def _write(settings: Settings, records: Mapping[str, Erase]) -> None:
    topic = settings.topic(CUSTOMER_EVENTS.name)
    producer = new_producer(settings)
    try:
        await producer.start()
        acks: list[Any] = []
        for identity, record in records.items():
            key = identity.encode()
            to = partition_of(key, settings.partitions)
            acks.append(await producer.send(topic, encode_record(record), key=key, partition=to))
        for ack in acks:
            await ack
    finally:
        await close_producer(producer)


class _Wait:
    """Receipts of a request, as they come: each tells how many more are to come."""

    def __init__(self, reader: LogReader, request: str, timeout_s: float) -> None:
        self._reader = reader
        self._request = request
        self._ends_s = time.monotonic() + timeout_s
        self.receipts: list[PublishedReceipt] = []
        self.missing = 0

    async def until(self, more: int) -> None:
        """Wait for so many more and for those that they bring, or until the time is over."""
        self.missing += more
        while self.missing > 0 and time.monotonic() < self._ends_s:
            for record in await self._reader.poll(POLL_MS):
                receipt = decode_receipt(record.value)
                if receipt.request == self._request:
                    self.receipts.append(receipt)
                    self.missing += receipt.sent_on - 1
