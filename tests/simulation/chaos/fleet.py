"""The workers and their group: who is in it, who has what, who comes and goes.

As a group coordinator has it: all members let go before any takes up; a member that says nothing
for the session time-out is out, and whoever was only paused comes back later and finds that its
partitions are somebody else's.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random

from stream.shell.owner import OwnerFailedError
from tests.simulation.chaos.worker_process import HEARTBEAT_S, WorkerProcess

SESSION_S = 3.0
RESTART_MIN_S, RESTART_MAX_S = 0.1, 4.0
WATCH_S = 0.25


class Fleet:
    """Keeps `wanted` workers going until it is told to stop.

    Parameters
    ----------
    start
        Makes a worker.
    """

    def __init__(
        self, random: Random, partitions: int, wanted: int, start: Callable[[], WorkerProcess]
    ) -> None:
        self._random = random
        self._partitions = partitions
        self._start = start
        self._generation = 0
        self._out: set[WorkerProcess] = set()
        self._silent_s: dict[WorkerProcess, float] = {}
        self._is_stale = True
        self._starting = 0
        self.wanted = wanted
        self.dealt: dict[int, WorkerProcess] = {}
        self.workers: list[WorkerProcess] = [start() for _ in range(wanted)]
        self.ended: list[WorkerProcess] = []
        self.happened: Counter[str] = Counter()

    async def run(self) -> None:
        """Watch the members and deal anew when that is due, until cancelled."""
        while True:
            self._look()
            if self._is_stale:
                self._is_stale = False
                await self._deal()
            await asyncio.sleep(WATCH_S)

    def change(self, wanted: int) -> None:
        """Let workers join, or leave in good order."""
        self.wanted = wanted

    def _look(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for worker in list(self.workers):
            machine = worker.machine
            if not (machine.is_dead or machine.is_paused):
                self._silent_s.pop(worker, None)
                if worker in self._out:
                    self._out.discard(worker)
                    self._is_stale = True
                    self.happened["zombie came back"] += 1
                continue
            since_s = self._silent_s.setdefault(worker, now_s)
            if now_s - since_s < SESSION_S - HEARTBEAT_S * self._random.random():
                continue
            if worker not in self._out:
                self._out.add(worker)
                self._is_stale = True
                self.happened["member lost its session"] += 1
            if machine.is_dead:
                self._bury(worker)
        for worker in self.workers:
            if worker.machine.is_dead and worker not in self.ended:
                self.ended.append(worker)
                self._starting += 1
                delay_s = self._random.uniform(RESTART_MIN_S, RESTART_MAX_S)
                asyncio.get_running_loop().call_later(delay_s, self._join_again)

    def _bury(self, worker: WorkerProcess) -> None:
        self.workers.remove(worker)
        self._out.discard(worker)
        self._silent_s.pop(worker, None)

    def _join_again(self) -> None:
        self._starting -= 1
        self.workers.append(self._start())
        self._is_stale = True

    async def _deal(self) -> None:
        """One rebalance."""
        await self._come_and_go()
        members = [w for w in self.workers if w not in self._out and not w.machine.is_dead]
        reachable = [w for w in members if not w.machine.is_paused]
        if not reachable or len(reachable) < len(members):
            # The group waits for who says nothing, up to the session's end.
            self._is_stale = True
            return
        self._generation += 1
        self.happened["rebalance"] += 1
        await self._all(members, lambda worker: worker.group.revoke())
        members = [w for w in members if not (w.machine.is_dead or w.machine.is_paused)]
        if not members:
            self._is_stale = True
            return
        order = self._random.sample(members, len(members))
        before = self.dealt
        self.dealt = {p: order[p % len(order)] for p in range(self._partitions)}
        self.happened["partition moved"] += sum(
            before.get(p, worker) is not worker for p, worker in self.dealt.items()
        )
        keeper = self._random.choice(members)
        generation = self._generation
        shares = {
            worker: {p for p, whose in self.dealt.items() if whose is worker} for worker in members
        }
        await self._all(
            members, lambda worker: worker.assign(shares[worker], worker is keeper, generation)
        )

    async def _come_and_go(self) -> None:
        living = [w for w in self.workers if not w.machine.is_dead]
        for _ in range(self.wanted - len(living) - self._starting):
            self.workers.append(self._start())
            self.happened["worker joined"] += 1
        leaving = [w for w in living if not w.machine.is_paused and w not in self._out]
        for worker in leaving[: max(0, len(living) - self.wanted)]:
            self.happened["worker left"] += 1
            await self._all([worker], WorkerProcess.stop)
            worker.machine.is_dead = True
            self.ended.append(worker)
            self._bury(worker)

    async def _all(self, members: list[WorkerProcess], step: Callable) -> None:
        """Let members do a step, no longer than the session lasts."""
        steps = [asyncio.ensure_future(step(worker)) for worker in members]
        done, late = await asyncio.wait(steps, timeout=SESSION_S)
        for each in done:
            each.result()
        for each in late:
            each.cancel()
        if late:
            self._is_stale = True

    def heal(self) -> None:
        """Wake whoever is paused."""
        for worker in self.workers:
            worker.machine.wake()

    def failures(self) -> list[BaseException]:
        """What workers died of by themselves, but for giving up a partition, which is their way."""
        found = [w.failure for w in (*self.ended, *self.workers) if w.failure is not None]
        self.happened["worker gave up"] += sum(isinstance(e, OwnerFailedError) for e in found)
        return [error for error in found if not isinstance(error, OwnerFailedError)]

    async def stop(self) -> None:
        """End all in good order."""
        for worker in self.workers:
            if not worker.machine.is_dead:
                await worker.stop()
