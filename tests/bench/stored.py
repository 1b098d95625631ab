"""Rows on disk: what a worker then holds in memory, and how it gets to them.

The first worker has an empty folder and reads the whole changelog into its stores, the second one
finds them. Both then work as in the part about rows in memory.
"""

from __future__ import annotations

import shutil

from tests.bench import memory, musts, restore
from tests.bench.parts import Context
from tests.bench.report import Figure
from tests.bench.state import APP, Shop
from tests.bench.worker import Worker, running_worker

CACHE_BYTES = 256 << 20
"""The setting's default."""


async def measure(context: Context, shop: Shop, parts: list[str]) -> list[Figure]:
    """Figures of workers whose rows are on disk, `shop.rows` of them."""
    folder = shop.bench.folder / "stores"
    settings = {
        "SHOAL_STORE": "rocksdb",
        "SHOAL_STORE_DIR": str(folder),
        "SHOAL_STORE_CACHE_BYTES": str(CACHE_BYTES),
    }
    figures: list[Figure] = []
    try:
        async with running_worker(shop.bench, APP, settings, "stored") as worker:
            filled = await restore.measure(shop, worker)
            if memory.NAME in parts:
                held = await memory.measure(context, shop, worker, shop.rows)
                figures.append(await _resident(context, shop, held, worker))
        if restore.NAME in parts:
            async with running_worker(shop.bench, APP, settings, "stored-again") as worker:
                found = await restore.measure(shop, worker)
            figures += [
                _rate(shop, musts.RESTORE_STORE, "from the changelog into empty stores", filled),
                _rate(
                    shop,
                    musts.RESTART_STORE,
                    "of a worker that finds its stores: what they lack, and their index",
                    restore.Restored(shop.rows, found.seconds, found.cpu_s),
                ),
            ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


async def _resident(context: Context, shop: Shop, held: memory.Held, worker: Worker) -> Figure:
    metrics = await worker.metrics()
    above_mb = held.worked_mb - shop.empty_mb
    return Figure(
        section=memory.NAME,
        name=musts.stored_name(context.options.stored),
        does=f"the same with rows on disk and {CACHE_BYTES >> 20} MiB of cache",
        unit="MB",
        value=held.worked_mb,
        facts={
            "customers": shop.rows,
            "MB when ready": held.ready_mb,
            "MB at most": held.peak_mb,
            "MB of an empty worker": shop.empty_mb,
            "MB of the stores' cache and buffers": metrics["shoal_store_memory_bytes"] / 1e6,
            "MB on disk": metrics["shoal_store_bytes"] / 1e6,
            "bytes a customer beside the cache": (
                (above_mb * 1e6 - metrics["shoal_store_memory_bytes"]) / shop.rows
            ),
        },
    )


def _rate(shop: Shop, name: str, does: str, run: restore.Restored) -> Figure:
    return Figure(
        section=restore.NAME,
        name=name,
        does=f"{does}; less the start of an empty worker",
        unit="rows/s",
        value=run.rows / run.seconds,
        cpu_us=run.cpu_s / run.rows * 1e6,
        facts={"customers": shop.rows, "s": run.seconds},
    )
