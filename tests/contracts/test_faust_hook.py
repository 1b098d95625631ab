"""What the hook relies on in faust-streaming and aiokafka, on a real broker."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.shell import faust_private
from stream.shell.faust_private import PINS, UnknownReleaseError, check_pins
from tests.kafka.fixtures import kafka, place
from tests.kafka.installation import event, until
from tests.kafka.recorder import Recorder

__all__ = ["kafka", "place"]

pytestmark = pytest.mark.kafka

EVENTS_MS = 1_795_000_000_000


def values(count: int, start: int = 0) -> list[bytes]:
    return [event("c", number, EVENTS_MS + number) for number in range(start, start + count)]


def raw(place, partition: int = 0) -> TopicPartition:
    return TopicPartition(place.topic("events"), partition)


def test_the_releases_are_those_that_the_hook_was_written_for():
    assert {package: version(package) for package in PINS} == PINS
    check_pins()


def test_another_release_is_refused_by_name(monkeypatch):
    monkeypatch.setitem(faust_private.PINS, "aiokafka", "0.0.1")
    with pytest.raises(UnknownReleaseError, match=r"install aiokafka==0\.0\.1"):
        check_pins()


async def come_and_go(place, stays: Recorder) -> None:
    before = len(stays.assignments)
    async with Recorder(place.settings) as other:
        await until(lambda: other.held)
    await until(lambda: len(stays.assignments) >= before + 2)


async def test_the_fetcher_is_used_and_alive_after_twenty_rebalances(place):
    await place.create()
    async with Recorder(place.settings) as stays:
        await until(lambda: stays.held)
        while len(stays.assignments) < 20:
            await come_and_go(place, stays)
        await until(lambda: len(stays.held) == 9)
        await stays.read(raw(place), None)
        await place.send("events", values(8))
        await until(lambda: stays.offsets[raw(place)] == [0, 1])
        assert stays.revocations >= 19
        polls = stays.polls
        await until(lambda: stays.polls > polls)


async def test_a_group_that_has_failed_is_heard_of_though_nobody_waits_for_records(place):
    place.settings = dataclasses.replace(place.settings, session_timeout_ms=1_000)
    await place.create()
    async with Recorder(place.settings) as idle:
        await until(lambda: idle.held)
        assert idle.wanted() == set()

        async def fails() -> bool:
            raise KafkaError("an answer that nobody knows")

        idle.app.consumer._thread._consumer._coordinator._do_heartbeat = fails
        with pytest.raises(KafkaError, match="an answer that nobody knows"):
            await asyncio.wait_for(idle.app.until_crashed(), 20)


async def test_generation_is_known_when_partitions_are_dealt(place):
    await place.create()
    async with Recorder(place.settings) as first:
        await until(lambda: first.held)
        async with Recorder(place.settings) as second:
            await until(lambda: second.held)
            await until(lambda: len(first.assignments) == 2)
            assert [generation for _, generation in first.assignments] == [1, 2]
            assert second.generation == 2


async def test_the_group_waits_for_a_revoke_longer_than_the_session_and_the_member_stays(place):
    place.settings = dataclasses.replace(place.settings, session_timeout_ms=1_000)
    await place.create()
    async with Recorder(place.settings) as slow:
        await until(lambda: slow.held)
        slow.revoke_takes_s = 2.5
        other = Recorder(place.settings)
        joining = asyncio.create_task(other.app.start())
        await until(lambda: slow.is_revoking)
        while slow.is_revoking:
            assert not other.held
            await asyncio.sleep(0.01)
        slow.revoke_takes_s = 0
        await joining
        await until(lambda: other.held and len(slow.assignments) == 2)
        assert slow.generation == other.generation == 2
        await other.app.stop()


@asynccontextmanager
async def having_read(place, count: int) -> AsyncIterator[Recorder]:
    """A member that has read so many records, which are all, of the first partition."""
    await place.create()
    await place.send("events", values(4 * count))
    async with Recorder(place.settings) as member:
        await until(lambda: member.held)
        await member.read(raw(place), None)
        await until(lambda: len(member.offsets[raw(place)]) == count)
        yield member


async def test_a_seek_drops_what_was_prefetched(place):
    async with having_read(place, 1_000) as member:
        for offset in (900, 10, 500):
            await member.read(raw(place), offset)
            await until(lambda: 999 in member.offsets[raw(place)])
            assert member.offsets[raw(place)] == list(range(offset, 1_000))


async def test_what_is_kept_goes_on_without_a_gap_through_rebalances_under_load(place):
    await place.create()
    async with Recorder(place.settings) as stays:
        await until(lambda: stays.held)
        stays.goes_on = True
        await stays.go_on()
        feeding = asyncio.create_task(place.send("events", values(8_000), pause_every=16))
        while not feeding.done():
            await come_and_go(place, stays)
        await feeding
        partitions = [raw(place, number) for number in range(4)]
        await until(lambda: all(1_999 in stays.offsets[tp] for tp in partitions))
        assert stays.revocations >= 4
        for tp in partitions:
            assert stays.offsets[tp] == list(range(2_000))


async def test_reading_starts_where_it_is_told_whatever_the_group_has_committed(place):
    await place.create()
    await place.send("events", values(40))
    async with Recorder(place.settings) as member:
        await until(lambda: member.held)
        assert await member.read(raw(place, 2), 7) == 7
        await until(lambda: member.offsets[raw(place, 2)] == [7, 8, 9])
        # Nobody asked for the other partitions: they are held.
        assert set(member.offsets) == {raw(place, 2)}


async def test_an_offset_past_the_end_says_that_the_topic_was_made_anew(place):
    await place.create()
    async with Recorder(place.settings) as member:
        await until(lambda: member.held)
        with pytest.raises(faust_private.TopicReplacedError, match="made anew"):
            await member.read(raw(place), 5)


async def test_what_retention_has_passed_before_it_was_read_is_told_and_not_passed_over(place):
    async with having_read(place, 10) as member:
        await place.delete_records("events")
        thread = member.app.consumer._thread
        thread.thread_loop.call_soon_threadsafe(thread._consumer.seek, raw(place), 3)
        with pytest.raises(faust_private.OutOfRangeError, match="offset 3 is to be read next"):
            await asyncio.wait_for(member.app.until_crashed(), 30)


async def test_the_end_is_proven_by_an_empty_fetch_after_the_last_record(place):
    await place.create()
    await place.send("events", values(12))
    async with Recorder(place.settings) as member:
        await until(lambda: member.held)
        await member.read(raw(place), None)
        proof = await until(lambda: member.app.end_proof(raw(place)))
        assert proof.after == 2
        later = await until(lambda: _later(member.app.end_proof(raw(place)), proof))
        assert later.after == 2
        await place.send("events", values(4, start=12))
        await until(lambda: member.offsets[raw(place)] == [0, 1, 2, 3])
        await until(lambda: member.app.end_proof(raw(place)).after == 3)


def _later(proof, than):
    return proof if proof.sent_s > than.sent_s else None
