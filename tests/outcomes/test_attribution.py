"""Exposures and conversions: stories whose outcome is counted by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stream.clock import DAY_MS, HOUR_MS
from stream.events.records import MICROS, CustomerEvent, MessageResponded, OrderUpdated, Shared
from stream.outcomes import attribution as module
from stream.outcomes.attribution import Attribution
from stream.outcomes.plan import PROGRAMME, Draw, Plan, plans_of, success_of
from stream.outcomes.windows import Cell
from tests.outcomes.stories import (
    added,
    agreed,
    answered,
    at,
    cancelled,
    entered,
    item,
    order,
    page,
    refunded,
    viewed,
)

NOBODY_HELD = Draw()


def plan(event: str = "Order Completed", **fields: Any) -> Plan:
    values: dict[str, Any] = {
        "segment": "cart", "event": event, "is_success": success_of(event), "has_value": True,
        "within_ms": None, "kind": "message", "is_enabled": True, "control_share": 0.0,
        "variants": (), **fields,
    }  # fmt: skip
    return Plan(**values)


def told(*story: Any, draw: Draw = NOBODY_HELD, of: Plan | None = None) -> Attribution:
    """What was attributed after the story: changes, pairs of customer and event, instants."""
    found = of or plan()
    attribution = Attribution({found.segment: found}, draw)
    for step in story:
        if isinstance(step, tuple):
            attribution.event(*step)
        elif isinstance(step, int):
            attribution.advance(step)
        else:
            attribution.change(step)
    return attribution


def cell(attribution: Attribution, days: float, segment: str = "cart") -> Cell:
    return attribution.cells[segment, round(days * DAY_MS), None, None]


def by(customer: str, *events: CustomerEvent) -> list[tuple[str, CustomerEvent]]:
    return [(customer, event) for event in events]


def test_an_order_converts_the_windows_that_it_falls_in():
    found = told(entered("a", "cart", 0), *by("a", order(10, "A", 40)), at(91))
    assert [cell(found, days).converted.total for days in (3, 30, 90)] == [0, 1, 1]
    assert [cell(found, days).micros.total for days in (3, 30, 90)] == [0, 40 * MICROS, 40 * MICROS]


def test_a_window_is_known_when_it_has_ended():
    found = told(entered("a", "cart", 0), *by("a", order(1, "A", 40)), at(3))
    assert (cell(found, 3).open, cell(found, 3).converted.count) == (1, 0)
    found.advance(at(3) + 1)
    assert (cell(found, 3).open, cell(found, 3).converted.count) == (0, 1)
    assert (cell(found, 30).open, cell(found, 30).converted.count) == (1, 0)


def test_the_last_millisecond_counts_and_the_first_does_not():
    story = [entered("a", "cart", 0), *by("a", order(0, "A", 10), order(3, "B", 20)), at(91)]
    assert cell(told(*story), 3).micros.total == 20 * MICROS


def test_the_definitions_own_time_is_a_horizon_besides():
    of = plan(within_ms=2 * HOUR_MS)
    found = told(entered("a", "cart", 0), *by("a", order(0.1, "A", 9)), at(91), of=of)
    assert cell(found, 2 / 24).converted.total == 0
    assert cell(found, 3).converted.total == 1


def test_entering_again_opens_no_window_while_one_is_open():
    story = [entered("a", "cart", days) for days in (0, 1, 2.5, 4)]
    found = told(*story, *by("a", order(5, "A", 10)), at(200))
    short, long = cell(found, 3), cell(found, 90)
    assert (short.windows, short.conversions) == (2, 1)
    assert (short.converted.count, short.converted.total) == (1, 0), "only the first is counted"
    assert (long.windows, long.converted.total) == (1, 1)


def test_what_comes_back_is_taken_off_also_after_the_windows_end():
    story = [
        entered("a", "cart", 0), *by("a", order(1, "A", 40), order(2, "B", 60)), at(3.5),
        *by("a", refunded(10, "A", 15), cancelled(11, "B")),
    ]  # fmt: skip
    short = cell(told(*story, at(91)), 3)
    assert (short.converted.total, short.micros.total) == (1, 25 * MICROS)
    only = [
        entered("a", "cart", 0),
        *by("a", order(1, "A", 40)),
        at(4),
        *by("a", cancelled(5, "A")),
    ]
    short = cell(told(*only, at(91)), 3)
    assert (short.converted.total, short.conversions, short.micros.total) == (0, 0, 0)


def test_a_late_event_counts_in_the_window_of_its_time():
    late = order(1, "A", 40)
    found = told(entered("a", "cart", 0), at(5), ("a", late), at(91))
    assert cell(found, 3).converted.total == 1


def test_what_is_told_twice_counts_once():
    change, bought, back = entered("a", "cart", 0), order(1, "A", 40), refunded(2, "A", 10)
    story = [change, change, *by("a", bought, bought, back, back)]
    found = told(*story, entered("a", "cart", 5, id=change.id), at(200))
    assert cell(found, 3).windows == 1
    assert cell(found, 3).micros.total == 30 * MICROS
    assert found.repeated == 4


@pytest.mark.parametrize(
    "fields", [{"historic": True}, {"initial": True}, {"action": {}}, {"entered": False}]
)
def test_a_change_that_does_not_act_exposes_nobody(fields: dict[str, Any]):
    found = told(entered("a", "cart", 0, **fields), *by("a", order(1, "A", 4)), at(91))
    assert found.cells == {}


def test_an_action_that_is_off_exposes_nobody_and_holds_nobody_back():
    held = entered("a", "cart", 0, action={}, control=True)
    assert told(entered("a", "cart", 0), held, of=plan(is_enabled=False)).cells == {}


def test_a_control_group_is_exposed_to_nothing_and_counts():
    held = entered("a", "cart", 0, action={}, control=True)
    found = told(held, *by("a", order(1, "A", 4)), at(91), of=plan(control_share=1.0))
    assert found.cells["cart", 3 * DAY_MS, "segment", None].converted.total == 1


def test_other_successes_and_their_value():
    of = plan("Product Added", has_value=False)
    put = added(1, item("P"))
    found = told(entered("a", "cart", 0), *by("a", viewed(1, item("P")), put), at(91), of=of)
    assert (cell(found, 3).converted.total, cell(found, 3).micros.total) == (1, 0)
    of = plan("Order Refunded")
    story = [entered("a", "cart", 0), *by("a", refunded(1, "A", 15), refunded(2, "B", 5)), at(91)]
    assert cell(told(*story, of=of), 3).micros.total == 20 * MICROS


def test_opt_outs_within_the_window_are_the_guardrail():
    story = [
        entered("a", "cart", 0), entered("b", "cart", 0), entered("c", "cart", 0),
        *by("a", answered(1, "unsubscribed"), answered(2, "marked_spam")),
        *by("b", answered(1, "opened")), *by("c", answered(4, "bounced")),
        entered("d", "cart", 0), *by("d", agreed(1), agreed(10, yes=False)),
    ]  # fmt: skip
    found = told(*story, at(91))
    assert [cell(found, days).opted_out.total for days in (3, 30)] == [1, 3]


def test_who_becomes_known_keeps_the_first_exposure():
    found = told(entered("anonymous", "cart", 0), entered("known", "cart", 1))
    found.merged("anonymous", "known")
    found.event("known", order(3.5, "A", 10))
    found.advance(at(200))
    short = cell(found, 3)
    assert (short.windows, short.open, short.converted.total) == (1, 0, 0)


def test_who_was_unknown_keeps_the_window_under_the_new_name():
    found = told(entered("anonymous", "cart", 0))
    found.merged("anonymous", "known")
    found.event("known", order(2, "A", 10))
    found.advance(at(200))
    assert cell(found, 3).converted.total == 1


def test_an_order_from_before_is_no_success_however_often_it_is_told_afterwards():
    update = OrderUpdated(at(1), 5, at(1), order_id="A", revenue_micros=30 * MICROS)
    story = [
        *by("a", order(0, "A", 40)), entered("a", "cart", 0, cause="event"),
        *by("a", update, order(2, "A", 30)),
    ]  # fmt: skip
    assert cell(told(*story, at(91)), 3).converted.total == 0
    alone = [entered("a", "cart", 0), *by("a", update)]
    assert cell(told(*alone, at(91)), 3).micros.total == 30 * MICROS


def test_what_either_id_ordered_counts_for_the_customer():
    found = told(
        entered("known", "cart", 0), entered("anonymous", "cart", 1),
        *by("anonymous", order(2, "A", 10), order(2.5, "B", 90), cancelled(2.6, "B")),
        *by("known", order(2.7, "C", 5)),
    )  # fmt: skip
    found.merged("anonymous", "known")
    found.event("known", refunded(2.8, "A", 4))
    found.advance(at(200))
    short = cell(found, 3)
    assert (short.windows, short.converted.total, short.micros.total) == (1, 1, 11 * MICROS)


def test_a_guests_order_counts_for_who_logs_in():
    found = told(entered("known", "cart", 0), *by("guest", order(1, "A", 10)))
    found.merged("guest", "known")
    found.advance(at(200))
    assert cell(found, 3).micros.total == 10 * MICROS


def test_bystanders_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BYSTANDERS_MAX", 1)
    story = [*by("guest", order(1, "A", 10)), *by("other", order(1, "B", 10))]
    found = told(entered("known", "cart", 0), *story)
    found.merged("guest", "known")
    found.merged("other", "known")
    found.advance(at(200))
    assert cell(found, 3).micros.total == 10 * MICROS


def test_of_two_ids_windows_only_the_customers_first_is_in_the_intervals():
    story = [entered("anonymous", "cart", 0), entered("known", "cart", 5)]
    found = told(*story, *by("known", order(6, "A", 10)), at(10))
    assert cell(found, 3).converted.count == 2
    found.merged("anonymous", "known")
    short = cell(found, 3)
    assert (short.converted.count, short.converted.total, short.micros.total) == (1, 0, 0)
    assert (short.windows, short.conversions) == (2, 1)


def test_who_had_a_first_window_long_ago_has_no_second_one_under_another_id():
    found = told(entered("known", "cart", 0), at(40), entered("anonymous", "cart", 50), at(60))
    assert cell(found, 3).converted.count == 2
    found.merged("anonymous", "known")
    short, long = cell(found, 3), cell(found, 30)
    assert (short.converted.count, short.windows) == (1, 2), "the first one has been let go"
    assert long.converted.count == 1
    found.advance(at(100))
    assert (long.converted.count, long.windows) == (1, 2)


def test_money_of_another_currency_is_not_added_up():
    story = [
        entered("a", "cart", 0),
        *by("a", order(1, "A", 40, currency="EUR"), order(2, "B", 50, currency="SEK")),
        *by("a", refunded(2.5, "B", 50)),
    ]
    found = told(*story, at(91))
    assert (found.currency, found.foreign, cell(found, 3).micros.total) == ("EUR", 1, 40 * MICROS)


def test_the_programme_is_the_first_action_of_any_segment():
    draw = Draw(global_share=1.0)
    found = told(entered("a", "cart", 0), *by("a", order(1, "A", 4)), at(91), draw=draw)
    assert found.cells[PROGRAMME, 3 * DAY_MS, "global", None].converted.total == 1


def test_memory_is_bounded_and_given_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "WINDOWS_MAX", 6)
    found = told(*(entered(name, "cart", 0) for name in "abc"))
    assert found.left_out == 1
    found.advance(at(200))
    found.change(entered("d", "cart", 200))
    assert found.left_out == 1
    found.event("a", page(200))
    assert cell(found, 3).windows == 2


def test_plans_are_read_from_definitions():
    plans, draw = plans_of(
        b"""
control: {share: 0.05, salt: spring}
settings: {soon: 2 * DAY}
segments:
  - name: cart
    purpose: To sell.
    enter: cart.items > 0
    success: {event: completed order, value: revenue, within: soon}
    action: {channels: [email], control: 0.2, variants: [{name: plain}, {name: free, weight: 3}]}
  - name: returner
    purpose: To spare.
    enter: orders.count > 3
    success: {event: Club Joined}
    action: {kind: suppress}
"""
    )
    cart, returner = plans["cart"], plans["returner"]
    assert (cart.event, cart.has_value, cart.within_ms) == ("Order Completed", True, 2 * DAY_MS)
    assert cart.horizons_ms == tuple(days * DAY_MS for days in (2, 3, 30, 90))
    assert (cart.control_share, [v.weight for v in cart.variants]) == (0.2, [1, 3])
    assert (cart.control_is, returner.control_is) == ("not contacted", "not suppressed")
    assert not returner.is_of_orders
    assert draw == Draw("spring", 0.0, 0.05, stamped=True)


def test_a_stamped_change_says_its_group_itself():
    held = entered("a", "cart", 0, control=True, holdout="segment")
    treated = entered("b", "cart", 0, variant="plain")
    found = told(held, treated, at(91), draw=Draw(stamped=True))
    assert {(holdout, variant) for _, _, holdout, variant in found.cells} == {
        ("segment", None), (None, "plain"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("event", "record"),
    [
        ("Product Shared", Shared(0, 1, 0)),
        ("Message Clicked", MessageResponded(0, 1, 0, medium="email", action="clicked")),
        ("Message Sent", MessageResponded(0, 1, 0, medium="push", action="sent")),
    ],
)
def test_a_success_is_what_conditions_call_by_its_name(event: str, record: CustomerEvent):
    record = msgspec.structs.replace(record, time_ms=at(1))
    found = told(entered("a", "cart", 0), ("a", record), at(91), of=plan(event))
    assert cell(found, 3).converted.total == 1
