"""Where every task of this process waits: what to know of a worker that makes no progress."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from types import CodeType
from typing import Any

HEADING = "where every task waits"
ENDING = "tasks in all"
"""With their number: who reads it while it is written knows that no more comes."""


def whereabouts(loops: Iterable[asyncio.AbstractEventLoop]) -> str:
    """A line for each task that has not ended, outermost call first, and then their number.

    Costs some 10 us a task. A loop may be another thread's: its line is of about now.
    """
    lines = [_line(task) for loop in loops for task in asyncio.all_tasks(loop)]
    return "\n".join([f"{HEADING}:", *sorted(lines), f"  {len(lines)} {ENDING}"])


def _line(task: asyncio.Task[Any]) -> str:
    return f"  {task.get_name()}: {' > '.join(_calls(task.get_coro())) or 'nowhere'}"


def _calls(waiting: Any) -> Iterator[str]:
    """The calls from an awaitable down to what it waits for."""
    while waiting is not None:
        for kind in ("cr", "gi", "ag"):
            code: CodeType | None = getattr(waiting, f"{kind}_code", None)
            if code is not None:
                frame = getattr(waiting, f"{kind}_frame")
                at = "ended" if frame is None else frame.f_lineno
                yield f"{code.co_qualname} ({PurePath(code.co_filename).name}:{at})"
                waiting = getattr(waiting, f"{kind}_await", None) or getattr(
                    waiting, f"{kind}_yieldfrom", None
                )
                break
        else:
            yield type(waiting).__name__
            return
