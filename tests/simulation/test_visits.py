from __future__ import annotations

from collections import Counter, defaultdict
from math import sqrt

import pytest

from stream.clock import DAY_MS, HOUR_MS
from tests.simulation.month import MONDAY_MS, Month, month_of


@pytest.fixture(scope="module")
def visits(month: Month) -> dict[int, list[int]]:
    return month.visits()


def steady(month: Month) -> list[dict]:
    """Customers from before the month whose rate does not change, and who come without errand."""
    return [
        truth
        for truth in month.truths
        if not truth["arrival_days"]
        and truth["parameters"]["half_life_days"] is None
        and truth["habits"]["season"] is None
        and not truth["habits"]["rising"]
        and not truth["habits"]["refill_pace"]
    ]


def test_customers_come_as_often_as_the_truth_says(month: Month, visits: dict[int, list[int]]):
    by_type: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for truth in steady(month):
        expected, found = by_type[truth["type"]]
        expected += truth["parameters"]["visits_per_week"] * 4
        by_type[truth["type"]] = [expected, found + len(visits[truth["customer"]])]
    for name, (expected, found) in by_type.items():
        # Five standard deviations of a Poisson count, and 2 % for the time that visits take.
        assert abs(found - expected) < 5 * sqrt(expected) + 0.02 * expected, name
    total = [sum(column) for column in zip(*by_type.values(), strict=True)]
    assert total[0] > 2_000
    assert total[1] == pytest.approx(total[0], rel=0.06)


def test_each_customer_has_its_own_rate(month: Month, visits: dict[int, list[int]]):
    within = 0
    for truth in steady(month):
        expected = truth["parameters"]["visits_per_week"] * 4
        found = len(visits[truth["customer"]])
        within += abs(found - expected) < 3 * sqrt(expected) + 1
    assert within / len(steady(month)) > 0.98


def test_lapsing_customers_lapse(visits: dict[int, list[int]], month: Month):
    lapsing = {t["customer"] for t in month.of_type("lapsing") if not t["arrival_days"]}
    halves = Counter(
        (start_ms - MONDAY_MS) // (14 * DAY_MS) for i in lapsing for start_ms in visits[i]
    )
    # The rate halves in nine days: after fourteen, 2^(-14/9) = 0.34 of it is left.
    assert halves[0] > 80
    assert halves[1] / halves[0] == pytest.approx(0.34, abs=0.15)


def test_newcomers_are_not_heard_before_they_arrive(month: Month):
    arrivals = {t["customer"]: t["arrival_days"] for t in month.truths if t["arrival_days"]}
    first: dict[int, int] = {}
    for event in month.events:
        first.setdefault(event.customer, event.time_ms)
    delays = [
        (first[index] - MONDAY_MS) / DAY_MS - days
        for index, days in arrivals.items()
        if index in first
    ]
    assert len(arrivals) / len(month.truths) == pytest.approx(0.35, abs=0.06)
    assert len(delays) > 0.85 * len(arrivals)
    assert min(delays) > -0.001
    assert sorted(delays)[len(delays) // 2] < 1.0


def test_the_evening_is_busy_and_the_night_is_not(month: Month, visits: dict[int, list[int]]):
    hours: Counter[int] = Counter()
    for truth in month.truths:
        shift_ms = truth["parameters"]["hours_ahead"] * HOUR_MS
        hours.update((start + shift_ms) // HOUR_MS % 24 for start in visits[truth["customer"]])
    assert hours[19] + hours[20] + hours[21] > 5 * (hours[2] + hours[3] + hours[4])
    assert max(hours, key=hours.__getitem__) in {19, 20, 21}


def test_some_never_log_in_some_do_within_a_visit_and_some_are_from_the_start(month: Month):
    before: dict[str, bool] = {}
    logins = 0
    known: set[int] = set()
    for event, body in month.told("page Home", "page Product", "Product Viewed", "identify"):
        anonymous_id, is_known = body["anonymousId"], "userId" in body
        logins += is_known and before.get(anonymous_id) is False
        before[anonymous_id] = is_known
        if is_known:
            known.add(event.customer)
    members = {t["customer"] for t in month.truths if t["was_member"]}
    assert logins > 50
    assert 0.3 < len(known) / len(month.truths) < 0.8
    assert known & members
    assert known - members
    assert not known & {t["customer"] for t in month.truths if t["user_id"] is None}


def test_some_devices_have_two_accounts():
    month = month_of(customers=1_200, days=10.0)
    shared = [t for t in month.truths if t["shares_device_with"] is not None]
    for truth in shared:
        other = month.truths[truth["shares_device_with"]]
        assert truth["anonymous_ids"][0] == other["anonymous_ids"][0]
    accounts: dict[str, set[str]] = defaultdict(set)
    for _, body in month.told("page Home", "page Product", "identify"):
        accounts[body["anonymousId"]].update({body["userId"]} if "userId" in body else ())
    assert 35 <= len(shared) <= 85  # a tenth of 600
    assert any(len(users) == 2 for users in accounts.values())
    assert all(len(users) <= 2 for users in accounts.values())


def test_an_identify_carries_both_ids_and_traits(month: Month):
    told = list(month.told("identify"))
    assert len(told) > 200
    for event, body in told:
        truth = month.truths[event.customer]
        assert body["userId"] == truth["user_id"]
        assert body["anonymousId"] in truth["anonymous_ids"]
        assert {"name", "email", "address", "newsletter", "birthday"} <= set(body["traits"])


def test_a_device_says_what_it_is(month: Month):
    channels = Counter(
        (body["type"], body["properties"]["channel"], body["context"]["library"]["name"])
        for _, body in month.told("page Home")
    )
    assert {call for call, _, _ in channels} == {"page", "screen"}
    for call, channel, library in channels:
        assert (call == "screen") == (channel == "app") == (library != "analytics.js")


def test_searches_that_find_nothing_occur_and_mostly_for_who_seeks_what_is_out(month: Month):
    vain: Counter[bool] = Counter()
    searches: Counter[bool] = Counter()
    for event, body in month.told("Products Searched"):
        is_seeker = month.type_of(event) == "sold_out_seeker"
        searches[is_seeker] += 1
        vain[is_seeker] += body["properties"]["results_count"] == 0
    assert vain[False] / searches[False] == pytest.approx(0.07, abs=0.02)
    assert vain[True] / searches[True] == pytest.approx(0.25, abs=0.06)


def test_sold_out_seekers_look_at_what_is_out(month: Month):
    out: Counter[bool] = Counter()
    views: Counter[bool] = Counter()
    for event, body in month.told("Product Viewed"):
        is_seeker = month.type_of(event) == "sold_out_seeker"
        views[is_seeker] += 1
        out[is_seeker] += body["properties"]["availability"] == "out_of_stock"
    assert out[True] / views[True] > 2 * out[False] / views[False]


def test_carts_and_checkouts_are_abandoned(month: Month):
    adding = {event.customer for event in month.events if event.kind == "Product Added"}
    buying = {event.customer for event in month.events if event.kind == "Order Completed"}
    assert len(adding - buying) > 30
    started = {body["properties"]["checkout_id"] for _, body in month.told("Checkout Started")}
    steps: dict[str, str] = {}
    for _, body in month.told(
        "Checkout Started", "Checkout Step Viewed", "Checkout Step Completed",
        "Payment Info Entered", "Payment Failed", "Coupon Denied",
    ):  # fmt: skip
        steps[body["properties"]["checkout_id"]] = body["event"]
    ordered = {body["properties"]["order_id"][1:] for _, body in month.told("Order Completed")}
    left_at = Counter(step for ident, step in steps.items() if ident[1:] not in ordered)
    assert set(steps) == started
    assert left_at.total() / len(started) == pytest.approx(0.33, abs=0.06)
    assert set(left_at) == {
        "Checkout Started", "Checkout Step Completed", "Checkout Step Viewed", "Payment Failed",
        "Coupon Denied",
    }  # fmt: skip


def test_discount_hunters_bring_coupons_and_buy_what_is_on_sale(month: Month):
    coupons: Counter[bool] = Counter()
    checkouts: Counter[bool] = Counter()
    sale: Counter[bool] = Counter()
    views: Counter[bool] = Counter()
    for event, body in month.told("Product Viewed", "Coupon Entered", "Payment Info Entered"):
        is_hunter = month.type_of(event) == "discount_hunter"
        properties = body["properties"]
        coupons[is_hunter] += event.kind == "Coupon Entered"
        checkouts[is_hunter] += event.kind == "Payment Info Entered"
        if event.kind == "Product Viewed":
            views[is_hunter] += 1
            sale[is_hunter] += properties["price"] < properties["list_price"]
    assert coupons[True] / checkouts[True] > 0.6
    assert coupons[False] / checkouts[False] < 0.2
    assert sale[True] / views[True] > 2 * sale[False] / views[False]
