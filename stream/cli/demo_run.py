"""One run of the demo: topics, the shop, the watching and the drawing, until the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Sequence

from stream.cli.demo_board import Board
from stream.cli.demo_children import Child, running
from stream.cli.demo_output import Show
from stream.cli.demo_watch import Watcher
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics

DRAW_INTERVAL_S = 0.125


class DemoRun:
    """What happens between the worker's start and its end.

    Parameters
    ----------
    traffic
        Customers, days, rate and seed, as `demo_traffic` takes them.
    seconds
        When to end, counted from the board's start; None: on SIGINT or SIGTERM alone.
    """

    def __init__(
        self, settings: Settings, traffic: Sequence[str], seconds: float | None, board: Board
    ) -> None:
        self._settings = settings
        self._traffic = traffic
        self._seconds = seconds
        self._board = board
        self._over = asyncio.Event()

    async def run(self, worker: Child, show: Show) -> None:
        """Return when the time is up or a signal has come; raise when a child has ended."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self._over.set)
        try:
            await create_topics(self._settings)
            command = [sys.executable, "-m", "stream.cli.demo_traffic", *self._traffic]
            with show, running("shop", command, self._settings) as shop:
                await self._watch(worker, shop, show)
        finally:
            # From here on a second Ctrl-C ends it at once.
            for number in signals:
                loop.remove_signal_handler(number)

    async def _watch(self, worker: Child, shop: Child, show: Show) -> None:
        watcher = Watcher(self._settings, self._board, show.see)
        await watcher.start()
        tasks = [
            asyncio.create_task(work)
            for work in (
                watcher.watch_topics(),
                watcher.watch_progress(),
                _draw(show, worker, shop),
                self._wait_for_the_end(),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await watcher.stop()

    async def _wait_for_the_end(self) -> None:
        left = None
        if self._seconds is not None:
            left = max(0.0, self._board.started_s + self._seconds - time.monotonic())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), left)


async def _draw(show: Show, *children: Child) -> None:
    while True:
        for child in children:
            child.require_alive()
        show.draw(time.monotonic())
        await asyncio.sleep(DRAW_INTERVAL_S)
