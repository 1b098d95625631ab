from __future__ import annotations

import re
from collections import Counter
from math import sqrt
from random import Random
from typing import Any

import orjson
import pytest

from stream.simulation import customer_types
from stream.simulation.customer_types import TYPES, CustomerType
from stream.simulation.customers import Customer
from stream.simulation.population import Population
from stream.simulation.traffic import TrafficConfig, truths
from tests.simulation.month import MONDAY_MS, Month


def test_the_types_shares_add_up_to_one():
    assert sum(kind.share for kind in TYPES) == pytest.approx(1.0)
    assert len({kind.name for kind in TYPES}) == len(TYPES) == 13


def test_the_documented_table_is_what_the_types_are():
    rows = re.findall(
        r"^(\w+) +(\d+) % +([\d.]+) +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) ",
        customer_types.__doc__ or "",
        re.MULTILINE,
    )
    assert {row[0] for row in rows} == {kind.name for kind in TYPES}
    for name, *numbers in rows:
        kind = next(kind for kind in TYPES if kind.name == name)
        assert [float(number) for number in numbers] == pytest.approx(
            [
                kind.share * 100,
                kind.visits_per_week,
                kind.views_per_visit,
                kind.add_ratio,
                kind.order_ratio,
                kind.price_rank,
                kind.return_ratio,
                kind.till_per_week,
            ]
        )


def test_types_occur_by_their_shares():
    config = TrafficConfig(customers=20_000, start_ms=MONDAY_MS)
    counts = Counter(truth["type"] for truth in truths(config))
    for kind in TYPES:
        expected = 20_000 * kind.share
        assert abs(counts[kind.name] - expected) < 5 * sqrt(expected)


def test_every_quantile_has_a_type():
    everybody = Population()
    assert {everybody.type_at(step / 1_000) for step in range(1_000)} == set(TYPES)
    assert everybody.type_at(1.0) is TYPES[-1]


def test_given_shares_hold_and_the_others_keep_their_proportions():
    config = TrafficConfig(
        customers=20_000, start_ms=MONDAY_MS, types=(("heavy", 0.5), ("browser", 0.0))
    )
    counts = Counter(truth["type"] for truth in truths(config))
    assert abs(counts["heavy"] - 10_000) < 5 * sqrt(5_000)
    assert counts["browser"] == 0
    # What is left for the others is 0.5 of 0.78: light had 0.18.
    expected = 20_000 * 0.5 * 0.18 / 0.78
    assert abs(counts["light"] - expected) < 5 * sqrt(expected)


@pytest.mark.parametrize("logins", [0.0, 0.3, 0.95, 1.0])
def test_as_many_have_an_account_as_are_to_log_in(logins: float):
    config = TrafficConfig(customers=5_000, start_ms=MONDAY_MS, logins=logins)
    accounts = sum(truth["user_id"] is not None for truth in truths(config))
    assert abs(accounts - 5_000 * logins) <= 5 * sqrt(5_000 * logins * (1 - logins))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"types": (("owl", 0.1),)}, "owl"),
        ({"types": (("heavy", 0.7), ("light", 0.4))}, "1.1 in sum"),
        ({"types": (("heavy", -0.1),)}, "share"),
        ({"logins": 1.2}, "logins"),
    ],
)
def test_shares_that_cannot_be_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        TrafficConfig(start_ms=MONDAY_MS, **settings)


def test_habits_occur_by_their_shares():
    config = TrafficConfig(customers=20_000, start_ms=MONDAY_MS)
    habits = [truth["habits"] for truth in truths(config)]
    for name, value, share in [
        ("daypart", "morning", 0.10), ("daypart", "weekend", 0.10), ("season", "christmas", 0.025),
        ("style", "planned", 0.12), ("attitude", "detractor", 0.25), ("medium", "sms", 0.10),
        ("advocate", True, 0.05), ("area", "rural", 0.25),
    ]:  # fmt: skip
        found = sum(habit[name] == value for habit in habits)
        assert abs(found - 20_000 * share) < 5 * sqrt(20_000 * share), (name, value)


def test_customers_of_a_type_differ_around_its_means():
    drawn: list[tuple[CustomerType, Customer]] = []
    for index in range(3_000):
        customer = Customer(1, index, Random())
        drawn.append((customer.kind, customer))
    heavy = [customer for kind, customer in drawn if kind.name == "heavy"]
    rates = [customer.visits_per_week for customer in heavy]
    assert sum(rates) / len(rates) == pytest.approx(6.0, rel=0.12)
    assert max(rates) > 2 * min(rates)
    for kind, customer in drawn:
        assert customer.add_ratio == pytest.approx(kind.add_ratio, rel=0.21)
        assert 0 <= customer.price_rank <= 1
        assert 1 <= len(customer.devices) <= 3


def test_the_truth_file_names_every_id_in_the_stream(month: Month):
    owners: dict[str, set[int]] = {}
    for truth in month.truths:
        for ident in (*truth["anonymous_ids"], *filter(None, [truth["user_id"]])):
            owners.setdefault(ident, set()).add(truth["customer"])
    for event in month.events[::5]:
        body = orjson.loads(event.value)
        for name in ("userId", "anonymousId"):
            if name in body:
                assert event.customer in owners[body[name]]


def test_user_ids_belong_to_one_customer_and_anonymous_ids_to_at_most_two(month: Month):
    users = Counter(truth["user_id"] for truth in month.truths if truth["user_id"])
    devices = Counter(ident for truth in month.truths for ident in truth["anonymous_ids"])
    assert set(users.values()) == {1}
    assert set(devices.values()) <= {1, 2}


def test_truth_is_plain_data(month: Month):
    for truth in month.truths[:50]:
        assert orjson.loads(orjson.dumps(truth)) == truth
        assert 0 <= truth["parameters"]["return_ratio"] <= 1
