from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.shell.broker_time import WINDOW_S, BrokerTime


class Clock:
    """A monotonic clock and the broker's, which is ahead of it by `ahead_ms`."""

    def __init__(self, ahead_ms: int = 1_795_000_000_000) -> None:
        self.now_s = 100.0
        self.ahead_ms = ahead_ms

    @property
    def broker_ms(self) -> float:
        return self.now_s * 1000 + self.ahead_ms


def acknowledgement(append_ms: int, timestamp_type: int = 1) -> SimpleNamespace:
    return SimpleNamespace(timestamp=append_ms, timestamp_type=timestamp_type)


def test_nothing_is_known_before_an_acknowledgement():
    assert BrokerTime(lambda: 5.0).now() is None


def test_time_goes_on_after_the_last_acknowledgement():
    clock = Clock()
    broker_time = BrokerTime(lambda: clock.now_s)
    broker_time.acknowledged(acknowledgement(int(clock.broker_ms)))
    clock.now_s += 2.5
    assert broker_time.now() == pytest.approx(clock.broker_ms, abs=1)
    assert broker_time.at(clock.now_s - 1) == pytest.approx(clock.broker_ms - 1_000, abs=1)


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 900)), min_size=1, max_size=60))
def test_it_is_never_ahead_of_the_broker_and_never_further_behind_than_the_quickest_answer(steps):
    clock = Clock()
    broker_time = BrokerTime(lambda: clock.now_s)
    quickest_ms = 10_000
    for gap_ms, answer_ms in steps:
        clock.now_s += gap_ms / 1000
        append_ms = int(clock.broker_ms)
        clock.now_s += answer_ms / 1000
        broker_time.acknowledged(acknowledgement(append_ms))
        quickest_ms = min(quickest_ms, answer_ms)
        assert broker_time.now() <= clock.broker_ms
    if clock.now_s - 100 < WINDOW_S:
        assert broker_time.now() >= clock.broker_ms - quickest_ms - 2


def test_an_old_estimate_goes_so_that_a_drifting_clock_cannot_mislead_for_long():
    clock = Clock()
    broker_time = BrokerTime(lambda: clock.now_s)
    broker_time.acknowledged(acknowledgement(int(clock.broker_ms)))
    clock.ahead_ms -= 700
    for _ in range(3):
        clock.now_s += WINDOW_S + 1
        broker_time.acknowledged(acknowledgement(int(clock.broker_ms)))
    assert broker_time.now() <= clock.broker_ms


def test_a_broker_that_keeps_the_producers_time_has_this_clock():
    broker_time = BrokerTime(lambda: 5.0, wall=lambda: 1_795_000_000.0)
    broker_time.acknowledged(acknowledgement(-1, timestamp_type=0))
    assert broker_time.now() == 1_795_000_000_000
