"""Coverage on customers few enough to count."""

from __future__ import annotations

import pytest

from stream.backtest.coverage import Standing, coverage, is_actionable
from stream.segments.definition import Action, Definition


def standing(
    revenue: float = 0.0, forward_to: str | None = None, is_customer: bool = True
) -> Standing:
    return Standing(forward_to, is_customer and forward_to is None, int(revenue * 1e6))


@pytest.mark.parametrize(
    ("group", "action", "is_so"),
    [
        (None, Action(), False),
        (None, Action(channels=("email",)), True),
        (None, Action(channels=("email",), kind="suppress"), True),
        ("journey", Action(channels=("email",)), False),
        ("journey", Action(channels=("email",), enabled=True), True),
        ("journey", Action(enabled=True), False),
    ],
)
def test_a_segment_is_actionable_by_its_channels_and_in_a_group_when_enabled(
    group: str | None, action: Action, is_so: bool
):
    definition = Definition(name="s", purpose="p", enter="e", group=group, action=action)
    assert is_actionable(definition) is is_so


def test_customers_and_revenue_outside_at_the_end_and_ever():
    """a is in one now, b was, c and d never; d has bought nothing."""
    after = {"a": standing(10), "b": standing(30), "c": standing(60), "d": standing()}
    found = coverage(("s",), {}, after, {"a"}, {"a", "b"})
    assert (found.customers, found.revenue) == (4, 100.0)
    assert (found.at_end.customers, found.at_end.customers_share) == (3, 0.75)
    assert (found.at_end.revenue, found.at_end.revenue_share) == (90.0, 0.9)
    assert (found.ever.customers, found.ever.revenue, found.ever.revenue_share) == (2, 60.0, 0.6)


def test_revenue_is_of_the_period():
    before = {"a": standing(10), "b": standing(25)}
    found = coverage(("s",), before, {"a": standing(10), "b": standing(30)}, {"a"}, {"a"})
    assert (found.revenue, found.at_end.revenue, found.at_end.revenue_share) == (5.0, 5.0, 1.0)


def test_an_id_that_forwards_counts_for_whom_it_forwards_to():
    """The guest's 40 of before the period are the customer's now: no new revenue."""
    before = {"guest": standing(40), "u": standing(5)}
    after = {
        "device": standing(forward_to="guest"),
        "guest": standing(forward_to="u"),
        "u": standing(65),
        "other": standing(20),
    }
    found = coverage(("s",), before, after, set(), {"device"})
    assert (found.customers, found.revenue) == (2, 40.0)
    assert (found.ever.customers, found.ever.revenue) == (1, 20.0)


def test_ids_that_forward_in_a_circle_end_the_search():
    after = {"a": standing(forward_to="b"), "b": standing(forward_to="a"), "c": standing(1)}
    found = coverage((), {}, after, set(), set())
    assert (found.customers, found.revenue, found.at_end.customers_share) == (1, 1.0, 1.0)


def test_who_is_no_customer_is_left_out_with_the_revenue():
    after = {"shared": standing(is_customer=False), "staff": standing(9, is_customer=False)}
    found = coverage((), {}, {**after, "u": standing(1)}, set(), set())
    assert (found.customers, found.revenue) == (1, 1.0)


def test_a_definition_in_shadow_is_not_actionable():
    action = Action(channels=("email",))
    definition = Definition(name="s", purpose="p", enter="e", shadow=True, action=action)
    assert not is_actionable(definition)
