"""Definitions that are edited while they are in force: who leaves, who enters, who stays."""

from __future__ import annotations

import pytest

from tests.engine.lane import Lane, Turn, definitions
from tests.state.shopping import DAY, HOUR, START_MS, added, order, page

BUYER = "name: buyer, enter: orders.count >= 1"
EDITED_MS = START_MS + HOUR


def edited(before: bytes, after: bytes, *records, customer: str = "a") -> Lane:
    """A customer's records under definitions that are edited an hour after the start."""
    lane = Lane(before)
    lane.put(customer, *records)
    lane.tick(EDITED_MS)
    lane.effects.clear()
    lane.define(after, EDITED_MS)
    lane.tick(EDITED_MS + HOUR)
    return lane


def by_definition(lane: Lane) -> list[str]:
    """`+name` or `-name`, all of them by the edit, at its instant, and initial."""
    assert all(t.cause == "definition" and t.time_ms == EDITED_MS for t in lane.turns)
    assert all(change.initial for change in lane.changes)
    return [("+" if t.entered else "-") + t.segment for t in lane.turns]


def test_a_renamed_segment_is_left_and_entered_under_its_new_name():
    after = definitions("name: customer, enter: orders.count >= 1")
    lane = edited(definitions(BUYER), after, order(START_MS, "1"))
    assert by_definition(lane) == ["-buyer", "+customer"]
    assert lane.segments("a") == {"customer": EDITED_MS}


def test_who_stays_keeps_since_and_hears_nothing():
    after = definitions("name: buyer, priority: 7, enter: orders.count >= 1 and orders.count < 9")
    lane = edited(definitions(BUYER), after, order(START_MS, "1"))
    assert lane.turns == []
    assert lane.segments("a") == {"buyer": START_MS}


def test_a_segment_that_goes_into_shadow_is_left_and_kept_in_silence():
    shadow = definitions(BUYER + ", shadow: true")
    lane = edited(definitions(BUYER), shadow, order(START_MS, "1"))
    assert by_definition(lane) == ["-buyer"]
    assert lane.segments("a") == {}
    assert lane.row("a").shadows == {"buyer": EDITED_MS}
    assert lane.engine.members == {"buyer": 1} == lane.restored().members


def test_a_segment_that_comes_out_of_shadow_is_entered_by_the_edit():
    shadow = definitions(BUYER + ", shadow: true")
    lane = edited(shadow, definitions(BUYER), order(START_MS, "1"))
    assert by_definition(lane) == ["+buyer"]
    assert lane.row("a").shadows == {}
    assert lane.engine.members == {"buyer": 1} == lane.restored().members


def test_silent_members_of_what_is_gone_are_no_longer_counted():
    before = b"customer: orders.count >= 1\n" + definitions(
        "name: buyer, shadow: true, enter: orders.count >= 1", "name: x, enter: orders.count >= 9"
    )
    lane = edited(before, definitions("name: x, enter: orders.count >= 9"), order(START_MS, "1"))
    assert lane.turns == []
    assert lane.row("a").shadows == {}
    assert not any(lane.engine.members.values())


def test_a_group_that_is_taken_apart_lets_in_whom_it_excluded():
    together = definitions(
        "name: many, group: g, enter: orders.count >= 2",
        "name: some, group: g, enter: orders.count >= 1",
    )
    apart = definitions(
        "name: many, enter: orders.count >= 2", "name: some, enter: orders.count >= 1"
    )
    lane = edited(together, apart, order(START_MS, "1"), order(START_MS + 1, "2"))
    assert by_definition(lane) == ["+some"]
    assert lane.segments("a") == {"many": START_MS + 1, "some": EDITED_MS}


def test_another_order_in_a_group_moves_who_now_comes_first_elsewhere():
    first = "name: many, group: g, enter: orders.count >= 2"
    other = "name: some, group: g, enter: orders.count >= 1"
    lane = edited(
        definitions(first, other), definitions(other, first),
        order(START_MS, "1"), order(START_MS + 1, "2"),
    )  # fmt: skip
    assert by_definition(lane) == ["-many", "+some"]


def test_a_group_whose_conditions_are_not_known_yet_keeps_one_membership():
    apart = definitions(
        "name: many, enter: orders.count >= 2", "name: some, enter: orders.count >= 1"
    )
    unknown = definitions(
        "name: many, group: g, enter: 'count(order_completed) == 2'",
        "name: some, group: g, enter: 'count(order_completed) == 1'",
    )
    lane = edited(apart, unknown, order(START_MS, "1"), order(START_MS + 1, "2"))
    assert by_definition(lane) == ["-some"]
    assert lane.segments("a") == {"many": START_MS + 1}


def test_who_loses_a_membership_to_a_group_loses_what_hung_on_it():
    apart = (
        "name: many, enter: orders.count >= 2", "name: some, enter: orders.count >= 1",
        "name: fan, enter: 'in_segment(\"some\")'",
        "name: other, enter: 'not in_segment(\"some\")'",
    )  # fmt: skip
    unknown = (
        "name: many, group: g, enter: 'count(order_completed) == 2'",
        "name: some, group: g, enter: 'count(order_completed) == 1'", *apart[2:],
    )  # fmt: skip
    lane = edited(
        definitions(*apart), definitions(*unknown), order(START_MS, "1"), order(START_MS + 1, "2")
    )
    assert by_definition(lane) == ["-some", "-fan", "+other"]


@pytest.mark.parametrize(
    ("before", "after", "shadows"),
    [
        (
            "name: s, enter: 'count(product_added, within=30 * DAY) >= 5'",
            "name: s, enter: orders.count >= 5",
            {},
        ),
        (
            "name: s, shadow: true, enter: cart.items >= 1",
            "name: other, shadow: true, enter: cart.items >= 1",
            {"other": EDITED_MS},
        ),
    ],
)
def test_what_an_edit_changes_in_silence_is_so_of_rows_that_are_restored_too(
    before: str, after: str, shadows: dict[str, int]
):
    """A measure, or a silent membership, that goes; nothing else changes for the row."""
    lane = edited(definitions(before), definitions(after), added(START_MS))
    assert lane.turns == []
    for engine in (lane.engine, lane.restored()):
        row = engine.store.get(b"a")
        assert row is not None
        assert (row.windows, row.shadows) == ({}, shadows)
        assert {name: n for name, n in engine.members.items() if n} == dict.fromkeys(shadows, 1)


def test_a_segment_inside_others_takes_them_along():
    def nested(least: int) -> bytes:
        return definitions(
            f"name: buyer, enter: orders.count >= {least}",
            "name: quiet_buyer, enter: 'in_segment(\"buyer\") and since(seen.last) >= 30 * MINUTE'",
            "name: guest, enter: 'not in_segment(\"buyer\")'",
        )

    lane = edited(nested(1), nested(2), order(START_MS, "1"))
    assert by_definition(lane) == ["-buyer", "-quiet_buyer", "+guest"]


@pytest.mark.parametrize(
    "patience", ["min_stay: 30 * DAY", "min_stay: 30 * DAY, cooldown: 1 * DAY"]
)
def test_patience_holds_nobody_in_whom_an_edit_lets_go(patience: str):
    after = definitions(f"name: buyer, {patience}, enter: orders.count >= 2")
    lane = edited(definitions(f"{BUYER}, {patience}"), after, order(START_MS, "1"))
    assert by_definition(lane) == ["-buyer"]


def test_what_waits_for_its_time_starts_to_wait_by_the_edit():
    after = definitions("name: gone, enter: since(seen.last) >= 3 * DAY")
    lane = edited(definitions(BUYER), after, page(START_MS))
    assert lane.turns == []
    assert lane.tick(START_MS + 4 * DAY) == [Turn("a", "gone", True, START_MS + 3 * DAY, "timer")]
