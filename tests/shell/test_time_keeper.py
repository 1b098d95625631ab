import time
from types import SimpleNamespace

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    NodeNotReadyError,
    TopicAuthorizationFailedError,
)

from stream.clock import DAY_MS
from stream.engine.coordinator import Coordinator, SourceReport
from stream.shell import time_keeper
from stream.shell.metrics import Metrics
from stream.shell.settings import Settings
from stream.shell.time_keeper import AwaitedDay, StuckSources, TimeKeeper

SOURCES = 3
CLOCK_MS = 20_000 * DAY_MS
LONG_S = 1_000.0


class Absent:
    """A delivery whose broker is not there, so often."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)

    async def open(self) -> None:
        raise self.errors.pop(0)


class Setting:
    def __init__(self) -> None:
        self.metrics = Metrics()
        self.coordinator = Coordinator(SOURCES)
        shop = SimpleNamespace(settings=Settings(partitions=SOURCES), metrics=self.metrics)
        self.stuck = StuckSources(shop, self.coordinator)
        self.awaited = AwaitedDay(shop, self.coordinator)

    def report(self, source: int, watermark_ms: int, offset: int = 1) -> None:
        self.stuck.heard(SourceReport(source, watermark_ms, offset, SOURCES))

    def idle_for(self, source: int, seconds: float) -> None:
        offset, _ = self.stuck._moved[source]
        self.stuck._moved[source] = (offset, time.monotonic() - seconds)

    def silent_for(self, source: int, seconds: float) -> None:
        self.stuck._heard_s[source] = time.monotonic() - seconds

    def excluded(self) -> float | None:
        return self.metrics.registry.get_sample_value("shoal_sources_excluded")


@pytest.fixture
def setting() -> Setting:
    found = Setting()
    for source in range(SOURCES):
        found.report(source, CLOCK_MS + source)
    return found


def test_who_tells_something_holds_the_clock_up(setting):
    setting.stuck.exclude()
    assert setting.coordinator.watermark_ms() == CLOCK_MS
    assert setting.excluded() == 0


def test_a_source_that_is_silent_while_others_tell_is_left_out_and_said_so(setting, caplog):
    setting.silent_for(0, LONG_S)
    setting.stuck.exclude()
    assert setting.coordinator.watermark_ms() == CLOCK_MS + 1
    assert setting.excluded() == 1
    assert "source 0 has told nothing" in caplog.text


def test_one_that_is_back_counts_again(setting, caplog):
    setting.silent_for(0, LONG_S)
    setting.stuck.exclude()
    setting.report(0, CLOCK_MS)
    setting.stuck.exclude()
    assert setting.coordinator.watermark_ms() == CLOCK_MS
    assert setting.excluded() == 0
    assert "source 0 is back" in caplog.text


def test_nobody_is_left_out_when_nobody_tells_anything(setting):
    for source in range(SOURCES):
        setting.silent_for(source, LONG_S)
    setting.stuck.exclude()
    assert setting.excluded() is not None
    assert setting.coordinator.state.excluded == []


def test_a_day_that_nobody_finishes_is_given_up_after_a_while(setting, caplog):
    setting.coordinator.version("definitions", "v", b"segments: []")
    setting.coordinator.decide()
    for source in range(SOURCES):
        setting.report(source, CLOCK_MS + 5 * DAY_MS)
    awaited = setting.coordinator.awaited_day()
    assert awaited is not None
    setting.awaited.give_up()
    setting.awaited.give_up()
    assert setting.coordinator.awaited_day() == awaited
    setting.awaited._since_s -= LONG_S
    setting.awaited.give_up()
    assert setting.coordinator.awaited_day() == awaited + 1
    assert f"histograms of day {awaited}" in caplog.text
    skipped = setting.metrics.registry.get_sample_value("shoal_population_days_skipped_total")
    assert skipped == 1


def test_an_idle_source_with_an_old_event_holds_nobody_back_for_long(setting, caplog):
    setting.report(0, CLOCK_MS - 5 * DAY_MS)
    setting.stuck.exclude()
    assert setting.coordinator.watermark_ms() == CLOCK_MS - 5 * DAY_MS
    setting.idle_for(0, LONG_S)
    setting.stuck.exclude()
    assert setting.coordinator.watermark_ms() == CLOCK_MS + 1
    assert "source 0 has read nothing" in caplog.text
    setting.coordinator.state.clock_ms = CLOCK_MS + 1
    setting.report(0, CLOCK_MS - 4 * DAY_MS, offset=2)
    assert setting.coordinator.watermark_ms() == CLOCK_MS + 1
    setting.report(0, CLOCK_MS + 1, offset=3)
    assert setting.coordinator.state.excluded == []


def test_a_busy_source_that_is_behind_is_waited_for(setting):
    setting.report(0, CLOCK_MS - 5 * DAY_MS)
    setting.idle_for(0, LONG_S)
    setting.report(0, CLOCK_MS - 4 * DAY_MS, offset=2)
    setting.stuck.exclude()
    assert setting.coordinator.state.excluded == []


async def test_the_clock_waits_for_a_broker_that_is_not_there_and_not_for_a_right(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(time_keeper, "AGAIN_S", 0.0)
    absences = (KafkaConnectionError(), TimeoutError(), NodeNotReadyError())
    delivery = Absent(*absences, TopicAuthorizationFailedError())
    shop = SimpleNamespace(settings=Settings(), new_delivery=lambda _writer: delivery)
    with pytest.raises(TopicAuthorizationFailedError):
        await TimeKeeper(shop).run()
    assert delivery.errors == []
