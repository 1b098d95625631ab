"""Missed demand, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from stream.events.records import CustomerEvent, Item, OrderUpdated, WishlistChanged
from stream.outcomes import demand as module
from stream.outcomes.demand import Demand, MissedDemand
from tests.outcomes.stories import added, at, item, order, page, viewed


def told(*story: tuple[str, CustomerEvent]) -> Demand:
    demand = Demand()
    for customer, record in story:
        demand.event(customer, record)
    return demand


def row(demand: Demand, product: str, size: str | None = None) -> MissedDemand:
    found = [r for r in demand.missed() if (r.product, r.size) == (product, size)]
    assert len(found) == 1
    return found[0]


def shoe(size: str, in_stock: bool | None = True, **fields: Any) -> Item:
    return item("shoe", size, in_stock=in_stock, price=80, **fields)


def bought(days: float, *items: Item) -> CustomerEvent:
    return order(days, f"order {days}", 1, items=items)


def sold_out() -> Demand:
    """Size 42 is out: of four who look at 41, one buys; of three who want 42, one takes 43."""
    return told(
        *((name, viewed(1, shoe("41"))) for name in "abcd"),
        ("a", bought(2, shoe("41"))),
        *((name, viewed(1, shoe("42", False))) for name in "xyz"),
        ("x", added(1.1, shoe("42", False))),
        ("z", bought(2, shoe("43"))),
    )


def test_lost_revenue_is_price_times_lost_buyers_times_the_rate_in_stock():
    found = row(sold_out(), "shoe", "42")
    assert (found.wanted, found.added, found.bought) == (3, 1, 0)
    assert (found.switched, found.missed, found.lost_buyers) == (1, 2, 2)
    assert found.conversion_rate == 0.25
    assert found.lost_revenue == 80 * 2 * 0.25
    assert found.stock == "known"


def test_who_saw_it_in_stock_and_did_not_buy_is_missed_and_not_lost():
    found = row(sold_out(), "shoe", "41")
    assert (found.wanted, found.bought, found.missed, found.lost_buyers) == (4, 1, 3, 0)
    assert found.lost_revenue == 0


def test_the_dearest_loss_stands_first():
    first = sold_out().missed()[0]
    assert (first.product, first.size) == ("shoe", "42")


def test_without_availability_the_money_is_unknown_and_not_nothing():
    found = row(told(("a", viewed(1, shoe("41", None)))), "shoe", "41")
    assert (found.stock, found.lost_buyers, found.lost_revenue) == ("unknown", None, None)


def test_without_a_size_demand_is_by_product():
    demand = told(
        ("a", viewed(1, item("mug"))), ("a", bought(2, item("mug", sku="mug-blue"))),
        ("b", viewed(1, item("mug"))),
    )  # fmt: skip
    found = row(demand, "mug")
    assert (found.wanted, found.bought, found.missed) == (2, 1, 1)


def test_the_last_look_decides_whether_it_was_there():
    seen = [viewed(1, shoe("42", False)), viewed(3, shoe("42", True))]
    assert row(told(*(("a", look) for look in seen)), "shoe", "42").lost_buyers == 0


def test_a_want_is_one_however_often_it_is_shown():
    look = viewed(1, shoe("42"))
    wish = WishlistChanged(at(1), 77, at(1), action="added", item=shoe("42"))
    found = row(told(("a", look), ("a", look), ("a", wish), ("a", page(2))), "shoe", "42")
    assert (found.wanted, found.undecided) == (1, 1)


def test_a_want_lasts_thirty_days():
    demand = told(("a", viewed(1, shoe("42"))), ("a", bought(31.5, shoe("42"))))
    assert (row(demand, "shoe", "42").bought, row(demand, "shoe", "42").missed) == (0, 1)
    again = told(("a", viewed(1, shoe("42"))), ("a", viewed(40, shoe("42"))))
    assert (row(again, "shoe", "42").wanted, row(again, "shoe", "42").undecided) == (2, 1)


def test_time_settles_what_was_wanted_long_ago():
    demand = told(("a", viewed(1, shoe("42"))), ("b", viewed(20, shoe("42"))))
    demand.advance(at(40))
    found = row(demand, "shoe", "42")
    assert (found.missed, found.undecided) == (2, 1)


def test_what_buyers_had_wanted_instead():
    demand = told(
        ("a", viewed(1, item("boot"))), ("a", bought(2, shoe("41"))),
        ("b", viewed(1, item("boot"))), ("b", bought(2, shoe("41"), item("boot"))),
        ("c", bought(3, shoe("42"))),
    )  # fmt: skip
    assert [(p.bought, p.wanted, p.buyers, p.share) for p in demand.alternatives()] == [
        ("shoe", "boot", 1, 0.3333)
    ]


def test_an_order_told_again_is_no_second_purchase():
    again = OrderUpdated(at(4), 99, at(4), order_id="order 2", items=(shoe("41"),))
    demand = told(
        ("a", viewed(1, item("boot"))), ("a", bought(2, shoe("41"))),
        ("a", viewed(3, item("sandal"))), ("a", again), ("b", bought(3, shoe("41"))),
    )  # fmt: skip
    assert [(p.bought, p.wanted, p.buyers, p.share) for p in demand.alternatives()] == [
        ("shoe", "boot", 1, 0.5)
    ]


def test_who_wanted_it_long_ago_is_not_undecided():
    demand = told(
        ("a", viewed(0, shoe("41"))), *(("a", viewed(day, item("mug"))) for day in range(1, 60, 9)),
        ("b", viewed(1, shoe("42"))), ("c", viewed(20, shoe("43"))), ("d", viewed(2, shoe("43"))),
    )  # fmt: skip
    demand.merged("c", "d")
    demand.advance(at(55))
    assert [row(demand, "shoe", size).undecided for size in ("41", "42", "43")] == [0, 0, 0]
    assert row(demand, "mug").undecided == 1
    assert [row(demand, "shoe", size).missed for size in ("41", "42", "43")] == [1, 1, 1]


def test_two_ids_of_one_customer_want_it_once():
    demand = told(("x", added(1, shoe("42"))), ("known", viewed(2, shoe("42", False))))
    demand.merged("x", "known")
    found = row(demand, "shoe", "42")
    assert (found.wanted, found.added, found.lost_buyers) == (1, 1, 1)


def test_every_want_ends_as_one_thing():
    for found in sold_out().missed():
        assert found.wanted == found.bought + found.switched + found.missed


@pytest.mark.parametrize(("bound", "left_out"), [("VARIANTS_MAX", 1), ("CUSTOMERS_MAX", 0)])
def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, bound: str, left_out: int):
    monkeypatch.setattr(module, bound, 1)
    demand = told(("a", viewed(1, shoe("41"))), ("b", viewed(2, shoe("42"))))
    assert demand.left_out == left_out
    assert row(demand, "shoe", "41").wanted == 1


def test_a_customers_wants_are_bounded():
    looks = [("a", viewed(n / 100, item(f"P{n}"))) for n in range(module.WANTS_MAX + 1)]
    assert row(told(*looks), "P0").undecided == 0
    assert row(told(*looks), "P1").undecided == 1
