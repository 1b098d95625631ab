"""Arithmetic of speed: from samples of committed offsets to events a second."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise

import msgspec


class Sample(msgspec.Struct, frozen=True):
    """What had been committed at an instant, and the CPU used by then.

    `core_s` is the CPU time that anybody has used of the core.
    """

    time_s: float
    events: int
    cpu_s: float | None = None
    core_s: float | None = None


class Run(msgspec.Struct, kw_only=True):
    """One run of a contender.

    events_per_s    of the span that is counted
    events, span_s  of that span
    wall_s          from the start of the process to the end of the span
    cpu_us          CPU of the process, per event
    core_ratio      share of the core that the process had within the span
    others_ratio    share of the core that other processes had
    facts           what else there is to say, by name
    """

    events_per_s: float
    events: int
    span_s: float
    wall_s: float | None = None
    cpu_us: float | None = None
    core_ratio: float | None = None
    others_ratio: float | None = None
    facts: dict[str, float] = {}


def run_between(first: Sample, last: Sample) -> Run:
    """The run from one sample to another.

    >>> run_between(Sample(10.0, 1_000), Sample(12.0, 51_000)).events_per_s
    25000.0
    """
    events, span_s = last.events - first.events, last.time_s - first.time_s
    run = Run(events_per_s=events / span_s, events=events, span_s=span_s)
    if first.cpu_s is not None and last.cpu_s is not None:
        used_s = last.cpu_s - first.cpu_s
        run.cpu_us = used_s / events * 1e6
        run.core_ratio = used_s / span_s
        if first.core_s is not None and last.core_s is not None:
            run.others_ratio = max(0.0, (last.core_s - first.core_s - used_s) / span_s)
    return run


def sample_at(samples: Sequence[Sample], time_s: float, events: int) -> Sample:
    """A sample at an instant between others: the CPU used is interpolated.

    >>> sample_at([Sample(1.0, 0, 10.0, 20.0), Sample(3.0, 0, 12.0, 22.0)], 2.0, 7)
    Sample(time_s=2.0, events=7, cpu_s=11.0, core_s=21.0)
    """
    times = [sample.time_s for sample in samples]
    number = min(max(bisect(times, time_s), 1), len(samples) - 1)
    before, after = samples[number - 1], samples[number]
    share = (time_s - before.time_s) / (after.time_s - before.time_s)
    return Sample(
        time_s,
        events,
        _between(before.cpu_s, after.cpu_s, share),
        _between(before.core_s, after.core_s, share),
    )


def _between(before: float | None, after: float | None, share: float) -> float | None:
    return None if before is None or after is None else before + (after - before) * share


def steady_run(samples: Sequence[Sample], total: int, warm_up_s: float) -> Run:
    """The steady part of a run of which a sample was taken at every commit.

    It begins with the first commit at least `warm_up_s` after the very first one, and ends with
    the last one that left something to do: the one that ends the log comes when its interval is
    over, some time after the work was done. A run too short for that is counted from its first
    commit; the fact `warm-up s` says which.

    Raises
    ------
    TooFewCommitsError
        There are less than two commits that left something to do.
    """
    commits = [
        later for earlier, later in pairwise(samples) if earlier.events < later.events < total
    ]
    if len(commits) < 2:
        raise TooFewCommitsError(len(commits), total)
    warm = [sample for sample in commits if sample.time_s >= commits[0].time_s + warm_up_s]
    steady = warm if len(warm) >= 2 else commits
    run = run_between(steady[0], steady[-1])
    run.facts = {"warm-up s": steady[0].time_s - commits[0].time_s}
    return run


class TooFewCommitsError(RuntimeError):
    """A run was too short for a rate."""

    def __init__(self, commits: int, total: int) -> None:
        super().__init__(f"{commits} commits before the last; take more events than {total:,}")


def best(runs: Sequence[Run]) -> Run:
    """The fastest: what slows a run down on a machine is never the program alone."""
    return max(runs, key=lambda run: run.events_per_s)


def spread_ratio(runs: Sequence[Run]) -> float:
    """How far the slowest run is below the fastest, as a share of it.

    >>> spread_ratio([Run(events_per_s=r, events=1, span_s=1) for r in (75.0, 100.0, 95.0)])
    0.25
    """
    return 1 - min(run.events_per_s for run in runs) / best(runs).events_per_s
