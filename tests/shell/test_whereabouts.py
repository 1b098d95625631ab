"""Where tasks wait is said down to the innermost call."""

from __future__ import annotations

import asyncio
import threading

from stream.shell.whereabouts import ENDING, HEADING, whereabouts


async def inner(awaited: asyncio.Future[None]) -> None:
    await awaited


async def outer(awaited: asyncio.Future[None]) -> None:
    await inner(awaited)


async def test_each_task_is_said_with_its_calls_from_the_outermost_on():
    awaited = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(outer(awaited), name="owner-3")
    await asyncio.sleep(0)
    said = whereabouts([asyncio.get_running_loop()])
    awaited.set_result(None)
    await task
    assert said.startswith(f"{HEADING}:\n")
    (line,) = (line for line in said.splitlines() if "owner-3" in line)
    calls = line.split(" > ")
    assert calls[0].startswith("  owner-3: outer (test_whereabouts.py:")
    assert calls[1].startswith("inner (test_whereabouts.py:")
    assert len(calls) == 3


async def test_tasks_of_another_threads_loop_are_said_and_those_that_have_ended_are_not():
    other = asyncio.new_event_loop()
    thread = threading.Thread(target=other.run_forever)
    thread.start()
    try:
        ended = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), other)
        waiting = asyncio.run_coroutine_threadsafe(asyncio.Event().wait(), other)
        await asyncio.wrap_future(ended)
        said = whereabouts([other])
        assert said.count("Event.wait (locks.py:") == 1
        assert "sleep" not in said
        assert said.endswith(f"\n  1 {ENDING}")
        waiting.cancel()
    finally:
        other.call_soon_threadsafe(other.stop)
        thread.join()
        other.close()
