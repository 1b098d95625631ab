"""How fast the simulator writes: it must not be what a benchmark measures."""

from __future__ import annotations

import resource
import time

import pytest

from stream.simulation.traffic import TrafficConfig, generate
from tests.simulation.month import MONDAY_MS


@pytest.mark.bench
@pytest.mark.parametrize("customers", [2_000, 20_000])
def test_events_a_second_on_one_core(customers: int):
    config = TrafficConfig(start_ms=MONDAY_MS, customers=customers)
    started_s = time.process_time()
    sizes = [len(event.value) for event in generate(config)]
    seconds = time.process_time() - started_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\n{customers:,} customers: {len(sizes):,} events, {sum(sizes) / len(sizes):,.0f} bytes, "
        f"{len(sizes) / seconds:,.0f} events/s of CPU time, peak {peak_mb:,.0f} MB"
    )
    assert len(sizes) > 40 * customers
