"""One round: a fresh installation under simulated traffic, a fault of one kind, and the verdict."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import msgspec
from aiokafka.errors import KafkaError

from stream.clock import instant_ms
from stream.shell.connection import new_admin
from tests.kafka.broker import Broker
from tests.kafka.cluster import Cluster
from tests.kafka.faults.evidence import folder_of, keep
from tests.kafka.faults.proxy import Proxy
from tests.kafka.faults.verdict import Verdict, judge
from tests.kafka.installation import WorkerProcess, until
from tests.kafka.pipeline import Pipeline
from tests.kafka.weeks import simulated

SESSION_MS = 3_000
TRAFFIC_S = 5.0
"""A simulated week passes in so long, usually."""

CUSTOMERS = 60
WEEK_END_MS = instant_ms("2026-11-02T00:00:00Z")
READY_S = 120.0
"""For a worker's start on a machine that has much else to do."""

SUPERVISE_S = 0.2
LIVENESS_S = 90.0
"""When all faults are over, everything has been folded after so long."""


class Round:
    """What a fault may touch.

    `times` takes what a fault measures, in seconds; `notes` what it wants to be seen to have done.
    """

    def __init__(self, broker: Broker | Cluster, proxy: Proxy, seed: int) -> None:
        self.broker = broker
        self.proxy = proxy
        self.random = Random(seed)
        self.shop = Pipeline(broker, session_timeout_ms=SESSION_MS)
        self.shop.variables["SHOAL_CLUSTER_INTERVAL_S"] = "1"
        self.workers: list[WorkerProcess] = []
        self.excused: set[int] = set()
        self.deaths = 0
        self.times: dict[str, float] = {}
        self.notes: list[str] = []
        self.verdict: Verdict | None = None
        self.stores: Path | None = None
        self.mounted: Path | None = None
        self._slots: dict[int, int] = {}

    async def start(self, count: int = 1, *, through_proxy: bool = False) -> list[WorkerProcess]:
        """Start workers and wait until they work."""
        variables = {"SHOAL_BROKER": self.proxy.address} if through_proxy else {}
        started = [self.launch(**variables) for _ in range(count)]
        for worker in started:
            await until(worker.is_ready, READY_S)
        return started

    def launch(self, **variables: str) -> WorkerProcess:
        """Start a worker; where rows are kept on disk, with the folder of one that has ended."""
        taken = {self._slots[worker.pid] for worker in self.workers if worker.is_alive}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        if self.stores is not None:
            folder = self.stores / f"worker-{slot}"
            variables |= {"SHOAL_STORE": "rocksdb", "SHOAL_STORE_DIR": str(folder)}
        worker = self.shop.work(**variables)
        self._slots[worker.pid] = slot
        self.workers.append(worker)
        return worker

    def folder_of(self, worker: WorkerProcess) -> Path:
        """Of its stores."""
        assert self.stores is not None
        return self.stores / f"worker-{self._slots[worker.pid]}"

    async def sent(self, share: float) -> None:
        """Wait until this share of the traffic has been sent, and a moment of the seed's."""
        await until(lambda: self.shop.sent_ratio >= share)
        await asyncio.sleep(self.random.uniform(0.0, 0.4))

    def pick(self) -> WorkerProcess:
        """One of the workers that are alive."""
        return self.random.choice([worker for worker in self.workers if worker.is_alive])

    def kill(self, worker: WorkerProcess) -> None:
        """SIGKILL."""
        self.excused.add(worker.pid)
        worker.signal(signal.SIGKILL)
        worker.wait()

    def terminate(self, worker: WorkerProcess) -> None:
        """SIGTERM; it must end in good order."""
        self.excused.add(worker.pid)
        code = worker.terminate()
        assert code == 0, f"SIGTERM ended it with {code}\n{worker.log[-2000:]}"

    async def refuses(self, reason: str, **variables: str) -> None:
        """Start a worker, and see it end by itself with a reason."""
        worker = self.shop.work(**variables)
        await until(lambda: not worker.is_alive, READY_S)
        code = worker.wait()
        assert code in {1, 2}, f"ended with {code}\n{worker.log[-2000:]}"
        assert reason in worker.log, f"did not say {reason!r}\n{worker.log[-2000:]}"
        assert "Traceback" not in worker.log, worker.log[-2000:]
        self.notes.append("refused")

    def note_if_said(self, words: str) -> None:
        """Note what a worker has said, where one has: not every moment of a fault leads there."""
        if any(words in worker.log for worker in self.workers):
            self.notes.append(words)

    async def supervise(self) -> None:
        """Start a worker anew when one has ended by itself, as Compose or systemd would."""
        while True:
            for worker in self.workers:
                if not worker.is_alive and worker.pid not in self.excused:
                    self.excused.add(worker.pid)
                    self.deaths += 1
                    self.launch()
                    break
            await asyncio.sleep(SUPERVISE_S)

    async def settle(self) -> None:
        """End all faults, and wait until everything has been folded."""
        self.proxy.heal()
        for worker in self.workers:
            if worker.is_alive:
                worker.signal(signal.SIGCONT)
        if not any(worker.is_alive for worker in self.workers):
            self.launch()
        begun_s = time.monotonic()
        async with asyncio.timeout(LIVENESS_S):
            await self.shop.until(self.shop.at_clock(WEEK_END_MS))
        self.times["caught up"] = time.monotonic() - begun_s


Act = Callable[[Round], Awaitable[None]]


class Kind(msgspec.Struct, frozen=True):
    """A kind of fault.

    act      does it, while the traffic runs; what it must leave behind it asserts
    workers  so many work before the traffic begins
    meaning  what is done, for the table
    proxied  so many of the workers reach the broker by the proxy
    before   done between the topics' creation and the first worker
    own_traffic  `act` sends its own, and waits for it
    is_final     nothing goes on after it: what was committed until then is judged
    on_disk      workers keep their rows in local stores, each in a folder of its own
    on_three     on three brokers with the settings of production, instead of one
    traffic_s    the simulated week passes in so long
    """

    name: str
    meaning: str
    act: Act
    workers: int = 2
    proxied: int = 0
    before: Act | None = None
    own_traffic: bool = False
    is_final: bool = False
    on_disk: bool = False
    on_three: bool = False
    traffic_s: float = TRAFFIC_S


class Outcome(msgspec.Struct):
    """What came of a round; `error` None where it went to its end.

    `kept` is the folder with what a red one has left, and None of a clean one.
    """

    kind: str
    seed: int
    verdict: Verdict
    seconds: float
    times: dict[str, float]
    deaths: int
    notes: list[str]
    error: str | None = None
    kept: str | None = None

    @property
    def is_clean(self) -> bool:
        return self.error is None and self.verdict.is_clean


async def run_round(kind: Kind, broker: Broker | Cluster, proxy: Proxy, seed: int) -> Outcome:
    """Run one round; it leaves the broker running, and nothing else."""
    began_s = time.monotonic()
    round_ = Round(broker, proxy, seed)
    folder = Path(tempfile.mkdtemp(prefix="shoal-stores-"))
    round_.stores = folder if kind.on_disk else None
    verdict, error, kept = Verdict(), None, None
    try:
        await _play(kind, round_, seed)
        verdict = round_.verdict or await judge(round_.shop, is_whole=not kind.is_final)
    except (AssertionError, KafkaError, TimeoutError, OSError) as caught:
        error = f"{type(caught).__name__}: {caught}\n{round_.shop.logs()}"
    finally:
        why = error or "\n".join(verdict.words())
        if why:
            kept = str(folder_of(kind.name, seed))
            clock_ms = None if kind.own_traffic or kind.is_final else WEEK_END_MS
            await keep(Path(kept), round_.shop, broker, why, clock_ms)
        proxy.heal()
        broker.resume()
        if not broker.is_running:
            broker.start()
        round_.shop.discard()
        _remove(folder, is_mounted=round_.mounted is not None)
        await _delete_topics(round_)
    return Outcome(
        kind=kind.name,
        seed=seed,
        verdict=verdict,
        seconds=time.monotonic() - began_s,
        times=round_.times,
        deaths=round_.deaths,
        notes=round_.notes,
        error=error,
        kept=kept,
    )


async def _play(kind: Kind, round_: Round, seed: int) -> None:
    shop = round_.shop
    await shop.create()
    if kind.before is not None:
        await kind.before(round_)
    await round_.start(kind.proxied, through_proxy=True)
    await round_.start(kind.workers - kind.proxied)
    tasks = [asyncio.create_task(round_.supervise())]
    try:
        if kind.own_traffic:
            await kind.act(round_)
        else:
            sending = shop.send_keyed(
                simulated(seed, CUSTOMERS, WEEK_END_MS), history_ends=True, over_s=kind.traffic_s
            )
            tasks.append(asyncio.create_task(sending))
            await kind.act(round_)
            if not kind.is_final:
                await tasks[-1]
                await round_.settle()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    shop.stop_workers()


def _remove(folder: Path, *, is_mounted: bool) -> None:
    if is_mounted:
        subprocess.run(["umount", str(folder)], check=True, timeout=10)
    shutil.rmtree(folder, ignore_errors=True)


async def _delete_topics(round_: Round) -> None:
    """Leave no partitions behind: a broker that is killed looks through all of them."""
    settings = round_.shop.settings
    admin = new_admin(settings)
    await admin.start()
    try:
        mine = [t for t in await admin.list_topics() if t.startswith(settings.topic_prefix)]
        if mine:
            await admin.delete_topics(mine)
    finally:
        await admin.close()
