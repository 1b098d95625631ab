"""Owners end when the group takes their partitions, whatever they were doing."""

import asyncio
import contextlib

from aiokafka import TopicPartition

from stream.shell.group import Group
from stream.shell.metrics import Metrics
from stream.shell.settings import Settings


class ClosingAClient:
    """An owner that is closing a client of aiokafka's, which swallows the first cancellation."""

    def __init__(self) -> None:
        self.backlogs = {}
        self.is_running = False
        self.is_closed = False
        self.has_ended = False

    async def run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.has_ended = True

    async def suspend(self) -> None: ...

    async def close(self) -> None:
        self.is_closed = True


async def test_an_owner_ends_though_its_first_cancellation_was_swallowed():
    settings = Settings()
    owners: list[ClosingAClient] = []

    def new_owner(_: int) -> ClosingAClient:
        owners.append(ClosingAClient())
        return owners[-1]

    group = Group(settings, Metrics(), new_owner, lambda: None, lambda _: None)
    topics = (settings.topic("events"), settings.topic("customer-events"))
    await group.assign({TopicPartition(name, p) for name in topics for p in (0, 1)}, 1)
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await group.assign({TopicPartition(name, 1) for name in topics}, 3)
    assert [owner.has_ended for owner in owners] == [True, True, False]
    assert group.owners == {1: owners[2]}
    await group.stop()


class Handed:
    """An owner, or a time-keeper, whose client hands it a cancellation of its own."""

    def __init__(self) -> None:
        self.backlogs = {}
        self.is_running = False
        self.progressed_s = 0.0

    async def run(self) -> None:
        ended = asyncio.create_task(asyncio.sleep(10))
        ended.cancel()
        await ended

    async def suspend(self) -> None: ...

    async def close(self) -> None: ...


async def test_a_task_that_nobody_has_ended_and_that_ends_is_a_failure():
    settings, failures = Settings(), asyncio.Queue()
    group = Group(settings, Metrics(), lambda _: Handed(), Handed, failures.put_nowait)
    topics = (settings.topic("events"), settings.topic("customer-events"))
    dealt = {TopicPartition(name, 1) for name in topics}
    await group.assign({*dealt, TopicPartition(settings.topic("clock"), 0)}, 1)
    async with asyncio.timeout(10):
        said = [str(await failures.get()) for _ in range(2)]
    assert sorted(words.split()[0] for words in said) == ["owner-1", "time-keeper"]
    await group.stop()


async def test_a_task_that_the_group_ends_is_none():
    settings, failures = Settings(), []
    group = Group(settings, Metrics(), lambda _: ClosingAClient(), lambda: None, failures.append)
    topics = (settings.topic("events"), settings.topic("customer-events"))
    await group.assign({TopicPartition(name, 1) for name in topics}, 1)
    await asyncio.sleep(0)
    await group.assign(set(), 3)
    await group.stop()
    assert failures == []
