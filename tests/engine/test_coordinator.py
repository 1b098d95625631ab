from __future__ import annotations

import pytest

from stream.engine.coordinator import Coordinator, SourceReport
from stream.events.records import Tick, Version
from tests.engine.lane import definitions
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS

ONE = definitions("name: a, enter: orders.count >= 1")
TWO = definitions("name: a, enter: orders.count >= 2")


def report(source: int, watermark_ms: int, sources: int = 1) -> SourceReport:
    return SourceReport(source, watermark_ms, 0, sources, max(watermark_ms, 0))


@pytest.fixture
def coordinator() -> Coordinator:
    found = Coordinator(1)
    found.version("definitions", "one", ONE)
    return found


def ticks(coordinator: Coordinator) -> list[int]:
    decision = coordinator.decide()
    if decision is None:
        return []
    return [control.clock_ms for control in decision.control if isinstance(control, Tick)]


def test_nothing_moves_before_there_are_definitions():
    coordinator = Coordinator(1)
    coordinator.source(report(0, START_MS))
    assert coordinator.decide() is None


def test_definitions_are_announced_before_the_first_tick(coordinator: Coordinator):
    coordinator.source(report(0, START_MS))
    first, second = coordinator.decide().control
    assert first == Version(kind="definitions", name="one", active_ms=0, content=ONE)
    assert second == Tick(clock_ms=START_MS)


def test_the_clock_is_the_least_watermark_once_all_sources_are_heard(coordinator: Coordinator):
    coordinator.source(report(0, START_MS + HOUR, sources=3))
    coordinator.source(report(1, START_MS + MINUTE, sources=3))
    assert ticks(coordinator) == []
    coordinator.source(report(2, START_MS + 2 * HOUR, sources=3))
    assert coordinator.holding_back(HOUR) == [1]
    assert coordinator.holding_back(2 * HOUR) == []
    assert ticks(coordinator) == [START_MS + MINUTE]


def test_the_clock_never_goes_back(coordinator: Coordinator):
    coordinator.source(report(0, START_MS + HOUR))
    assert ticks(coordinator) == [START_MS + HOUR]
    coordinator.source(report(0, START_MS))
    assert ticks(coordinator) == []


def test_a_source_that_was_never_written_does_not_count(coordinator: Coordinator):
    coordinator.source(report(0, START_MS, sources=2))
    coordinator.source(report(1, -1, sources=2))
    assert ticks(coordinator) == [START_MS]


def test_where_nothing_was_ever_written_there_is_no_time(coordinator: Coordinator):
    coordinator.source(report(0, -1))
    assert coordinator.watermark_ms() is None
    assert ticks(coordinator) == []


def test_a_stuck_source_is_left_out_until_it_is_heard_again(coordinator: Coordinator):
    coordinator.source(report(0, START_MS, sources=2))
    coordinator.source(report(1, START_MS + HOUR, sources=2))
    assert ticks(coordinator) == [START_MS]
    coordinator.exclude(0)
    assert ticks(coordinator) == [START_MS + HOUR]
    coordinator.source(report(1, START_MS + 2 * HOUR, sources=2))
    coordinator.source(report(0, START_MS + 90 * MINUTE, sources=2))
    assert ticks(coordinator) == [START_MS + 90 * MINUTE]


def test_a_source_that_was_never_heard_can_be_left_out_too(coordinator: Coordinator):
    coordinator.source(report(0, START_MS, sources=2))
    coordinator.exclude(1)
    assert ticks(coordinator) == [START_MS]


def test_new_definitions_are_in_force_from_the_present_clock_on(coordinator: Coordinator):
    coordinator.source(report(0, START_MS))
    coordinator.decide()
    coordinator.version("definitions", "two", TWO)
    (version,) = coordinator.decide().control
    assert version == Version(kind="definitions", name="two", active_ms=START_MS, content=TWO)
    coordinator.version("definitions", "two", TWO)
    assert coordinator.decide() is None


def test_of_several_versions_the_newest_is_announced(coordinator: Coordinator):
    coordinator.version("definitions", "two", TWO)
    coordinator.version("definitions", "one", ONE)
    (version,) = coordinator.decide().control
    assert version.name == "one"


def test_a_model_is_announced_after_the_definitions(coordinator: Coordinator):
    coordinator.version("clusters", "m1", b"model")
    assert [control.kind for control in coordinator.decide().control] == ["definitions", "clusters"]


def test_another_owner_goes_on_from_the_state_that_was_written(coordinator: Coordinator):
    coordinator.source(report(0, START_MS))
    state = coordinator.decide().state
    successor = Coordinator(1)
    successor.version("definitions", "one", ONE)
    successor.resume(state)
    successor.source(report(0, START_MS))
    assert successor.decide() is None
    successor.source(report(0, START_MS + 1))
    assert ticks(successor) == [START_MS + 1]


def test_the_clock_stops_before_a_midnight_whose_thresholds_are_not_known(
    coordinator: Coordinator,
):
    coordinator.source(report(0, START_MS))
    coordinator.decide()
    coordinator.source(report(0, START_MS + 5 * DAY))
    assert ticks(coordinator) == [START_MS + 2 * DAY - 5 * MINUTE - 1]
    assert ticks(coordinator) == []
