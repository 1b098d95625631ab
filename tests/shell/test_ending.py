"""A worker that ends: whatever swallows a cancellation is cancelled again."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace

from stream.shell.ending import cancel_until_ended
from stream.shell.settings import Settings
from stream.shell.worker import Worker


async def nothing() -> None:
    return None


async def swallows_the_first() -> None:
    """As a client does that is just being closed."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


async def fails() -> None:
    raise RuntimeError


async def test_tasks_end_and_how_they_ended_is_not_said_to_who_ends_them():
    works = [nothing, fails, asyncio.Event().wait, swallows_the_first]
    tasks = [asyncio.create_task(work()) for work in works]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await cancel_until_ended(tasks)
        await cancel_until_ended([])
    assert [task.cancelled() for task in tasks] == [False, False, True, True]
    assert isinstance(tasks[1].exception(), RuntimeError)


async def test_a_task_that_swallows_a_cancellation_does_not_keep_the_worker():
    worker = Worker(Settings())
    worker._group = worker._app = SimpleNamespace(stop=nothing)
    worker._stores = None
    worker._spawn("lookout", swallows_the_first())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await worker._end()
    assert all(task.cancelled() for task in worker._tasks)
    assert worker._failure is None
