import time

from stream.shell.pace import INTERVAL_PER_PARTITION_MS, Pace
from stream.shell.settings import Settings


def pace(partitions: int) -> Pace:
    return Pace(Settings(batch_records_max=100, commit_interval_max_ms=100), lambda: partitions)


def test_the_first_batch_begins_at_once():
    assert pace(32).wait_s(1) <= 0


def test_each_partition_waits_so_that_all_together_leave_half_a_core():
    waiting = pace(4)
    waiting.started()
    interval_s = 4 * INTERVAL_PER_PARTITION_MS / 1000
    assert interval_s - 0.01 < waiting.wait_s(1) <= interval_s


def test_nobody_waits_longer_than_the_bound():
    waiting = pace(1_000)
    waiting.started()
    assert 0.08 < waiting.wait_s(1) <= 0.1


def test_a_full_batch_does_not_wait():
    waiting = pace(1_000)
    waiting.started()
    assert waiting.wait_s(100) <= 0


def test_after_the_interval_the_next_batch_begins():
    waiting = pace(1)
    waiting.started()
    ends_s = time.monotonic() + 1
    while waiting.wait_s(1) > 0:
        assert time.monotonic() < ends_s
