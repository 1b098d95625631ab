"""Several processes of one program on one machine: started, watched, restarted, ended together.

The parent does no work of its own. A child that dies is started again after a pause that doubles;
one that keeps dying ends them all, for then something is wrong that a restart does not mend. Each
child starts fresh, as a program: a fork would copy threads, locks and open connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stream.shell.process_metrics import ProcessMetrics

EXIT_USAGE = 2
"""Called wrongly: starting it again in the same way would end in the same way."""

LINE_BYTES_MAX = 16 << 10
"""A longer line of a child's log is cut into several."""

LAST_WORDS_MAX = 300

logger = logging.getLogger(__name__)


class ProcessesFailedError(RuntimeError):
    """They have ended, and nobody had asked for it; or not as they should. Says which and why.

    `exit_code` is 2 where one says that it was called wrongly, else 1.
    """

    def __init__(self, cause: str, exit_code: int = 1) -> None:
        super().__init__(cause)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long things may take, in seconds, and how often they may fail.

    stop          from SIGTERM to SIGKILL; a worker itself gives up a batch that hangs after 30 s
    pause, pause_max  before a child is started again: the first, doubled each time up to the last
    steady        who has lived so long begins to count anew when it dies
    deaths_max    in a row, none of them after a steady life
    silent        a child that answers nothing for so long is killed; its own watchdog comes first
    probe         between two questions whether it answers
    """

    stop: float = 30.0
    pause: float = 1.0
    pause_max: float = 30.0
    steady: float = 60.0
    deaths_max: int = 5
    silent: float = 240.0
    probe: float = 5.0

    def pause_after(self, deaths: int) -> float:
        """Seconds to wait after so many deaths in a row.

        >>> [Patience().pause_after(deaths) for deaths in (1, 2, 3, 9)]
        [1.0, 2.0, 4.0, 30.0]
        """
        return min(self.pause_max, self.pause * 2.0 ** (deaths - 1))


class Processes:
    """`count` children, kept alive until `stop`.

    Parameters
    ----------
    start
        Starts the child of that number, with a pipe for what it says.
    say
        Takes each line that a child writes, its newline included; called from threads.
    """

    def __init__(
        self,
        count: int,
        start: Callable[[int], subprocess.Popen[bytes]],
        say: Callable[[bytes], None],
        patience: Patience,
        metrics: ProcessMetrics,
    ) -> None:
        self._children = [_Child(number, start, say) for number in range(count)]
        self._patience = patience
        self._metrics = metrics
        for child in self._children:
            metrics.restarts.labels(child.label)  # from 0 on, or the first one would not be seen
        self._stopping = asyncio.Event()
        self._failure: ProcessesFailedError | None = None

    def stop(self) -> None:
        """Ask all to end in good order; `run` returns when they have."""
        self._stopping.set()

    def absence(self, number: int) -> str | None:
        """Why the child of that number is not there; None: it runs."""
        return self._children[number].absence

    async def run(self, answers: Callable[[int], Awaitable[bool]]) -> None:
        """Keep them running until `stop`; `answers` asks the child of that number if it is there.

        Raises
        ------
        ProcessesFailedError
            One kept dying, was called wrongly, or did not end in good order when asked to.
        OSError
            The program cannot be started.
        """
        keepers = [asyncio.create_task(self._keep(child)) for child in self._children]
        watchers = [asyncio.create_task(self._watch(child, answers)) for child in self._children]
        try:
            await asyncio.gather(*keepers)
        finally:
            for task in (*keepers, *watchers):
                task.cancel()
            await asyncio.gather(*keepers, *watchers, return_exceptions=True)
            for child in self._children:
                child.kill()
        if self._failure is not None:
            raise self._failure

    async def _keep(self, child: _Child) -> None:
        """One child's lives."""
        deaths, patience = 0, self._patience
        while not self._stopping.is_set():
            begun_s = time.monotonic()
            ended = child.start()
            self._metrics.up.labels(child.label).set(1)
            await _first(ended, self._stopping.wait())
            if not ended.done():
                await self._end(child, ended)
            self._metrics.up.labels(child.label).set(0)
            if self._stopping.is_set():
                self._require_good_end(child, ended.result())
                return
            deaths = 1 if time.monotonic() - begun_s >= patience.steady else deaths + 1
            pause_s = patience.pause_after(deaths)
            child.absence = f"it {_how(ended.result())} and starts again within {pause_s:.0f} s"
            if ended.result() == EXIT_USAGE or deaths >= patience.deaths_max:
                self._give_up(child, ended.result(), deaths)
                return
            logger.error("process %d %s: %s; starting it again in %.1f s",
                         child.number, _how(ended.result()), child.last_words, pause_s)  # fmt: skip
            await _first(self._stopping.wait(), asyncio.sleep(pause_s))
            if not self._stopping.is_set():
                self._metrics.restarts.labels(child.label).inc()

    async def _end(self, child: _Child, ended: asyncio.Future[int]) -> None:
        """SIGTERM, and SIGKILL when the patience is over."""
        child.signal(signal.SIGTERM)
        await _first(ended, asyncio.sleep(self._patience.stop))
        if not ended.done():
            self._fail(
                f"process {child.number} did not end within {self._patience.stop:.0f} s of SIGTERM "
                "and was killed; what it had not committed does not count"
            )
            child.kill()
            await ended

    async def _watch(self, child: _Child, answers: Callable[[int], Awaitable[bool]]) -> None:
        """Kill a child that is there and answers nothing, as one that is stopped or swapped out."""
        heard_s, life = time.monotonic(), child.life
        while True:
            await asyncio.sleep(self._patience.probe)
            if child.life != life or child.absence is not None or await _hears(answers, child):
                heard_s, life = time.monotonic(), child.life
            elif time.monotonic() - heard_s > self._patience.silent:
                logger.error("process %d has not answered for %.0f s and is killed",
                             child.number, self._patience.silent)  # fmt: skip
                child.kill()

    def _require_good_end(self, child: _Child, code: int) -> None:
        # By SIGTERM itself: it had not come so far as to have anything to finish.
        if code not in {0, -signal.SIGTERM}:
            self._fail(f"process {child.number} {_how(code)} when asked to end: {child.last_words}")

    def _give_up(self, child: _Child, code: int, deaths: int) -> None:
        times = f" {deaths} times in a row" if deaths > 1 else ""
        what = f"process {child.number} {_how(code)}{times}: {child.last_words}"
        self._fail(what, EXIT_USAGE if code == EXIT_USAGE else 1)
        logger.error("%s; ending the others", self._failure)
        self.stop()

    def _fail(self, cause: str, exit_code: int = 1) -> None:
        self._failure = self._failure or ProcessesFailedError(cause, exit_code)


async def _hears(answers: Callable[[int], Awaitable[bool]], child: _Child) -> bool:
    """Whether it answers; a question that fails is one without an answer."""
    try:
        return await answers(child.number)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are watched on
        logger.warning("process %d could not be asked: %r", child.number, error)
        return False


class _Child:
    """One child process at a time, with what it says."""

    def __init__(
        self,
        number: int,
        start: Callable[[int], subprocess.Popen[bytes]],
        say: Callable[[bytes], None],
    ) -> None:
        self.number = number
        self.label = str(number)
        self.absence: str | None = "it has not been started"
        self.life = 0
        self.last_words = "it said nothing"
        self._start = start
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> asyncio.Future[int]:
        """Start it; the future has its exit code, a signal's number negative."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()
        process = self._process = self._start(self.number)
        self.absence, self.last_words = None, "it said nothing"
        self.life += 1

        def settle(code: int) -> None:
            self.absence = "it has ended"
            if not ended.cancelled():
                ended.set_result(code)

        def attend() -> None:
            self._relay(process)
            code = process.wait()
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(settle, code)

        threading.Thread(target=attend, name=f"process-{self.number}", daemon=True).start()
        return ended

    def signal(self, number: int) -> None:
        """Send a signal, if it is still there."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, if it is still there."""
        self.signal(signal.SIGKILL)

    def _relay(self, process: subprocess.Popen[bytes]) -> None:
        """Pass on its lines, marked with its number, until it closes its end."""
        assert process.stdout is not None
        mark = f"process={self.number} ".encode()
        with process.stdout as lines:
            while line := lines.readline(LINE_BYTES_MAX):
                text = line.rstrip()
                self._say(mark + text + b"\n")
                if text:
                    self.last_words = text.decode(errors="replace")[-LAST_WORDS_MAX:]


def say_on_stderr(line: bytes) -> None:
    """Write a line in one piece, so that two writers' lines do not mix."""
    # Nobody may read it any more; a child that is not read from would stand still.
    with contextlib.suppress(OSError):
        os.write(2, line)


async def _first(*waits: Awaitable[object]) -> None:
    """Return when the first of them is done; the others are dropped, except futures."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task, wait in zip(tasks, waits, strict=True):
        if task is not wait:
            task.cancel()


def _how(code: int) -> str:
    """How it ended, in words.

    >>> _how(70), _how(-9)
    ('ended with exit code 70', 'was ended by SIGKILL')
    """
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"
