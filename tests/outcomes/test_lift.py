"""A population with a planted effect: it is found; where there is none, none is."""

from __future__ import annotations

from random import Random

import pytest

from stream.clock import DAY_MS
from stream.outcomes.assignment import assign
from stream.outcomes.attribution import Attribution
from stream.outcomes.lift import LiftRow, lift_of
from stream.outcomes.plan import PROGRAMME, Draw, Plan, success_of
from stream.segments.definition import Variant
from tests.outcomes.stories import answered, at, entered, order

CUSTOMERS = 3_000
VARIANTS = (Variant("plain"), Variant("strong", 2))
DRAW = Draw("lift", global_share=0.1)
RATE = 0.15


def outcome(
    effects: dict[str, float], opt_outs: float = 0.0, kind: str = "message"
) -> list[LiftRow]:
    """Rows of a population in which each variant converts more often by its effect."""
    plan = Plan(
        "cart", "Order Completed", success_of("Order Completed"), True, 7 * DAY_MS, kind, True,
        0.25, VARIANTS,
    )  # fmt: skip
    attribution = Attribution({"cart": plan}, DRAW)
    random = Random(7)
    told = []
    for number in range(CUSTOMERS):
        customer = f"c{number}"
        days = random.uniform(0, 30)
        group = assign(customer, "cart", "lift", 0.25, 0.1, VARIANTS)
        told.append((days, entered(customer, "cart", days)))
        if random.random() < RATE + effects.get(group.variant or "", 0.0):
            bought = order(days + random.uniform(0.1, 2.9), customer, random.lognormvariate(4, 0.6))
            told.append(((bought.time_ms - at(0)) / DAY_MS, (customer, bought)))
        if group.holdout is None and random.random() < opt_outs:
            told.append((days + 1, (customer, answered(days + 1, "unsubscribed"))))
    for _, step in sorted(told, key=lambda pair: pair[0]):
        if isinstance(step, tuple):
            attribution.event(*step)
        else:
            attribution.change(step)
    attribution.advance(at(130))
    return lift_of(attribution)


def row(
    rows: list[LiftRow], days: float, variant: str | None = None, segment: str = "cart"
) -> LiftRow:
    found = [r for r in rows if (r.segment, r.horizon_days, r.variant) == (segment, days, variant)]
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def planted() -> list[LiftRow]:
    return outcome({"plain": 0.0, "strong": 0.15})


@pytest.fixture(scope="module")
def nothing() -> list[LiftRow]:
    return outcome({}, opt_outs=0.08)


def test_a_planted_effect_is_found_and_its_size_lies_within_the_bounds(planted: list[LiftRow]):
    for days in (3, 7, 30, 90):
        strong = row(planted, days, "strong").conversion
        assert strong is not None
        assert strong.verdict == "higher"
        assert strong.low is not None
        assert strong.high is not None
        assert strong.low <= 0.15 <= strong.high
    revenue = row(planted, 7).revenue
    assert revenue is not None
    assert revenue.verdict == "higher"


def test_a_variant_without_effect_shows_none(planted: list[LiftRow]):
    plain = row(planted, 7, "plain").conversion
    assert plain is not None
    assert plain.verdict == "no difference shown"


def test_where_there_is_no_effect_none_is_shown_and_opt_outs_are(nothing: list[LiftRow]):
    verdicts = {
        effect.verdict
        for r in nothing
        for effect in (r.conversion, r.revenue)
        if effect is not None
    }
    guardrail = row(nothing, 30).guardrail
    assert verdicts == {"no difference shown"}
    assert guardrail is not None
    assert guardrail.verdict == "higher"


def test_rows_say_what_they_are(planted: list[LiftRow]):
    assert [r.is_own_horizon for r in (row(planted, 3), row(planted, 7))] == [False, True]
    assert row(planted, 7).control_group == "segment"
    assert row(planted, 30, segment=PROGRAMME).control_group == "global"
    both = row(planted, 7)
    parts = [row(planted, 7, name).treated for name in ("plain", "strong")]
    assert both.treated.customers == sum(part.customers for part in parts)
    assert both.control is not None
    counted = both.treated.customers + both.control.customers
    assert abs(counted - 0.9 * CUSTOMERS) < 70, "the global control group is in neither"


def test_a_suppressions_control_group_is_not_suppressed():
    rows = outcome({}, kind="suppress")
    assert {r.control_is for r in rows if r.segment == "cart"} == {"not suppressed"}


def test_a_segment_with_a_control_group_is_compared_with_no_other_one():
    """Else the rows would change sides with the first customer who is held out."""
    draw = Draw(stamped=True, global_share=0.1)
    plan = Plan(
        "cart", "Order Completed", success_of("Order Completed"), True, None, "message", True,
        0.25, (),
    )  # fmt: skip
    attribution = Attribution({"cart": plan}, draw)
    attribution.change(entered("a", "cart", 0))
    attribution.change(entered("b", "cart", 0, control=True, holdout="global"))
    attribution.advance(at(4))
    (found, *_) = [r for r in lift_of(attribution) if r.segment == "cart"]
    assert (found.control_group, found.control, found.conversion) == (None, None, None)
    attribution.change(entered("c", "cart", 5, control=True, holdout="segment"))
    attribution.advance(at(9))
    assert row(lift_of(attribution), 3).control_group == "segment"
