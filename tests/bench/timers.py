"""A timer's due time to its change, in a worker where very many timers are pending."""

from __future__ import annotations

from stream.clock import LATENESS_MS
from tests.bench import musts
from tests.bench.latency import figures_of, observe, timer_words
from tests.bench.parts import Context
from tests.bench.report import Figure
from tests.bench.state import Shop

NAME = "timers"
RATE = 500
"""Events a second of all customers meanwhile."""


async def measure(context: Context, shop: Shop) -> list[Figure]:
    """Start a worker on the shop, and let timers come due that are known."""
    async with shop.worker() as worker:
        await worker.ready_s()
        found = await observe(context, shop.bench, worker, RATE, max(1, shop.clones))
        metrics = await worker.metrics()
    shown = context.options.timers
    words = f"{timer_words()}; {RATE} events/s meanwhile"
    timers = figures_of(found.timers, "ms", lambda q: musts.timer_name(shown, q), words)
    events = figures_of(
        found.events,
        "ms",
        lambda q: f"event to change, {shown:,} pending, {q}",
        f"every event counts from when it was due, at {RATE} events/s",
    )
    for figure in (*timers, *events):
        figure.section = NAME
    for figure in timers:
        if figure.value is not None:
            figure.facts["ms beyond the lateness"] = figure.value - LATENESS_MS
    timers[-1].facts |= {
        **found.facts,
        "timers pending": metrics["shoal_timers_pending"],
        "customers": shop.rows,
        "versions announced": metrics.get("shoal_versions_announced_total", 0.0),
    }
    timers[-1].doubts = list(found.doubts)
    return [*timers, *events]
