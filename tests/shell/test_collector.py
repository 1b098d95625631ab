import gc
import weakref

import pytest

from stream.shell.collector import THRESHOLDS, calm_collector


@pytest.fixture(autouse=True)
def _usual_again():
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)
    gc.unfreeze()


class Loop:
    def __init__(self) -> None:
        self.itself = self


def test_what_the_start_has_brought_is_never_looked_at_again():
    started = [[] for _ in range(1_000)]
    calm_collector()
    assert gc.get_freeze_count() >= len(started)
    assert gc.get_threshold() == THRESHOLDS


def test_cyclic_garbage_is_still_bounded():
    calm_collector()
    alive = weakref.WeakSet()
    most = 0
    for _ in range(2 * THRESHOLDS[0]):
        alive.add(Loop())
        most = max(most, len(alive))
    assert most <= THRESHOLDS[0]
