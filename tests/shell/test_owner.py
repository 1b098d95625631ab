"""When an owner has to ask the group before it goes on."""

from stream.shell.owner import may_have_moved
from stream.shell.settings import Settings

SETTINGS = Settings(session_timeout_ms=10_000)


def test_who_was_there_all_the_time_is_told_before_a_partition_moves():
    assert not may_have_moved(0.0, SETTINGS)
    assert not may_have_moved(9.9, SETTINGS)


def test_who_was_away_for_a_session_may_have_lost_its_partitions():
    assert may_have_moved(10.0, SETTINGS)
    assert may_have_moved(3_600.0, SETTINGS)
