"""Python's cyclic garbage collector, set for a process that makes hardly any cyclic garbage.

Nearly all that a batch makes is freed by its reference counts when the batch ends; 300,000 events
left 900 objects for the collector. With its usual thresholds it looked through the records in
flight every 700 allocations, and cost an eighth of the worker's CPU.
"""

from __future__ import annotations

import gc

THRESHOLDS = (200_000, 10, 10)
"""Young containers before they are looked through, and how often that is done before the next
older generation is looked through, too. 200,000 are more than the records that wait in the backlogs
of five busy partitions, two containers each, which would only be found in use: with 50,000 the
young cost twice as much."""


def calm_collector() -> None:
    """Let it come rarely, and never look at what the start has brought: modules, classes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
