"""Faults of workers: killed, ended, frozen, joined, starved of memory and descriptors."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

from stream.clock import HOUR_MS
from tests.kafka.faults.round import SESSION_MS, WEEK_END_MS, Kind, Round
from tests.kafka.installation import WorkerProcess, event

ZOMBIE_S = SESSION_MS / 1000 + 1.5
"""Frozen for so long: the session has ended, and its partitions have been dealt to another."""

SPARE_BYTES = 256 << 10
"""Of address space that a starved worker may still take."""

LARGE_EVENTS, LARGE_BYTES = 1_500, 30_000
"""45 MB, of which a worker with all partitions fetches what its backlogs take."""


SLOW_S = 0.02
"""Of delay for each answer and request: a transaction then takes a tenth of a second."""

STARVED_S = SESSION_MS / 1000 + 2.0
"""For the group to deal the partitions of the other one to it."""


async def kill(round_: Round) -> None:
    """One of two is killed; the other one takes over, and a new one joins."""
    await round_.sent(round_.random.uniform(0.1, 0.6))
    round_.kill(round_.pick())
    await round_.start()


async def kill_all(round_: Round) -> None:
    """All are killed at once, twice."""
    for share in (0.2, 0.6):
        await round_.sent(share)
        for worker in [w for w in round_.workers if w.is_alive]:
            worker.signal(signal.SIGKILL)
        for worker in [w for w in round_.workers if w.pid not in round_.excused]:
            round_.kill(worker)
        round_.launch()
        round_.launch()
        await round_.sent(share + 0.2)


async def terminate(round_: Round) -> None:
    """One of two is asked to end, another one comes, the first of the others ends as well."""
    await round_.sent(round_.random.uniform(0.1, 0.4))
    round_.terminate(round_.pick())
    await round_.start()
    round_.terminate(round_.pick())


async def freeze(round_: Round) -> None:
    """One is frozen beyond its session, and wakes up as a zombie that its successor shut out.

    On a slow network, where most moments are within a transaction.
    """
    round_.proxy.slow(SLOW_S)
    await round_.sent(round_.random.uniform(0.1, 0.5))
    zombie = round_.pick()
    zombie.signal(signal.SIGSTOP)
    await asyncio.sleep(ZOMBIE_S)
    zombie.signal(signal.SIGCONT)
    await round_.sent(0.9)
    round_.note_if_said("somebody else's now")


async def blink(round_: Round) -> None:
    """Workers are frozen for less than their session, again and again."""
    for _ in range(6):
        await round_.sent(0.05)
        worker = round_.pick()
        worker.signal(signal.SIGSTOP)
        await asyncio.sleep(round_.random.uniform(0.2, SESSION_MS / 1500))
        worker.signal(signal.SIGCONT)


async def scale(round_: Round) -> None:
    """One worker, then three, then two, under load."""
    await round_.sent(0.1)
    await round_.start(2)
    await round_.sent(0.5)
    round_.terminate(round_.pick())


async def starve_memory(round_: Round) -> None:
    """One may take no more memory: it ends with a reason, or goes on; nothing counts by half."""
    await round_.sent(round_.random.uniform(0.1, 0.4))
    victim = round_.pick()
    _limit(victim, resource.RLIMIT_AS, _address_space(victim) + SPARE_BYTES)
    await round_.shop.send("events", _large_events())
    # Whoever takes over a partition needs more than it has.
    others = [w for w in round_.workers if w is not victim]
    round_.kill(others[0])
    await round_.sent(0.9)
    await asyncio.sleep(STARVED_S)
    round_.note_if_said("MemoryError")
    await round_.start()
    if victim.is_alive:
        round_.kill(victim)


async def starve_descriptors(round_: Round) -> None:
    """One may open no more connections, and loses those that it has."""
    await round_.sent(round_.random.uniform(0.1, 0.4))
    victim = round_.workers[0]
    _limit(victim, resource.RLIMIT_NOFILE, _open_count(victim))
    round_.proxy.reset()
    await round_.sent(0.9)
    round_.note_if_said("Too many open files")
    if victim.is_alive:
        round_.kill(victim)


def _large_events() -> Iterator[bytes]:
    """Of the week's last hour: they wait in memory until the clock has come there."""
    padded = b'"properties": {"pad": "' + b"x" * LARGE_BYTES + b'", '
    for number in range(LARGE_EVENTS):
        plain = event(f"large-{number}", number, WEEK_END_MS - HOUR_MS)
        yield plain.replace(b'"properties": {', padded)


def _address_space(worker: WorkerProcess) -> int:
    status = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
    sizes_kb = [int(line.split()[1]) for line in status.splitlines() if "VmSize" in line]
    return sizes_kb[0] * 1024


def _open_count(worker: WorkerProcess) -> int:
    return len(list(Path(f"/proc/{worker.pid}/fd").iterdir()))


def _limit(worker: WorkerProcess, what: int, value: int) -> None:
    _, hard = resource.prlimit(worker.pid, what)
    resource.prlimit(worker.pid, what, (value, hard))


KINDS = (
    Kind("kill", "SIGKILL of one of two workers, another joins", kill),
    Kind("kill all", "SIGKILL of all workers at once, twice", kill_all),
    Kind("terminate", "SIGTERM of a worker, another joins, SIGTERM of one more", terminate),
    Kind("freeze", "SIGSTOP beyond the session timeout, then SIGCONT", freeze, proxied=2),
    Kind("blink", "SIGSTOP for less than the session timeout, six times", blink),
    Kind("scale", "1 to 3 to 2 workers", scale, workers=1),
    Kind("memory", "no more memory for one worker, SIGKILL of the other", starve_memory),
    Kind(
        "descriptors",
        "no more file descriptors, and connections reset",
        starve_descriptors,
        proxied=1,
    ),
)
