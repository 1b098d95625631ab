"""The past of measures that came later, from the retained log of customers into the live rows.

It reads the log twice: to find where rows began to keep the measures, and to keep what they would
have kept before. That goes to the rows as `Backfill` records; when all of them were taken in, those
sent on included, the version `past` says in the log that the measures are whole. Until then, and
after a crash, nothing claims to be; a second run adds nothing twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
from aiokafka import TopicPartition
from xxhash import xxh3_64_hexdigest

from stream.clock import FUTURE_TOLERANCE_MS
from stream.engine.meta import META_KEY, VERSION_PREFIX, Meta, unpack_meta
from stream.engine.past_log import PastRows, Survey
from stream.engine.versions import DEFINITIONS as DEFINITIONS_KIND
from stream.engine.versions import PAST, read_past
from stream.events.partitioner import partition_of
from stream.events.records import Backfill, Version, decode_record, encode_record
from stream.events.topics import CHANGELOG, CUSTOMER_EVENTS, DEFINITIONS, Topic
from stream.segments.local_time import zone_of
from stream.segments.pack import Pack, load_pack
from stream.shell.announcing import Tell, is_announced
from stream.shell.connection import new_producer
from stream.shell.definitions import PAST_KEY, write_definitions
from stream.shell.delivery import close_producer
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings

BATCH = 500
"""Backfills on their way to the broker at once: one of 64 windows has 20 KB, so 10 MB."""

POLL_MS = 200

AGREE_TRIES, AGREE_PAUSE_S = 20, 0.5
"""What was just announced reaches the partitions one after the other, each with a batch."""


class BackfillError(RuntimeError):
    """It cannot be done now; says why, and what to do."""


class Filled(msgspec.Struct, frozen=True):
    """What a backfill did.

    measures   how many are whole now, since `since_ms`; 0: since ever
    beyond     how many the retained log does not reach
    backfills  records written
    """

    measures: int
    beyond: int
    backfills: int
    since_ms: int


class _Standing(msgspec.Struct):
    """What the partitions have committed: their definitions, and since when measures are kept."""

    pack: Pack
    kept_ms: dict[str, int]


async def backfill(settings: Settings, timeout_s: float, tell: Tell) -> Filled:
    """Add the past of every measure that is not whole, as far as the log reaches.

    Raises
    ------
    BackfillError
        Where no worker has worked, or none works now; running it again goes on.
    """
    standing = await _agreed(settings)
    if not standing.kept_ms:
        return Filled(0, 0, 0, 0)
    tell(f"{len(standing.kept_ms)} measures lack their past; reading where they begin")
    survey, since_ms = await _survey(settings, standing)
    places = range(settings.partitions)
    reached = [
        {key for each in survey.beginnings(p) for key in each.measures if since_ms < each.active_ms}
        for p in places
    ]
    wanted = {k: v for k, v in standing.kept_ms.items() if all(k in found for found in reached)}
    beyond = len(standing.kept_ms) - len(wanted)
    if not wanted:
        return Filled(0, beyond, 0, since_ms)
    async with LogReader(settings, _places(settings, CHANGELOG)) as changelog:
        writer = _Writer(settings, timeout_s, changelog)
        await writer.write(
            _pasts(settings, survey, msgspec.structs.replace(standing, kept_ms=wanted), tell)
        )
        tell(f"{writer.count} backfills are written; waiting for the workers to take them in")
        await writer.until_taken()
    past = await _past_content(settings, standing.kept_ms, dict.fromkeys(wanted, since_ms))
    await write_definitions(settings, past, PAST_KEY)
    if not await is_announced(settings, PAST, xxh3_64_hexdigest(past), timeout_s, tell):
        raise BackfillError(
            f"the past is written, but not announced within {timeout_s:g} s; see that a worker "
            "runs and what it logs"
        )
    return Filled(len(wanted), beyond, writer.count, since_ms)


def _places(settings: Settings, topic: Topic) -> list[TopicPartition]:
    name = settings.topic(topic.name)
    return [TopicPartition(name, p) for p in range(settings.partitions)]


async def _agreed(settings: Settings) -> _Standing:
    """What is in force in all partitions, once it is the same."""
    for _ in range(AGREE_TRIES):
        standing = await _standing(settings)
        if standing is not None:
            return standing
        await asyncio.sleep(AGREE_PAUSE_S)
    raise BackfillError(
        "not all partitions have the same definitions in force; see that workers run and have "
        "caught up, and try again"
    )


async def _standing(settings: Settings) -> _Standing | None:
    """What is in force in all partitions, by their changelogs; None: not the same."""
    metas: dict[int, Meta] = {}
    contents: dict[str, bytes] = {}
    prefix = VERSION_PREFIX + DEFINITIONS_KIND.encode()
    async with LogReader(settings, _places(settings, CHANGELOG)) as reader:
        async for records in reader.to_end():
            for record in records:
                if record.key == META_KEY and record.value is not None:
                    metas[record.partition] = unpack_meta(record.value)
                elif record.key.startswith(prefix) and record.value is not None:
                    version = msgspec.msgpack.decode(record.value, type=Version)
                    contents[version.name] = version.content
    announced = [
        [each for each in (*meta.base, *meta.versions) if each.kind == DEFINITIONS_KIND][-1:]
        for meta in metas.values()
    ]
    names = {each.name for found in announced for each in found}
    if len(metas) < settings.partitions or not all(announced) or len(names) != 1:
        return None
    newest = max((*metas[0].base, *metas[0].versions), key=lambda each: each.number)
    return _Standing(load_pack(contents[names.pop()]), dict(newest.kept_ms))


async def _survey(settings: Settings, standing: _Standing) -> tuple[Survey, int]:
    """The first pass, and since when the log is whole; 0: it never was cut."""
    async with LogReader(settings, _places(settings, CUSTOMER_EVENTS)) as reader:
        cut = {tp.partition for tp, at in (await reader.beginnings()).items() if at > 0}
        survey = Survey(standing.kept_ms, is_cut=bool(cut))
        first_ms: dict[int, int] = {}
        async for records in reader.to_end():
            if records:
                partition = records[0].partition
                first_ms.setdefault(partition, records[0].timestamp)
                survey.take(partition, records)
    if not cut:
        return survey, 0
    # What was deleted was written before what is left, and no event is of later than that.
    since = [first_ms.get(p, max(standing.kept_ms.values())) for p in cut]
    return survey, max(since) + FUTURE_TOLERANCE_MS


async def _pasts(
    settings: Settings, survey: Survey, standing: _Standing, tell: Tell
) -> AsyncIterator[tuple[bytes, Backfill]]:
    """The second pass, one partition after the other."""
    zone = zone_of(standing.pack.document.timezone)
    for place in _places(settings, CUSTOMER_EVENTS):
        beginnings = []
        for each in survey.beginnings(place.partition):
            each.measures = tuple(key for key in each.measures if key in standing.kept_ms)
            if each.measures:
                beginnings.append(each)
        measures, kept_ms = standing.pack.measures, standing.kept_ms
        rows = PastRows(beginnings, measures, zone, kept_ms, survey.forwarded_before)
        async with LogReader(settings, [place]) as reader:
            async for records in reader.to_end():
                rows.take(records)
                if records and records[-1].offset >= rows.end_offset:
                    break
        for found in rows.backfills():
            yield found
        tell(f"partition {place.partition} is read")


async def _past_content(
    settings: Settings, kept_ms: dict[str, int], since: dict[str, int]
) -> bytes:
    """What to say of the past: of these measures, and what was said of others that still holds."""
    known: dict[str, tuple[int, int]] = {}
    place = TopicPartition(settings.topic(DEFINITIONS.name), 0)
    async with LogReader(settings, [place]) as reader:
        async for records in reader.to_end():
            for record in records:
                if record.key == PAST_KEY and record.value is not None:
                    known = read_past(record.value)
    found = {key: told for key, told in known.items() if kept_ms.get(key) == told[0]}
    found |= {key: (kept_ms[key], since_ms) for key, since_ms in since.items()}
    return msgspec.json.encode(dict(sorted(found.items())))


class _Writer:
    """Writes backfills to the log, and follows them until no row sends one on any more.

    Parameters
    ----------
    changelog
        Opened before anything is written: what partitions have taken in stands in their meta
        records. The group's offsets do not say it on every broker, and on none at once.
    """

    def __init__(self, settings: Settings, timeout_s: float, changelog: LogReader) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._changelog = changelog
        self._topic = settings.topic(CUSTOMER_EVENTS.name)
        self._last: dict[int, int] = {}
        self._passed: dict[int, int] = {}
        self._read: dict[TopicPartition, int] = {}
        self.count = 0

    async def write(self, pasts: AsyncIterator[tuple[bytes, Backfill]]) -> None:
        for place, offset in self._changelog.ends.items():
            await self._changelog.seek(place, offset)
        async with LogReader(self._settings, _places(self._settings, CUSTOMER_EVENTS)) as reader:
            self._read = dict(reader.ends)
        producer = new_producer(self._settings)
        try:
            await producer.start()
            acks: list[Any] = []
            async for key, past in pasts:
                to = partition_of(key, self._settings.partitions)
                value = encode_record(past)
                acks.append(await producer.send(self._topic, value, key=key, partition=to))
                self.count += 1
                if len(acks) >= BATCH:
                    await self._acknowledged(acks)
            await self._acknowledged(acks)
        finally:
            await close_producer(producer)

    async def _acknowledged(self, acks: list[Any]) -> None:
        for ack in acks:
            written = await ack
            self._last[written.partition] = max(
                written.offset, self._last.get(written.partition, -1)
            )
        acks.clear()

    async def until_taken(self) -> None:
        """Wait until the rows have the last of them, and the last of what those sent on.

        Raises
        ------
        BackfillError
            Where that takes longer than the time-out.
        """
        ends_s = time.monotonic() + self._timeout_s
        while self._last:
            await self._until_passed(ends_s)
            self._last = await self._sent_on()

    async def _until_passed(self, ends_s: float) -> None:
        passed = self._passed
        while any(passed.get(p, 0) <= offset for p, offset in self._last.items()):
            if time.monotonic() > ends_s:
                raise BackfillError(
                    f"backfills were not taken in within {self._timeout_s:g} s; see that "
                    "workers run, and run it again: nothing is added twice"
                )
            for record in await self._changelog.poll(POLL_MS):
                if record.key == META_KEY and record.value is not None:
                    passed[record.partition] = unpack_meta(record.value).next_offset

    async def _sent_on(self) -> dict[int, int]:
        """The last backfill that a row has sent on since, by partition."""
        last: dict[int, int] = {}
        async with LogReader(self._settings, list(self._read)) as reader:
            for place, offset in self._read.items():
                await reader.seek(place, offset)
            self._read = dict(reader.ends)
            async for records in reader.to_end():
                for record in _sent_on_of(records):
                    last[record.partition] = record.offset
        return last


def _sent_on_of(records: list[Any]) -> Iterator[Any]:
    for record in records:
        if record.key is None:
            continue
        try:
            decoded = decode_record(record.value or b"")
        except msgspec.DecodeError:
            continue
        if isinstance(decoded, Backfill) and decoded.path:
            yield record
