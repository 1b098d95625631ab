"""When a source tells the clock of itself, on a clock that the test winds."""

import pytest

from stream.engine.coordinator import SourceReport
from stream.engine.meta import SourceState
from stream.shell import reporting
from stream.shell.reporting import Reporter


class FakeSource:
    """Stands where it is told to."""

    def __init__(self) -> None:
        self.offset = 0
        self.time_ms = 1_000

    def state(self) -> SourceState:
        return SourceState(next_offset=self.offset, event_ms=self.time_ms)

    def watermark_ms(self) -> int:
        return self.time_ms

    def move(self) -> None:
        self.offset += 1
        self.time_ms += 1


class Bench:
    """A reporter whose reports are all committed, and the time in ms."""

    def __init__(self) -> None:
        self.now_ms = 5_000_000
        self.source = FakeSource()
        self.reporter = Reporter(self.source, 3, 8)

    def monotonic(self) -> float:
        return self.now_ms / 1000

    def batch(self, *, waits: bool = False) -> SourceReport | None:
        report = self.reporter.next(waits=waits)
        if report is not None:
            self.reporter.told(report)
        return report


@pytest.fixture
def bench(monkeypatch) -> Bench:
    found = Bench()
    monkeypatch.setattr(reporting.time, "monotonic", found.monotonic)
    return found


def test_batches_carry_one_report_each_100_ms(bench):
    told_ms = []
    for _ in range(100):
        bench.source.move()
        if bench.batch() is not None:
            told_ms.append(bench.now_ms - 5_000_000)
        bench.now_ms += 8
    # A batch each 8 ms: the first, and then the first that is 100 ms or more later, 104.
    assert told_ms == list(range(0, 800, 104))


def test_a_source_that_waits_says_so_at_once(bench):
    assert bench.batch() is not None
    bench.source.move()
    bench.now_ms += 1
    assert bench.batch() is None
    report = bench.batch(waits=True)
    assert report == SourceReport(source=3, watermark_ms=1_001, offset=1, sources=8, event_ms=1_001)


def test_what_was_held_back_is_due_by_itself(bench):
    assert bench.batch() is not None
    bench.now_ms += 50
    bench.source.move()
    assert bench.batch() is None
    assert bench.reporter.due_in_s() == pytest.approx(0.35)
    bench.now_ms += 350
    assert bench.reporter.due_in_s() <= 0
    report = bench.batch()
    assert report is not None
    assert report.offset == 1
    assert bench.reporter.due_in_s() == pytest.approx(0.4)


def test_the_same_is_said_again_after_five_seconds_only(bench):
    told_ms = []
    for _ in range(30):
        if bench.batch() is not None:
            told_ms.append(bench.now_ms - 5_000_000)
        bench.now_ms += 400
    assert told_ms == [0, 5_200, 10_400]


def test_a_report_that_was_not_committed_is_told_again(bench):
    assert bench.reporter.next(waits=False) is not None
    bench.now_ms += 100
    assert bench.reporter.next(waits=False) is not None


def test_who_begins_anew_tells_at_once_even_the_same(bench):
    assert bench.batch() is not None
    bench.now_ms += 1
    assert bench.batch() is None
    bench.reporter.restart()
    assert bench.reporter.due_in_s() <= 0
    assert bench.batch() is not None


def test_a_watermark_never_goes_back(bench):
    assert bench.batch() is not None
    bench.source.move()
    bench.source.time_ms = 400
    bench.now_ms += 100
    report = bench.batch()
    assert report is not None
    assert (report.watermark_ms, report.event_ms, report.offset) == (1_000, 400, 1)
