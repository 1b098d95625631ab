"""Who is served well: sums by hand, and groups that differ or do not."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from stream.clock import MINUTE_MS
from stream.events.records import CustomerEvent
from stream.outcomes import served as module
from stream.outcomes.served import Figure, Served, ServiceReport
from stream.segments.rules import CUSTOMER
from tests.outcomes.stories import (
    agreed,
    answered,
    cancelled,
    entered,
    item,
    left,
    order,
    own,
    page,
    refunded,
    viewed,
)

MINUTE = MINUTE_MS / 86_400_000


def told(*story: Any, report: ServiceReport | None = None) -> ServiceReport:
    found = report or ServiceReport()
    for step in story:
        if isinstance(step, tuple):
            found.event(*step)
        else:
            found.change(step)
    return found


def by(customer: str, *events: CustomerEvent) -> list[tuple[str, CustomerEvent]]:
    return [(customer, event) for event in events]


def only(report: ServiceReport, segment: str = "vip") -> Served:
    found = report.report([segment])
    assert len(found) == 1
    return found[0]


def figure(report: ServiceReport, measure: str) -> Figure:
    return next(f for f in only(report).figures if f.measure == measure)


def both(report: ServiceReport, measure: str) -> tuple[float | None, float | None]:
    found = figure(report, measure)
    return (found.segment, found.rest)


def test_a_visit_counts_for_the_segments_in_which_it_began():
    report = told(
        *by("a", page(1), page(1 + 10 * MINUTE)),
        entered("a", "vip", 1.001),
        *by("a", page(1 + 20 * MINUTE), page(2), order(2 + 5 * MINUTE, "A", 30)),
        left("a", "vip", 2.5),
        *by("a", page(3)),
    )
    assert (only(report).customers, only(report).visits) == (1, 1)
    assert both(report, "conversion") == (1.0, 0.0)
    assert both(report, "pages_per_visit") == (1.0, 2.0)
    assert both(report, "active_seconds") == (300.0, 600.0)
    assert both(report, "revenue_per_visit") == (30.0, 0.0)


def test_the_order_that_makes_a_member_is_no_members_order():
    report = told(*by("a", order(1, "A", 30)), entered("a", "vip", 1, cause="event"))
    report = told(*by("a", order(5, "B", 50)), report=report)
    assert both(report, "basket_value") == (50.0, 30.0)


def test_an_order_counts_where_its_visit_does():
    report = told(
        *by("a", page(1)), entered("a", "vip", 1, cause="event"),
        *by("a", order(1 + 5 * MINUTE, "A", 30)),
    )  # fmt: skip
    assert both(report, "basket_value") == (None, 30.0)


def test_what_happens_in_a_store_or_by_mail_is_no_visit():
    report = told(
        entered("a", "vip", 0),
        *by("a", page(1), order(1 + MINUTE, "W", 10)),
        *by("a", order(2, "S", 90, channel="store"), own(3), answered(4, "opened"), agreed(5)),
    )  # fmt: skip
    assert only(report).visits == 1
    assert both(report, "conversion") == (1, None)
    assert both(report, "revenue_per_visit") == (10, None)
    assert both(report, "basket_value") == (50, None)


def test_returns_margins_and_baskets():
    lines = (
        item("P", price=20, quantity=2, cost_micros=15_000_000),
        item("Q", price=10),
    )
    report = told(
        entered("a", "vip", 0),
        *by("a", order(1, "A", 50, items=lines), order(2, "B", 30), order(3, "C", 99)),
        left("a", "vip", 4),
        *by("a", refunded(5, "A", 20), refunded(6, "A", 90), cancelled(7, "C")),
    )
    assert both(report, "return_rate") == (0.625, None)
    assert both(report, "margin") == (0.25, None)
    assert both(report, "basket_items") == (1.5, None)


def test_cost_that_nobody_said_is_unknown_and_not_nothing():
    report = told(entered("a", "vip", 0), *by("a", order(1, "A", 50, items=(item("P"),))))
    assert both(report, "margin") == (None, None)


def test_opt_outs_are_of_those_who_were_members_then():
    report = told(
        entered("a", "vip", 0),
        *by("a", page(1), answered(2, "unsubscribed"), answered(3, "marked_spam")),
        *by("b", page(1)), *by("c", answered(1, "bounced")),
    )  # fmt: skip
    assert both(report, "opt_out_rate") == (1.0, 0.5)


def test_who_withdraws_consent_to_marketing_opts_out():
    report = told(entered("a", "vip", 0), *by("a", page(1), agreed(1), agreed(2, yes=False)))
    assert both(report, "opt_out_rate") == (1, None)
    report = told(entered("a", "vip", 0), *by("a", page(1), agreed(2)))
    assert both(report, "opt_out_rate") == (0, None)


def test_what_is_told_twice_counts_once():
    seen = page(1)
    report = told(entered("a", "vip", 0), *by("a", seen, seen))
    assert both(report, "pages_per_visit") == (1.0, None)


def test_an_id_that_turns_out_to_be_somebody_known_is_the_same_customer():
    report = told(*by("anonymous", page(1)), entered("known", "vip", 0), *by("known", page(2)))
    report.merged("anonymous", "known")
    told(*by("known", page(3)), report=report)
    assert only(report).customers == 1
    assert both(report, "pages_per_visit") == (1.0, 1.0)


def test_only_customers_by_the_condition_count_as_of_the_visits_begin():
    report = told(
        entered("a", "vip", 0), entered("a", CUSTOMER, 0.5, segments=("vip",)),
        entered("staff", "vip", 0),
        *by("a", page(1)), *by("staff", page(1), order(1, "A", 9)),
        left("a", CUSTOMER, 2, "vip"),
        *by("a", page(3), order(3, "B", 9), answered(4, "unsubscribed")),
        report=ServiceReport(has_condition=True),
    )  # fmt: skip
    assert (only(report).customers, only(report).visits) == (1, 1)
    assert both(report, "conversion") == (0.0, None)
    assert both(report, "opt_out_rate") == (0.0, None)


def crowd(difference: float, seed: int = 5) -> ServiceReport:
    """400 members and 800 others, three visits each; members buy more often by the difference."""
    random = Random(seed)
    report = ServiceReport()
    for number in range(1_200):
        customer, member = f"c{number}", number % 3 == 0
        if member:
            report.change(entered(customer, "vip", 0))
        for day in (1, 2, 3):
            report.event(customer, page(day))
            if random.random() < 0.3 + difference * member:
                report.event(customer, order(day, f"{customer} {day}", 20 + random.random()))
    return report


@pytest.mark.parametrize(
    ("difference", "word"), [(0.15, "better"), (-0.15, "worse"), (0.0, "like the rest")]
)
def test_a_word_says_how_members_are_served(difference: float, word: str):
    found = figure(crowd(difference), "conversion")
    assert found.word == word
    assert found.low is not None
    assert found.high is not None
    assert found.low <= difference <= found.high


def test_customers_who_differ_are_less_sure_than_visits_would_be():
    """The same 600 visits a side: of 600 customers, or of 60 who always or never buy."""

    def width(customers: int, visits: int) -> float:
        random, report = Random(3), ServiceReport()
        for number in range(2 * customers):
            customer = f"c{number}"
            if number % 2:
                report.change(entered(customer, "vip", 0))
            buys = random.random() < 0.5
            for day in range(1, visits + 1):
                report.event(customer, page(day))
                if buys:
                    report.event(customer, order(day, f"{customer} {day}", 20))
        found = figure(report, "conversion")
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    assert width(60, 10) > 2.5 * width(600, 1)


def test_too_few_say_nothing():
    report = told(entered("a", "vip", 0), *by("a", page(1)), *by("b", page(1)))
    assert {f.word for f in only(report).figures} == {"too little data"}


def test_more_customers_than_fit_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CUSTOMERS_MAX", 1)
    report = told(*by("a", page(1)), *by("b", viewed(1, item("P"))))
    assert report.left_out == 1
