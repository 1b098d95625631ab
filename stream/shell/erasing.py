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

from stream.engine.effects import EngineStateError
from stream.events.partitioner import partition_of
from stream.events.receipts import PublishedReceipt, decode_receipt
from stream.events.records import PATH_MAX, Erase, encode_record
from stream.events.topics import CHANGELOG, CUSTOMER_EVENTS, ERASURES
from stream.shell.connection import new_producer
from stream.shell.customer_rows import restored
from stream.shell.delivery import close_producer
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings
from stream.shell.topic_admin import partition_counts, runs_of
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
    """What was done. `missing` receipts have not come: for the time that is waited, none has."""

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
    names = await known_names(settings, identities)
    requests = dict.fromkeys(identities, template)
    place = TopicPartition(settings.topic(ERASURES.name), 0)
    async with LogReader(settings, [place]) as reader:
        await reader.seek(place, reader.ends[place])
        wait = _Wait(reader, template.request, timeout_s)
        await _write(settings, requests)
        for other in await _other_runs(settings):
            tell(
                f"incarnation {other.incarnation} has topics as well and is asked, too; where it "
                "works no more, delete them"
            )
            await _write(other, requests)
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


async def known_names(settings: Settings, identities: Iterable[str]) -> dict[str, None]:
    """These ids, the customers that they are of, and the ids that are known to be of those, too.

    A row that sends its records on is followed. Reads a partition of the changelog once a hop, for
    all ids, where there is a row of one of them.

    Raises
    ------
    EngineStateError
        The run does not serve: it tells nothing, so no receipt would come.
    """
    names = dict.fromkeys(identities)
    asked: set[bytes] = set()
    asking = {name.encode() for name in names}
    for _ in range(PATH_MAX):
        places: dict[int, set[bytes]] = {}
        for key in asking - asked:
            places.setdefault(partition_of(key, settings.partitions), set()).add(key)
        asked |= asking
        asking = set()
        for partition, keys in sorted(places.items()):
            engine = await restored(settings, partition, only=keys)
            if engine.mark is not None:
                raise EngineStateError(
                    f"incarnation {settings.incarnation} catches up, and tells nothing: set "
                    "SHOAL_INCARNATION and SHOAL_PARTITIONS to the run that serves; this one is "
                    "asked as well then"
                )
            for key in sorted(keys):
                row = engine.store.peek(key)
                if row is not None:
                    names |= dict.fromkeys((key.decode(), *row.aliases))
                    asking |= set() if row.forward_to is None else {row.forward_to.encode()}
    return names


async def _other_runs(settings: Settings) -> list[Settings]:
    """Runs beside this one that have a log."""
    counts = await partition_counts(settings)
    found = []
    for run, partitions in (await runs_of(settings)).items():
        other = dataclasses.replace(settings, incarnation=run, partitions=partitions)
        if run != settings.incarnation and other.topic(CUSTOMER_EVENTS.name) in counts:
            found.append(other)
    return found


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
        self._timeout_s = timeout_s
        self.receipts: list[PublishedReceipt] = []
        self.missing = 0

    async def until(self, more: int) -> None:
        """Wait for so many more and for those that they bring, while there are any in the time."""
        self.missing += more
        ends_s = time.monotonic() + self._timeout_s
        while self.missing > 0 and time.monotonic() < ends_s:
            for record in await self._reader.poll(POLL_MS):
                receipt = decode_receipt(record.value)
                if receipt.request == self._request:
                    self.receipts.append(receipt)
                    self.missing += receipt.sent_on - 1
                    ends_s = time.monotonic() + self._timeout_s
