"""When a run's work began and ended, from the commits of all partitions."""

from __future__ import annotations

from tests.bench.committed import Commit, span_of


def commit(time_s: float, partition: int, raw_offset: int, log_offset: int) -> Commit:
    return Commit(time_s, partition, raw_offset, log_offset, clock_ms=0)


def test_the_work_ends_with_the_slowest_partition_and_not_with_later_ticks():
    commits = [
        commit(1.0, 0, 0, 0),  # definitions alone: no event yet
        commit(2.0, 1, 40, 0),
        commit(2.5, 0, 60, 30),
        commit(4.0, 0, 100, 80),
        commit(5.0, 0, 100, 90),
        commit(6.0, 1, 50, 70),
        commit(9.0, 0, 100, 95),  # ticks go on
        commit(9.0, 1, 50, 75),
    ]
    span = span_of(commits, {0: (100, 90), 1: (50, 70)})
    assert (span.first_s, span.events, span.last_s) == (2.0, 40, 6.0)


def test_routing_to_the_end_is_not_the_end_while_something_waits_to_be_folded():
    commits = [commit(1.0, 0, 10, 0), commit(2.0, 0, 100, 60), commit(3.0, 0, 100, 120)]
    assert span_of(commits, {0: (100, 120)}).last_s == 3.0
