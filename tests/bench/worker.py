"""A worker as a child process: started, waited for, and asked for its memory, CPU and metrics."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.bench.contenders import WORKER, Bench, measured_process
from tests.bench.log import PARTITIONS
from tests.bench.machine import cpu_s
from tests.bench.watch import Child, ContenderFailedError

READY_WITHIN_S = 240.0
POLL_S = 0.02
ANSWER_WITHIN_S = 30.0


@dataclass
class Worker:
    """A running worker; `started_s` by the machine's clock."""

    child: Child
    port: int
    started_s: float

    @property
    def pid(self) -> int:
        return self.child.process.pid

    def cpu_s(self) -> float:
        """CPU seconds so far; 0 where there is no /proc."""
        return cpu_s(self.pid) or 0.0

    def memory_mb(self) -> tuple[float, float]:
        """Resident now, and the most that it has been, in MB of 10^6 bytes.

        Raises
        ------
        ContenderFailedError
            This system does not say, or the worker is gone.
        """
        try:
            text = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            raise ContenderFailedError("its memory cannot be read", self.child.log) from None
        found = {
            line.split(":")[0]: int(line.split()[1]) * 1024 / 1e6
            for line in text.splitlines()
            if line.startswith(("VmRSS:", "VmHWM:"))
        }
        return found["VmRSS"], found["VmHWM"]

    async def ready_s(self) -> float:
        """Wait until it works on its partitions; seconds since its start.

        Raises
        ------
        ContenderFailedError
            It has ended, or is not ready in time.
        """
        deadline_s = self.started_s + READY_WITHIN_S
        async with aiohttp.ClientSession() as session:
            while time.time() < deadline_s:
                self.require_alive()
                try:
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                        if answer.status == 200:
                            return time.time() - self.started_s
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(POLL_S)
        raise ContenderFailedError(f"not ready within {READY_WITHIN_S:.0f} s", self.child.log)

    async def metrics(self) -> dict[str, float]:
        """What it counts: each series of `/metrics`, and the sum of each name's series."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            url = f"http://127.0.0.1:{self.port}/metrics"
            async with session.get(url) as answer:
                return parse_metrics(await answer.text())

    def require_alive(self) -> None:
        if self.child.process.poll() is not None:
            raise ContenderFailedError(f"ended with {self.child.process.poll()}", self.child.log)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within the block it stands still: it neither reads nor uses CPU."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@asynccontextmanager
async def running_worker(
    bench: Bench, app: str, settings: dict[str, str] | None = None, name: str | None = None
) -> AsyncIterator[Worker]:
    """A worker on the measured core, from its start on; ended in good order with the block.

    `name` tells workers of one app apart.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        "SHOAL_BROKER": bench.broker,
        "SHOAL_APP": app,
        "SHOAL_PARTITIONS": str(PARTITIONS),
        "SHOAL_HTTP_PORT": str(port),
        **(settings or {}),
    }
    started_s = time.time()
    with measured_process(bench, name or app, WORKER, env) as child:
        yield Worker(child, port, started_s)


def parse_metrics(text: str) -> dict[str, float]:
    """Prometheus text as a dictionary.

    >>> parse_metrics('# HELP a b\\na_total{at="raw"} 3.0\\na_total{at="log"} 4.0\\n')
    {'a_total{at="raw"}': 3.0, 'a_total': 7.0, 'a_total{at="log"}': 4.0}
    """
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        series, _, value = line.rpartition(" ")
        name = series.partition("{")[0]
        if name != series:
            found[series] = float(value)
        found[name] = found.get(name, 0.0) + float(value)
    return found
