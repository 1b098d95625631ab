"""Try it: a simulated shop, a broker and a worker, live."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import IO, Any

from stream.cli.demo_board import Board
from stream.cli.demo_output import JsonLines, PlainLines, Screen, Show
from stream.cli.demo_watch import Watcher
from stream.cli.failure import CommandFailedError
from stream.shell.child import start_child, stop_child
from stream.shell.embedded import HOST, SESSION_TIMEOUT_MS, EmbeddedBroker, EmbeddedBrokerError
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics

PARTITIONS = 4
"""More than one, so that what crosses partitions is shown; few, since one worker has them all."""

DRAW_INTERVAL_S = 0.125

WORKER_PATIENCE_S = 5.0
"""How long the worker may take to finish its batch and leave; longer ones are killed."""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal demo`."""
    parser = subparsers.add_parser(
        "demo",
        help=__doc__,
        description="Starts a broker in memory, a worker and a simulated shop. The shop's last "
        "weeks are played at full speed, then it goes on live: watch customers enter and leave "
        "segments, and why. Needs nothing but this machine, and leaves nothing behind.",
        epilog="example: shoal demo --seconds 60",
    )
    parser.add_argument(
        "--seconds", type=float, metavar="N", help="end after so long; default: on Ctrl-C"
    )
    parser.add_argument("--customers", type=int, default=2_000, help="default: %(default)s")
    parser.add_argument("--days", type=float, default=14.0, help="of history; default: %(default)g")
    parser.add_argument(
        "--rate", type=float, default=100.0, help="live events a second; default: %(default)g"
    )
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--json", action="store_true", help="changes as CloudEvents, one a line, then a summary"
    )


def run(args: argparse.Namespace) -> int:
    """Run until SIGINT, SIGTERM or the time is up; 1 when a part of it ends by itself."""
    if args.customers < 1 or args.days <= 0 or args.rate <= 0:
        raise CommandFailedError("there is no such shop", "customers, days and rate are above 0", 2)
    if args.seconds is not None and args.seconds <= 0:
        raise CommandFailedError("--seconds must be above 0", "leave it out to run on", 2)
    board = Board(started_s=time.monotonic())
    show = _show(args.json, board)
    try:
        with EmbeddedBroker() as broker:
            asyncio.run(_Demo(args, board, show, broker.address).run())
    except EmbeddedBrokerError as error:
        raise CommandFailedError(error.what, error.then) from error
    show.summarise(time.monotonic())
    return 0


class _Demo:
    """One run: its children, its watcher, its end."""

    def __init__(self, args: argparse.Namespace, board: Board, show: Show, address: str) -> None:
        self._args = args
        self._board = board
        self._show = show
        self._over = asyncio.Event()
        self._settings = Settings(
            broker=address,
            shop="demo",
            partitions=PARTITIONS,
            http_host=HOST,
            http_port=_free_port(),
            session_timeout_ms=SESSION_TIMEOUT_MS,
        )

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._over.set)
        try:
            await create_topics(self._settings)
            command = [sys.executable, "-m", "stream.cli.main", "worker"]
            with self._show, _child("worker", command, self._environment()) as worker:
                await self._play(worker)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _play(self, worker: _Child) -> None:
        with _child("shop", self._traffic_command(), self._environment()) as shop:
            watcher = Watcher(self._settings, self._board, self._show.see)
            await watcher.start()
            tasks = [
                asyncio.create_task(watcher.watch_topics()),
                asyncio.create_task(watcher.watch_progress()),
                asyncio.create_task(self._draw()),
                asyncio.create_task(_watch_children(worker, shop)),
                asyncio.create_task(self._wait_for_the_end()),
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

    async def _draw(self) -> None:
        while True:
            self._show.draw(time.monotonic())
            await asyncio.sleep(DRAW_INTERVAL_S)

    async def _wait_for_the_end(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), self._seconds_left())

    def _seconds_left(self) -> float | None:
        seconds: float | None = self._args.seconds
        if seconds is None:
            return None
        return max(0.0, self._board.started_s + seconds - time.monotonic())

    def _traffic_command(self) -> list[str]:
        args = self._args
        numbers = [args.customers, args.days, args.rate, args.seed]
        return [sys.executable, "-m", "stream.cli.demo_traffic", *map(str, numbers)]

    def _environment(self) -> dict[str, str]:
        """The children's: ours, with nothing of another installation in it."""
        settings = self._settings
        others = {k: v for k, v in os.environ.items() if not k.startswith("SHOAL_")}
        return others | {
            "SHOAL_BROKER": settings.broker,
            "SHOAL_SHOP": settings.shop,
            "SHOAL_PARTITIONS": str(settings.partitions),
            "SHOAL_HTTP_HOST": settings.http_host,
            "SHOAL_HTTP_PORT": str(settings.http_port),
            "SHOAL_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
            "SHOAL_LOG_LEVEL": "WARNING",
        }


class _Child:
    """A process of the demo, with what it says kept for the case that it fails."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self.name = name
        self.process = process
        self._log = log

    def last_words(self) -> str:
        """The last line that it said."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"


@contextlib.contextmanager
def _child(name: str, command: list[str], env: dict[str, str]) -> Iterator[_Child]:
    with tempfile.TemporaryFile() as log:
        process = start_child(command, env=env, output=log)
        try:
            yield _Child(name, process, log)
        finally:
            stop_child(process, WORKER_PATIENCE_S)


async def _watch_children(*children: _Child) -> None:
    """Wait until one of them ends, which none should.

    Raises
    ------
    CommandFailedError
        Says which, and its last words.
    """
    while True:
        for child in children:
            code = child.process.poll()
            if code is not None:
                raise CommandFailedError(
                    f"the {child.name} ended with exit code {code}: {child.last_words()}",
                    "run it again",
                )
        await asyncio.sleep(DRAW_INTERVAL_S)


def _show(as_json: bool, board: Board) -> Show:
    if as_json:
        return JsonLines(board)
    return Screen(board) if sys.stdout.isatty() else PlainLines(board)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
