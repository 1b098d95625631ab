import time
from types import SimpleNamespace

import pytest

from stream.shell.watchdog import StalledError, Watchdog

LONG_AGO_S = 1_000.0
STALL_S = 60.0


class Group:
    """Says what a group says of its progress."""

    def __init__(self, now_s: float) -> None:
        self.is_assigned = True
        self.polled_s = now_s
        self.owners = {2: SimpleNamespace(progressed_s=now_s)}
        self.keeper = None
        self.wanting = {"events-2"}

    def wanted(self) -> set[str]:
        return self.wanting


@pytest.fixture
def now_s() -> float:
    return time.monotonic()


def watchdog(group: Group, answered_s: float, stuck: tuple[str, ...] = ()) -> Watchdog:
    return Watchdog(group, STALL_S, lambda: answered_s, lambda _: None, lambda: list(stuck))


def test_progress_everywhere_is_no_stall(now_s):
    assert watchdog(Group(now_s), now_s).stalled() == []


def test_a_fetch_that_is_never_answered_counts_from_the_start(now_s):
    assert watchdog(Group(now_s), -1.0).stalled() == []
    old = watchdog(Group(now_s), -1.0)
    old._unwanted_s -= LONG_AGO_S
    assert old.stalled() == ["no fetch was answered"]


def test_who_has_nothing_to_fetch_need_not_be_answered(now_s):
    standby = Group(now_s)
    standby.wanting = set()
    looking = watchdog(standby, -1.0)
    looking._unwanted_s -= LONG_AGO_S
    assert looking.stalled() == []
    standby.wanting = {"events-2"}
    assert looking.stalled() == []


def test_each_standstill_is_named(now_s):
    group = Group(now_s)
    looking = watchdog(group, now_s)
    group.polled_s -= LONG_AGO_S
    assert looking.stalled() == ["the consumer's loop stands still"]
    group.polled_s = now_s
    group.owners[2].progressed_s -= LONG_AGO_S
    assert looking.stalled() == ["partition 2 does not get on"]
    group.owners[2].progressed_s = now_s
    group.keeper = SimpleNamespace(progressed_s=now_s)
    assert looking.stalled() == []
    group.keeper.progressed_s -= LONG_AGO_S
    assert looking.stalled() == ["the clock does not get on"]
    group.keeper = None
    assert watchdog(group, now_s, ("log-2 is not read on",)).stalled() == ["log-2 is not read on"]


def test_a_standstill_is_said_of_readiness_long_before_it_is_a_stall(now_s):
    group = Group(now_s)
    looking = watchdog(group, now_s)
    assert looking.unready() == []
    group.owners[2].progressed_s -= 11.0
    assert looking.unready() == ["partition 2 does not get on, for 10 s now"]
    assert looking.stalled() == []


def test_a_group_that_deals_nothing_is_a_stall_and_one_that_just_rebalances_is_none(now_s):
    group = Group(now_s)
    group.is_assigned = False
    looking = watchdog(group, now_s)
    assert looking.stalled() == []
    looking._assigned_s -= LONG_AGO_S
    assert looking.stalled() == ["the group has dealt nothing"]


async def test_a_stall_ends_the_watch_with_an_error_that_says_what_to_do(now_s):
    group = Group(now_s)
    group.polled_s -= LONG_AGO_S
    with pytest.raises(StalledError, match="loop stands still; look at the broker"):
        await watchdog(group, now_s).run()
