"""The sections about workers that hold many customers: they share one shop, grown step by step."""

from __future__ import annotations

import asyncio

from tests.bench import memory, musts, restore, stored, timers
from tests.bench.contenders import Bench
from tests.bench.parts import FAILURES, Context, Measured, Section, running_broker
from tests.bench.report import Figure, unmeasured
from tests.bench.state import SIMULATED, Shop, new_shop

NAME = "holding"
PARTS = (memory.NAME, restore.NAME, timers.NAME)

NOTE = (
    f"memory, restore, timers: {SIMULATED:,} simulated customers' rows after a week of the default "
    "mix (about one row in three is the address of an anonymous id that has logged in), each "
    "copied under further ids; the worker has 4 partitions, and its clusters learn."
)


def run(context: Context, parts: list[str]) -> Measured:
    """Measure the wanted ones of memory, restore and timers."""
    with running_broker(context.cores) as bench:
        return Measured(asyncio.run(_measured(context, bench, parts)), NOTE)


async def _measured(context: Context, bench: Bench, parts: list[str]) -> list[Figure]:
    context.tell("making a shop")
    shop = await new_shop(bench, context.options)
    figures: list[Figure] = []
    if memory.NAME in parts or restore.NAME in parts:
        figures += await _held(context, shop, parts)
    if timers.NAME in parts:
        try:
            await shop.grow(shop.rows_for_timers(context.options.timers))
            context.tell(f"timers of {shop.rows:,} customers")
            figures += await timers.measure(context, shop)
        except FAILURES as error:
            figures.append(unmeasured(timers.NAME, "timer due to change", str(error), "ms"))
    if context.options.stored and {memory.NAME, restore.NAME} & set(parts):
        try:
            await shop.grow(max(shop.rows, context.options.stored))
            context.tell(f"workers with {shop.rows:,} customers on disk")
            figures += await stored.measure(context, shop, parts)
        except FAILURES as error:
            figures.append(unmeasured(restore.NAME, musts.RESTORE_STORE, str(error), "rows/s"))
    return figures


async def _held(context: Context, shop: Shop, parts: list[str]) -> list[Figure]:
    """Memory at each number of customers, and restore at the last."""
    sizes = context.options.rows if memory.NAME in parts else context.options.rows[-1:]
    held: list[memory.Held] = []
    restored: list[restore.Restored] = []
    figures: list[Figure] = []
    try:
        for size in sizes:
            await shop.grow(size)
            context.tell(f"a worker with {shop.rows:,} customers")
            async with shop.worker() as worker:
                restored.append(await restore.measure(shop, worker))
                if memory.NAME in parts:
                    held.append(await memory.measure(context, shop, worker, size))
        if restore.NAME in parts:
            restored = restored[-1:]
            while len(restored) < context.options.runs:
                async with shop.worker() as worker:
                    restored.append(await restore.measure(shop, worker))
    except FAILURES as error:
        return [
            unmeasured(part, part, str(error))
            for part in (memory.NAME, restore.NAME)
            if part in parts
        ]
    if memory.NAME in parts:
        figures += memory.figures(shop, held)
    if restore.NAME in parts:
        figures.append(restore.figure(shop, restored))
    return figures


SECTION = Section(NAME, PARTS, run)
