"""The machine of a process: it is slow now and then, it is paused, it dies.

Whatever a process asks of the broker goes through `act`, which is where it is struck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from tests.simulation.chaos.fault_plan import (
    CRASH_AFTER,
    CRASH_BEFORE,
    PAUSE,
    FaultPlan,
)

LATENCY_S = 0.004
"""Of an answer of the broker, at most."""

PAUSE_MIN_S, PAUSE_MAX_S = 0.3, 14.0
"""Around the session time-out of 3 s and the transactions' of 10 s, on both sides."""


class Machine:
    """One process's life.

    Parameters
    ----------
    died
        Hears once that it is dead.
    """

    def __init__(self, random: Random, plan: FaultPlan, died: Callable[[], None]) -> None:
        self.random = random
        self.plan = plan
        self.is_dead = False
        self._died = died
        self._runs = asyncio.Event()
        self._runs.set()

    @property
    def is_paused(self) -> bool:
        return not self._runs.is_set()

    async def alive(self) -> None:
        """Wait while the process is paused; for ever when it is dead."""
        while self.is_dead or self.is_paused:
            if self.is_dead:
                await asyncio.get_running_loop().create_future()
            await self._runs.wait()

    async def act(self, fitting: tuple[str, ...]) -> str | None:
        """Wait for one's turn with an effect; the fault that comes with it, if it is one later."""
        await self.alive()
        wait_s = self.random.uniform(-LATENCY_S, LATENCY_S)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
            await self.alive()
        kind = self.plan.strike(fitting)
        if kind == PAUSE:
            self.pause(self.random.uniform(PAUSE_MIN_S, PAUSE_MAX_S))
            await self.alive()
        elif kind == CRASH_BEFORE:
            await self.crash()
        return kind

    async def after(self, kind: str | None) -> None:
        """Be struck after the effect, where that is the fault."""
        if kind == CRASH_AFTER:
            await self.crash()

    def pause(self, seconds: float) -> None:
        self._runs.clear()
        asyncio.get_running_loop().call_later(seconds, self._runs.set)

    def wake(self) -> None:
        self._runs.set()

    def die(self) -> None:
        """End at once: nothing that it does from now on reaches anybody."""
        if not self.is_dead:
            self.is_dead = True
            self._died()

    async def crash(self) -> None:
        self.die()
        await self.alive()
