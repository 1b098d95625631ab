"""Whether figures keep what the design asks for, and how the table says so."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from stream.clock import LATENESS_MS
from tests.bench import musts
from tests.bench.options import Options
from tests.bench.report import Figure, Report, show, unmeasured


@pytest.mark.parametrize(
    ("section", "name", "unit", "value", "met", "goal"),
    [
        ("throughput", musts.SHOAL, "events/s", 39_999.0, False, False),
        ("throughput", musts.SHOAL, "events/s", 40_000.0, True, False),
        ("throughput", musts.QUIX, "times", 2.6, True, True),
        ("latency", musts.event_name(5_000, "p99"), "ms", 150.0, True, False),
        ("latency", musts.event_name(5_000, "p50"), "ms", 51.0, False, False),
        ("memory", musts.memory_name(1_000_000), "MB", 1_250.0, False, False),
        ("scaling", musts.TWO_WORKERS, "x", 1.02, True, True),
        ("timers", musts.timer_name(1_000_000, "p99"), "ms", LATENESS_MS + 1_400.0, True, False),
        ("latency", musts.event_name(500, "p99"), "ms", 9_000.0, None, None),
        ("segments", musts.SLOPE, "%", 0.8, True, None),
        ("segments", musts.SLOPE, "%", 1.1, False, None),
    ],
)
def test_bounds_hold_from_the_better_side(section, name, unit, value, met, goal):
    figure = Figure(section=section, name=name, unit=unit, value=value)
    figure.judge()
    assert (figure.is_met, figure.is_goal) == (met, goal)


def test_the_table_says_what_is_missed_and_what_could_not_be_measured():
    figures = [
        Figure(section="throughput", name=musts.SHOAL, unit="events/s", value=50_000.0),
        Figure(section="replay", name=musts.REPLAY, unit="events/s", value=10.0),
        unmeasured("restore", musts.RESTORE, "the broker ended"),
        Figure(section="segments", name=musts.SLOPE, unit="%", value=0.01, runs=[-0.1, 0.01, 0.2]),
    ]
    for figure in figures:
        figure.judge()
    report = Report(taken="now", machine={"cores": "2"}, options=Options(), figures=figures)
    text = io.StringIO()
    show(report, Console(file=text, width=200))
    said = " ".join(text.getvalue().split())
    assert "40,000 holds" in said
    assert "60,000 MISSED" in said
    assert "not measured: the broker ended" in said
    assert "0.3 points of 3" in said
    assert "2 of 4 figures that must reach something do; not: replay" in said
    assert [figure.name for figure in report.unmeasured()] == [musts.RESTORE]


@pytest.mark.parametrize(
    ("runs", "is_sure"), [([1.05, 1.2], False), ([1.05, 1.09], True), ([1.05], None)]
)
def test_a_bound_is_sure_when_every_run_says_the_same(runs, is_sure):
    name = musts.TWO_WORKERS
    figure = Figure(section="scaling", name=name, unit="x", value=1.05, runs=runs)
    figure.judge()
    assert figure.is_met
    assert figure.is_sure is is_sure
