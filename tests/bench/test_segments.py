"""The figures of what definitions cost, from rounds whose answer is known."""

from __future__ import annotations

import pytest

from tests.bench.musts import SLOPE
from tests.bench.report import Figure
from tests.bench.segments import (
    ARMS,
    BUILT_IN,
    COUNTS,
    NOTHING,
    WITH_MIXED,
    Arm,
    figures_of,
)


def rounds(*stretches: tuple[float, ...]) -> list[list[float]]:
    """Nine rounds of one cost, but for what disturbs one stretch or another of some of them."""
    found = [list(stretches[0]) for _ in range(9)]
    for turn, other in enumerate(stretches[1:]):
        found[turn] = list(other)
    return found


def figures(**cost_us: list[float]) -> dict[str, Figure]:
    """The section's figures where `plain` and `first` cost what is said at 0, 50 and 100."""
    found = {arm.name: rounds((4.0, 6.0)) for arm in ARMS}
    found[NOTHING.name] = rounds((4.0, 6.0), (9.0, 6.0), (4.0, 17.0))
    found[BUILT_IN.name] = rounds((8.0, 12.0), (8.5, 12.0))
    found[WITH_MIXED.name] = rounds((24.0, 20.0), (30.0, 20.0))
    for log, costs in cost_us.items():
        for extra, cost in zip(COUNTS, costs, strict=True):
            found[Arm(log, False, extra).name] = rounds((cost / 2, cost / 2), (cost, cost / 2))
    made = {figure.name: figure for figure in figures_of(found)}
    for figure in made.values():
        figure.judge()
    return made


def test_the_cost_of_an_event_is_made_of_each_stretch_in_its_best_round():
    found = figures()
    assert found["no definitions"].value == pytest.approx(10.0)
    assert found["no definitions"].runs == pytest.approx([10.0] * 3)
    assert found["the built-in pack"].value == pytest.approx(20.0)
    assert found["the pack and 100 others"].value == pytest.approx(44.0)
    assert found["with 100 others / the pack"].value == pytest.approx(2.2)
    assert found["a further definition"].value == pytest.approx(0.24)


def test_each_third_of_the_rounds_gives_a_figure_of_its_own():
    found = {arm.name: rounds((4.0, 6.0)) for arm in ARMS}
    found[BUILT_IN.name] = [[8.0, 12.0], [9.0, 12.0], [8.0, 13.0]] * 3
    figure = next(one for one in figures_of(found) if one.name == "the built-in pack")
    assert (figure.value, figure.runs) == (20.0, [20.0, 21.0, 21.0])


@pytest.mark.parametrize(("most", "slope", "met"), [(10.9, 0.9, True), (11.2, 1.2, False)])
def test_the_slope_is_in_per_cent_of_an_event_without_them(most: float, slope: float, met: bool):
    figure = figures(plain=[10.0, 10.4, most])[SLOPE]
    assert figure.value == pytest.approx(slope)
    assert figure.runs == pytest.approx([slope] * 3)
    assert (figure.must, figure.goal, figure.is_met, figure.is_goal) == (1.0, None, met, None)
    assert figure.facts == {"us with 0": 10.0, "us with 50": 10.4, "us with 100": most}


def test_first_events_have_a_slope_of_their_own():
    figure = figures(first=[40.0, 50.0, 60.0])[f"{SLOPE}, first events"]
    assert figure.value == pytest.approx(5.0)
