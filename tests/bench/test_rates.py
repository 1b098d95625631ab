"""The arithmetic of the benchmarks; nothing here measures anything."""

from __future__ import annotations

import pytest

from tests.bench.rates import Run, Sample, TooFewCommitsError, best, run_between, steady_run


def sample(time_s: float, events: int) -> Sample:
    return Sample(time_s, events)


def test_a_steady_run_leaves_out_the_warm_up_and_the_commit_that_ends_the_log():
    samples = [
        sample(0.0, 0),
        sample(1.0, 500),  # the first commit: the warm-up of 2 s begins here
        sample(2.0, 600),
        sample(3.0, 1_000),
        sample(3.5, 1_000),  # nothing new: not a commit
        sample(4.0, 2_000),
        sample(5.0, 3_000),
        sample(5.9, 3_001),  # the end: the rest of the interval was spent idle
    ]
    run = steady_run(samples, total=3_001, warm_up_s=2.0)
    assert (run.events, run.span_s, run.events_per_s) == (2_000, 2.0, 1_000.0)
    assert run.facts == {"warm-up s": 2.0}


def test_a_run_shorter_than_the_warm_up_is_counted_from_its_first_commit():
    samples = [sample(0.0, 0), sample(1.0, 500), sample(2.0, 2_500), sample(2.5, 3_000)]
    run = steady_run(samples, total=3_000, warm_up_s=2.0)
    assert (run.events, run.span_s) == (2_000, 1.0)
    assert run.facts == {"warm-up s": 0.0}


def test_a_run_with_less_than_two_commits_has_no_rate():
    samples = [sample(0.0, 0), sample(1.0, 500), sample(2.0, 1_000)]
    with pytest.raises(TooFewCommitsError, match="1 commits"):
        steady_run(samples, total=1_000, warm_up_s=0.0)


def test_cpu_is_per_event_and_what_is_left_of_the_core_is_split():
    first = Sample(10.0, 0, cpu_s=1.0, core_s=100.0)
    last = Sample(20.0, 1_000_000, cpu_s=9.0, core_s=109.0)
    run = run_between(first, last)
    assert run.cpu_us == pytest.approx(8.0)
    assert run.core_ratio == pytest.approx(0.8)
    assert run.others_ratio == pytest.approx(0.1)


def test_the_best_run_is_the_fastest():
    runs = [Run(events_per_s=rate, events=1, span_s=1.0) for rate in (3.0, 7.0, 5.0)]
    assert best(runs).events_per_s == 7.0
