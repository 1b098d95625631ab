"""Ends tasks, whatever they are doing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

CANCEL_AGAIN_S = 0.2
"""`AIOKafkaClient.close` waits for a task of its own and suppresses the cancellation that it asked
for, and with it one of whoever called. An owner that lived on would take the partition back from
whoever has it now, and while it is waited for no heartbeat is sent."""


async def cancel_until_ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and those that have swallowed it again, until all have ended.

    How they ended is for their own callbacks. It takes as long as they clean up.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
