"""What a comparison of two reports says, and when it keeps silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.compare import (
    BETTER,
    ONLY_HERE,
    ONLY_THERE,
    UNKNOWN,
    WITHIN,
    WORSE,
    NoReportError,
    compare,
    compared,
    main,
    newest,
    read,
    save_baseline,
)
from tests.bench.options import Options
from tests.bench.report import Figure, Report


def figure(name: str, unit: str, runs: list[float], loop_us: float = 100.0, **rest) -> Figure:
    value = max(runs) if unit.endswith("/s") else min(runs)
    return Figure(
        section=rest.get("section", "part"),
        name=name,
        unit=unit,
        value=value,
        runs=runs,
        loop_us=loop_us,
    )


def report(*figures: Figure) -> Report:
    return Report(taken="now", machine={}, options=Options(), figures=list(figures))


@pytest.mark.parametrize(
    ("unit", "before", "after", "verdict"),
    [
        ("events/s", [98.0, 100.0], [118.0, 120.0], BETTER),
        ("events/s", [98.0, 100.0], [78.0, 80.0], WORSE),
        ("events/s", [80.0, 100.0], [110.0, 115.0], WITHIN),
        ("us", [10.0, 10.1], [8.0, 8.1], BETTER),
        ("ms", [10.0, 10.1], [12.0, 12.1], WORSE),
        ("MB", [500.0, 501.0], [400.0, 401.0], BETTER),
        ("times", [1.00, 1.01], [0.80, 0.81], WORSE),
        ("events/s", [100.0, 100.0], [101.0, 101.0], WITHIN),  # 2 % may be chance
    ],
)
def test_a_difference_counts_when_it_exceeds_the_spread(unit, before, after, verdict):
    now = figure("a", unit, after)
    if unit == "times":
        now.value = min(after)
    assert compared(figure("a", unit, before), now).verdict == verdict


def test_one_run_cannot_tell():
    assert compared(figure("a", "us", [10.0, 10.1]), figure("a", "us", [5.0])).verdict == UNKNOWN


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([-0.2, 0.2], [0.1, 0.2], WITHIN),
        ([0.2, 0.3], [1.2, 1.3], WORSE),
        ([0.9, 1.0], [-0.1, 0.1], BETTER),
        ([0.0, 0.0], [0.05, 0.06], WITHIN),
        ([0.0], [3.0], UNKNOWN),
    ],
)
def test_of_per_cents_the_difference_counts(before, after, verdict):
    found = compared(figure("a", "%", before), figure("a", "%", after))
    assert (found.verdict, found.ratio) == (verdict, None)


@pytest.mark.parametrize(
    ("unit", "before", "after"), [("rows/s", 100.0, 80.0), ("us", 10.0, 12.5), ("ms", 10.0, 10.0)]
)
def test_a_machine_that_is_slower_by_a_quarter_is_taken_out(unit, before, after):
    then = figure("a", unit, [before, before], loop_us=100.0)
    now = figure("a", unit, [after, after], loop_us=125.0)
    found = compared(then, now)
    assert found.corrected == pytest.approx(1.0)
    assert found.verdict == WITHIN


def test_figures_that_only_one_report_has_are_told():
    both = figure("both", "us", [1.0, 1.0])
    found = compare(
        report(both, figure("gone", "us", [1.0, 1.0])), report(both, figure("new", "us", [1.0]))
    )
    assert [(one.name, one.verdict) for one in found] == [
        ("both", WITHIN),
        ("new", ONLY_HERE),
        ("gone", ONLY_THERE),
    ]


def test_a_baseline_keeps_the_sections_that_were_not_measured_again(tmp_path: Path):
    first = figure("a", "us", [1.0], section="one")
    second = figure("b", "us", [2.0], section="two")
    save_baseline(report(first, second), tmp_path)
    path = save_baseline(report(figure("b", "us", [3.0], section="two")), tmp_path)
    kept = {one.name: one.value for one in read(path).figures}
    assert kept == {"a": 1.0, "b": 3.0}


def test_without_a_report_it_says_what_to_run(tmp_path: Path):
    with pytest.raises(NoReportError, match="make bench-baseline"):
        read(tmp_path / "baseline.json")
    with pytest.raises(NoReportError, match="make bench"):
        newest(tmp_path)
    (tmp_path / "bench-1.json").write_text('{"rows": []}')
    with pytest.raises(NoReportError, match="another format"):
        read(newest(tmp_path))


def test_the_table_has_room_for_names_and_says_commit_and_form(capsys, tmp_path: Path, monkeypatch):
    one = figure("slope per 10 untouched definitions", "%", [0.1, 0.2])
    one.shoal = "abc123-dirty, compiled, from /a/long/way/to/the/folder/of/the/built/form/lib"
    path = save_baseline(report(one), tmp_path)
    monkeypatch.setattr("sys.argv", ["compare", "--baseline", str(path), "--run", str(path)])
    assert main() == 0
    said = capsys.readouterr().out
    assert "abc123-dirty, compiled │ abc123-dirty, compiled" in said
    assert "slope per 10 untouched" in said
    assert "within the spread" in said
