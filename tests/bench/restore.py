"""How fast a worker takes its rows back from the changelog."""

from __future__ import annotations

import msgspec

from tests.bench import musts
from tests.bench.report import Figure
from tests.bench.state import Shop
from tests.bench.worker import Worker

NAME = "restore"


class Restored(msgspec.Struct, frozen=True):
    """One start of a worker with rows, less that of an empty one."""

    rows: int
    seconds: float
    cpu_s: float


async def measure(shop: Shop, worker: Worker) -> Restored:
    """Wait until a worker that has just been started is ready; what the rows took of that."""
    seconds = await worker.ready_s() - shop.empty_s
    cpu_s = worker.cpu_s() - shop.empty_cpu_s
    rows = int((await worker.metrics())["shoal_restore_rows_total"])
    return Restored(rows, seconds, cpu_s)


def figure(shop: Shop, runs: list[Restored]) -> Figure:
    """The best run counts."""
    best = min(runs, key=lambda run: run.seconds / run.rows)
    return Figure(
        section=NAME,
        name=musts.RESTORE,
        does="rows from the changelog to a worker that is ready, less the start of an empty one",
        unit="rows/s",
        value=best.rows / best.seconds,
        runs=[run.rows / run.seconds for run in runs],
        cpu_us=best.cpu_s / best.rows * 1e6,
        facts={
            "rows read, superseded ones too": best.rows,
            "customers": shop.rows,
            "s for the rows": best.seconds,
            "s of an empty worker's start": shop.empty_s,
        },
    )
