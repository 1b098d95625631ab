"""An event loop whose time passes only when nobody has anything to do, and a clock that goes by it.

What waits is woken in the order of its time, so a minute takes as long as what is done in it, and
two runs of the same coroutines do the same things at the same instants.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

BEGIN_S = 1_000.0
"""What the monotonic clock shows at first: not 0, which programs take for "never"."""


STEP_S = 1e-6
"""What is done takes at least that. Otherwise who sleeps for what is left by the last bits of a sum
would wake at the same instant again, for ever."""


class DeadlockError(AssertionError):
    """Everybody waits, and nothing will ever happen."""


class _Selector(selectors.SelectSelector):
    """Waits for no file; time passes instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = BEGIN_S

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise DeadlockError("everybody waits, and nothing will ever happen")
        self.now_s += max(STEP_S, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs in virtual time; what asks for a thread is done at once, in this one."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        # Two sums of the same waits may differ by their last bits.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._virtual.now_s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 it belongs to whoever waits for it
            done.set_exception(error)
        return done


@contextmanager
def _clocks(loop: VirtualLoop, epoch_ms: int) -> Iterator[None]:
    monotonic, wall = time.monotonic, time.time
    time.monotonic = loop.time
    time.time = lambda: epoch_ms / 1000 + loop.time() - BEGIN_S
    try:
        yield
    finally:
        time.monotonic, time.time = monotonic, wall


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]], epoch_ms: int) -> T:
    """Run `main` to its end; for all that time, clocks show virtual time from `epoch_ms` on."""
    loop = VirtualLoop()
    # When a collection comes depends on what was run before; none comes in the middle of a run.
    gc.disable()
    try:
        with _clocks(loop, epoch_ms):
            task = loop.create_task(main(loop))
            try:
                return loop.run_until_complete(task)
            finally:
                _end_all(loop)
    finally:
        gc.enable()
        loop.close()


def _end_all(loop: VirtualLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
