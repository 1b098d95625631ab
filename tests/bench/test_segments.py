"""The figures of what definitions cost, from rounds whose answer is known."""

from __future__ import annotations

import pytest

from tests.bench.musts import SLOPE
from tests.bench.report import Figure
from tests.bench.segments import ARMS, BUILT_IN, NOTHING, WITH_MIXED, Arm, figures_of


def figures(**cost_us: list[float]) -> dict[str, Figure]:
    """The section's figures where `plain` and `first` cost what is said at 0, 50 and 100."""
    found = {arm.name: [10.0, 11.0] for arm in ARMS}
    found |= {NOTHING.name: [10.0, 12.0], BUILT_IN.name: [20.0, 22.0]}
    found[WITH_MIXED.name] = [60.0, 44.0]
    for log, (none, half, most) in cost_us.items():
        found[Arm(log, False, 0).name] = [none, none * 1.2]
        found[Arm(log, False, 50).name] = [half, half * 1.2]
        found[Arm(log, False, 100).name] = [most, most * 1.2]
    made = {figure.name: figure for figure in figures_of(found)}
    for figure in made.values():
        figure.judge()
    return made


def test_the_cost_of_an_event_is_the_least_of_the_rounds():
    found = figures()
    assert found["no definitions"].value == 10.0
    assert found["the built-in pack"].value == 20.0
    assert found["the pack and 100 others"].value == 44.0
    assert found["with 100 others / the pack"].value == pytest.approx(2.2)
    assert found["with 100 others / the pack"].runs == pytest.approx([3.0, 2.0])
    assert found["a further definition"].value == pytest.approx(0.24)


@pytest.mark.parametrize(("most", "slope", "met"), [(10.9, 0.9, True), (11.2, 1.2, False)])
def test_the_slope_is_in_per_cent_of_an_event_without_them(most: float, slope: float, met: bool):
    figure = figures(plain=[10.0, 10.4, most])[SLOPE]
    assert figure.value == pytest.approx(slope)
    assert figure.runs == pytest.approx([slope, slope])
    assert (figure.must, figure.goal, figure.is_met, figure.is_goal) == (1.0, None, met, None)
    assert figure.facts == {"us with 0": 10.0, "us with 50": 10.4, "us with 100": most}


def test_first_events_have_a_slope_of_their_own():
    figure = figures(first=[40.0, 50.0, 60.0])[f"{SLOPE}, first events"]
    assert figure.value == pytest.approx(5.0)
