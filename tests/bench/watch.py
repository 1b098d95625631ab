"""Watches a consumer group work: samples of its committed offsets, from outside.

Everybody is measured by the same thing, what the group has committed on the broker, and by the
CPU time that the kernel has counted for the process. Times are those of the clock that the broker
uses too.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError

from tests.bench.machine import Cores, cpu_s, peak_mb
from tests.bench.rates import Sample

INTERVAL_S = 0.05
"""Between samples. One costs the broker and this process about a millisecond each."""

SILENCE_MAX_S = 60.0
"""A group that commits nothing for so long is stuck."""

Offsets = dict[TopicPartition, int]
Done = Callable[[Offsets], Awaitable[bool]]


class ContenderFailedError(RuntimeError):
    """A contender ended, or got stuck; the message has the last line and the end of its log."""

    def __init__(self, what: str, log: Path) -> None:
        words = log.read_text(errors="replace")[-2_000:] if log.exists() else "no log"
        last = (words.strip().splitlines() or ["an empty log"])[-1]
        super().__init__(f"{what}: {last}; {log}: {words}")


@dataclass(frozen=True)
class Child:
    """A measured process, and the file with what it says."""

    process: subprocess.Popen[bytes]
    log: Path


class Watcher:
    """Takes samples of one process, whose group's committed offsets of `topic` count."""

    def __init__(
        self,
        admin: AIOKafkaAdminClient,
        group: str,
        topic: str,
        child: Child,
        cores: Cores,
    ) -> None:
        self.samples: list[Sample] = []
        self._admin = admin
        self._group = group
        self._topic = topic
        self._child = child
        self._cores = cores

    async def until(self, done: Done, time_max_s: float) -> bool:
        """Sample until `done` says so of the committed offsets, or so long after the first.

        Returns
        -------
        bool
            Whether it was done in time.

        Raises
        ------
        ContenderFailedError
            The process has ended, or has committed nothing for a minute.
        """
        progress_s = time.time()
        first_commit_s: float | None = None
        events = 0
        while True:
            offsets = await self._offsets()
            now = self._sample(offsets)
            self.samples.append(now)
            if now.events > events:
                events, progress_s = now.events, now.time_s
                first_commit_s = first_commit_s or now.time_s
            if await done(offsets):
                return True
            if first_commit_s is not None and now.time_s - first_commit_s > time_max_s:
                return False
            process, log = self._child.process, self._child.log
            if process.poll() is not None:
                raise ContenderFailedError(f"ended with {process.returncode}", log)
            if now.time_s - progress_s > SILENCE_MAX_S:
                raise ContenderFailedError(f"stuck after {events:,} events", log)
            await asyncio.sleep(INTERVAL_S)

    async def _offsets(self) -> Offsets:
        try:
            found = await self._admin.list_consumer_group_offsets(self._group)
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            # The very first group on a broker has no coordinator for a moment.
            return {}
        return {place: max(0, entry.offset) for place, entry in found.items()}

    def facts(self) -> dict[str, float]:
        """What else there is to say of the run, before its process ends."""
        facts = {"read": float(self.samples[-1].events)}
        peak = peak_mb(self._child.process.pid)
        return facts if peak is None else {**facts, "peak MB": peak}

    def _sample(self, offsets: Offsets) -> Sample:
        events = _committed(offsets, self._topic)
        used_s = cpu_s(self._child.process.pid)
        return Sample(time.time(), events, used_s, self._cores.busy_s())


def _committed(offsets: Offsets, topic: str) -> int:
    return sum(offset for place, offset in offsets.items() if place.topic == topic)


def all_read(topic: str, events: int) -> Done:
    """Done when the group has committed so many records of the topic."""

    async def done(offsets: Offsets) -> bool:
        return _committed(offsets, topic) >= events

    return done
