"""`shoal worker --processes N`: the parent of several workers on one machine."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from stream.cli.failure import CommandFailedError
from stream.shell.child import start_child
from stream.shell.cores import usable_cores
from stream.shell.http_tokens import HttpTokens
from stream.shell.process_metrics import ProcessMetrics
from stream.shell.process_pages import ProcessPages
from stream.shell.processes import Patience, Processes, ProcessesFailedError, say_on_stderr
from stream.shell.settings import SettingError, Settings

AUTO = 0
"""As many as there are cores for; see `usable_cores`."""

logger = logging.getLogger(__name__)


def processes_wanted(text: str) -> int:
    """Read the option's value: a number from 1, or `auto`.

    >>> processes_wanted("4"), processes_wanted("auto") == AUTO
    (4, True)
    """
    if text == "auto":
        return AUTO
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is neither a number from 1 nor auto")
    return int(text)


def run_processes(settings: Settings, wanted: int) -> int:
    """Keep so many workers at work until SIGTERM or SIGINT.

    Raises
    ------
    CommandFailedError
        One keeps dying, or did not end in good order; or more were wanted than can have work.
    """
    count = count_processes(wanted, settings.partitions, usable_cores())
    try:
        with tempfile.TemporaryDirectory(prefix="shoal-") as folder:
            asyncio.run(_run(settings, count, Path(folder)))
    except ProcessesFailedError as error:
        then = "nothing uncommitted counts; correct the cause and start it again"
        raise CommandFailedError(str(error), then, error.exit_code) from error
    except SettingError as error:
        raise CommandFailedError(str(error), "then start the worker again") from error
    logger.info("%d processes have ended in good order", count)
    return 0


def count_processes(wanted: int, partitions: int, cores: int) -> int:
    """How many processes to start: each needs a partition of its own to have work.

    Raises
    ------
    CommandFailedError
        More were asked for than there are partitions.
    """
    if wanted > partitions:
        raise CommandFailedError(
            f"--processes {wanted}: there are {partitions} partitions, and one process at a time "
            f"works on each, so that {wanted - partitions} would stand idle",
            f"use at most {partitions} on all machines together, or make the next installation "
            "with more SHOAL_PARTITIONS",
            2,
        )
    if wanted != AUTO:
        return wanted
    if cores > partitions:
        logger.warning("%d cores, but %d partitions: as many processes, the other cores are left",
                       cores, partitions)  # fmt: skip
    return min(cores, partitions)


async def _run(settings: Settings, count: int, folder: Path) -> None:
    sockets = [folder / str(number) for number in range(count)]

    def start(number: int) -> subprocess.Popen[bytes]:
        # A socket that a killed process has left behind is replaced by its successor's.
        env = {**os.environ, "SHOAL_HTTP_SOCKET": str(sockets[number])}
        if settings.store_folder is not None:
            env["SHOAL_STORE_DIR"] = str(settings.store_folder / f"process-{number}")
        return start_child(_command(settings), env=env, output=subprocess.PIPE)

    metrics = ProcessMetrics()
    patience = Patience(silent=2 * settings.stall_s)
    processes = Processes(count, start, say_on_stderr, patience, metrics)
    address = settings.http_host, settings.http_port
    tokens = None if settings.http_tokens is None else HttpTokens(settings.http_tokens)
    pages = ProcessPages(address, sockets, metrics.registry, processes.absence, tokens)
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, processes.stop)
    async with contextlib.AsyncExitStack() as stack:
        await pages.start()
        stack.push_async_callback(pages.stop)
        logger.info("%d processes; health and metrics on %s", count, pages.url)
        await processes.run(pages.answers)


def _command(settings: Settings) -> list[str]:
    """A worker as if it had been started alone; the environment has the other settings."""
    words = [sys.executable, "-m", "stream.cli.main", "worker"]
    if settings.segments is not None:
        words += ["--segments", str(settings.segments)]
    if settings.create_topics:
        words += ["--create-topics"]
    return words
