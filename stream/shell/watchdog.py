"""Ends a worker that has silently stopped working.

Consumers of Kafka are known to go quiet without dying. What counts is progress: polls that come
back, fetches that are answered, partitions that are read on, owners and a time-keeper that get on
with what they have. A thread watches the
event loop itself, which cannot report its own standstill.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable

from stream.shell.group import Group

CHECK_INTERVAL_S = 1.0
EXIT_STALLED = 70
"""sysexits' "internal software error": the process ends because it stands still."""

UNREADY_S = 10.0
"""A batch takes a second at most where brokers answer."""


class StalledError(RuntimeError):
    """The worker makes no progress; says where."""


class Watchdog:
    """Looks after one worker.

    Parameters
    ----------
    stall_s
        Without progress for so long something is broken.
    answered_s
        When the last fetch was answered, on the monotonic clock; negative: none yet.
    stuck
        Partitions that are not read on, each a sentence; see `Lookout`.
    """

    def __init__(
        self,
        group: Group,
        stall_s: float,
        answered_s: Callable[[], float],
        observe_lag: Callable[[float], None],
        stuck: Callable[[], list[str]],
    ) -> None:
        self._group = group
        self._stall_s = stall_s
        self._answered_s = answered_s
        self._observe_lag = observe_lag
        self._stuck = stuck
        self._started_s = time.monotonic()
        self._assigned_s = self._started_s
        self._unwanted_s = self._started_s
        self._beat_s = self._started_s
        self._ended = threading.Event()

    async def run(self) -> None:
        """Watch until cancelled.

        Raises
        ------
        StalledError
            Something has made no progress for `stall_s`.
        """
        thread = threading.Thread(target=self._watch_the_loop, name="watchdog", daemon=True)
        thread.start()
        try:
            while True:
                before_s = time.monotonic()
                await asyncio.sleep(CHECK_INTERVAL_S)
                self._beat_s = time.monotonic()
                self._observe_lag(self._beat_s - before_s - CHECK_INTERVAL_S)
                causes = self.stalled()
                if causes:
                    raise StalledError(
                        f"no progress for {self._stall_s:.0f} s: {'; '.join(causes)}; look at the "
                        f"broker, then start the worker again"
                    )
        finally:
            self._ended.set()

    def stalled(self) -> list[str]:
        """What stands still now, and has for so long that something is broken."""
        return self.standing(self._stall_s) + self._stuck()

    def unready(self) -> list[str]:
        """What has stood still for longer than any batch takes: brokers are away, say."""
        return [f"{what}, for {UNREADY_S:.0f} s now" for what in self.standing(UNREADY_S)]

    def standing(self, for_s: float) -> list[str]:
        """What has made no progress for so long."""
        now_s = time.monotonic()
        group = self._group
        if group.is_assigned:
            self._assigned_s = now_s
        checks = {"the group has dealt nothing": self._assigned_s}
        if not group.wanted():
            # Nothing to fetch: a standby, or everything is being restored or has full backlogs.
            self._unwanted_s = now_s
        if group.keeper is not None:
            checks["the clock does not get on"] = group.keeper.progressed_s
        if group.is_assigned:
            checks["the consumer's loop stands still"] = group.polled_s
            checks["no fetch was answered"] = max(self._answered_s(), self._unwanted_s)
            for partition, owner in group.owners.items():
                checks[f"partition {partition} does not get on"] = owner.progressed_s
        return [what for what, since_s in checks.items() if now_s - since_s > for_s]

    def _watch_the_loop(self) -> None:
        while not self._ended.wait(CHECK_INTERVAL_S):
            if time.monotonic() - self._beat_s > self._stall_s:
                sys.stderr.write(
                    f"shoal worker: the event loop has been blocked for {self._stall_s:.0f} s; "
                    f"ending. Where it stands:\n"
                )
                faulthandler.dump_traceback(sys.stderr)
                os._exit(EXIT_STALLED)
