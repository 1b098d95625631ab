from __future__ import annotations

import pytest

from stream.clock import NEVER_MS
from stream.segments.compiler import Rule, TooManyLeavesError, compile_unit, value_of
from stream.segments.conditions import LEAVES_MAX, parse
from stream.segments.leaf_code import FALSE, TRUE, UNKNOWN, percentile_key
from stream.segments.unit import Unit
from stream.state import fold as parts
from stream.state.row import Row
from tests.state.shopping import (
    DAY,
    HOUR,
    START_MS,
    added,
    checkout,
    order,
    page,
    refunded,
    row_after,
)


def unit_of(enter: str, leave: str | None = None, segment: str = "it") -> Unit:
    rule = Rule(segment, parse(enter, {}), None if leave is None else parse(leave, {}))
    return compile_unit((rule,), exclusive=False)


def group_of(*conditions: str) -> Unit:
    rules = tuple(Rule(f"s{n}", parse(text, {}), None) for n, text in enumerate(conditions))
    return compile_unit(rules, exclusive=True)


def leaves(bits: int, count: int) -> list[int]:
    return [bits >> (2 * n) & 3 for n in range(count)]


def test_a_leaf_is_two_bits_known_and_true():
    unit = unit_of("cart.items > 0 and orders.count >= 1 and since(orders.last) > 1 * DAY")
    bits, _, verdict = unit.evaluate(row_after(added(START_MS)), START_MS, {})
    assert leaves(bits, 3) == [TRUE, FALSE, UNKNOWN]
    assert verdict == -1


def test_nobody_enters_or_leaves_on_unknown():
    unit = unit_of("since(orders.last) > 1 * DAY")
    assert unit.evaluate(Row(), START_MS, {}) == (0, NEVER_MS, 0)


def test_false_and_unknown_is_false_and_true_or_unknown_is_true():
    row = row_after(page(START_MS))
    false_and = unit_of("orders.count >= 1 and since(orders.last) > 1 * DAY")
    true_or = unit_of("orders.count < 1 or since(orders.last) > 1 * DAY")
    assert false_and.evaluate(row, START_MS, {})[2] == -1
    assert true_or.evaluate(row, START_MS, {})[2] == 1


@pytest.mark.parametrize(
    ("condition", "flip_ms", "before", "after"),
    [
        ("since(seen.last) >= 1 * DAY", DAY, FALSE, TRUE),
        ("since(seen.last) > 1 * DAY", DAY + 1, FALSE, TRUE),
        ("since(seen.last) < 1 * DAY", DAY, TRUE, FALSE),
        ("since(seen.last) <= 1 * DAY", DAY + 1, TRUE, FALSE),
        ("since(seen.last) >= 0.0025 * SECOND", 3, FALSE, TRUE),
        ("since(seen.last) > 0.0025 * SECOND", 3, FALSE, TRUE),
        ("1 * DAY < since(seen.last)", DAY + 1, FALSE, TRUE),
        ("since(seen.last) >= -5 * SECOND", NEVER_MS, TRUE, TRUE),
    ],
)
def test_a_time_flips_at_its_instant_to_the_millisecond(
    condition: str, flip_ms: int, before: int, after: int
):
    row = row_after(page(START_MS))
    unit = unit_of(condition)
    bits, flip, _ = unit.evaluate(row, START_MS, {})
    assert bits == before
    if flip_ms == NEVER_MS:
        assert flip == NEVER_MS
        return
    assert flip == START_MS + flip_ms
    assert unit.evaluate(row, flip - 1, {})[0] == before
    assert unit.evaluate(row, flip, {})[:2] == (after, NEVER_MS)


def test_the_flip_is_the_earliest_of_all_leaves():
    row = row_after(page(START_MS))
    unit = unit_of("since(seen.last) > 9 * HOUR or not since(seen.first) >= 2 * HOUR")
    assert unit.evaluate(row, START_MS, {})[1] == START_MS + 2 * HOUR
    assert unit.evaluate(row, START_MS + 2 * HOUR, {})[1] == START_MS + 9 * HOUR + 1


def test_a_duration_that_depends_on_the_customer_moves_the_flip():
    row = row_after(order(START_MS), order(START_MS + 30 * DAY))
    unit = unit_of("since(orders.last) > 2 * rhythm.gap")
    assert unit.evaluate(row, START_MS + 30 * DAY, {})[1] == START_MS + 120 * DAY + 1


def test_exit_wins_over_enter_and_without_one_it_is_not_enter():
    row = row_after(added(START_MS, quantity=3))
    both = unit_of("cart.items > 0", "cart.items > 2")
    assert both.evaluate(row, START_MS, {})[2] == -1
    assert unit_of("cart.items > 0").evaluate(row, START_MS, {})[2] == 1
    assert unit_of("cart.items > 5").evaluate(row, START_MS, {})[2] == -1
    assert unit_of("cart.items > 5", "cart.items < 1").evaluate(row, START_MS, {})[2] == 0


def test_amounts_are_in_units_of_the_currency():
    row = row_after(order(START_MS, "1", 19.99), refunded(START_MS, "1", 5))
    for text, verdict in (
        ("orders.revenue == 19.99", 1),
        ("orders.revenue > 19.99", -1),
        ("orders.revenue >= 20", -1),
        ("orders.revenue / orders.count < 20", 1),
        ("orders.net_revenue == 14.99", 1),
    ):
        assert unit_of(text).evaluate(row, START_MS, {})[2] == verdict, text


def test_a_share_of_nothing_is_unknown():
    unit = unit_of("orders.items / orders.count > 2")
    assert unit.evaluate(Row(), START_MS, {}) == (UNKNOWN, NEVER_MS, 0)
    assert unit.values(Row(), START_MS, {}) == (None,)
    timed = unit_of("since(seen.last) > 1 * DAY / orders.count")
    assert timed.evaluate(row_after(page(START_MS)), START_MS, {}) == (UNKNOWN, NEVER_MS, 0)


def test_what_overflows_is_unknown():
    text = "since(seen.last) > " + " * ".join(["1e14 * orders.revenue"] * 20) + " * DAY"
    row = row_after(order(START_MS, "1", 1_000_000_000))
    assert unit_of(text).evaluate(row, START_MS, {})[0] == UNKNOWN


def test_a_flag_stands_by_itself():
    row = row_after(checkout(START_MS))
    assert unit_of("checkout.open").evaluate(row, START_MS, {})[2] == 1
    assert unit_of("not checkout.open").evaluate(row, START_MS, {})[2] == -1
    assert unit_of("checkout.open != True").evaluate(row, START_MS, {})[2] == -1


def test_membership_of_another_segment_is_read_from_the_row():
    unit = unit_of("in_segment('loyal')")
    assert unit.evaluate(Row(segments={"loyal": 1}), START_MS, {})[2] == 1
    assert unit.evaluate(Row(), START_MS, {})[2] == -1
    assert unit.depends == {"loyal"}
    assert unit.parts == parts.EVERYTHING | parts.TIME


def test_a_percentile_is_unknown_until_there_is_a_threshold_and_needs_more_than_it():
    unit = unit_of("percentile(orders.revenue) >= 0.9", "percentile(orders.revenue) < 0.85")
    row = row_after(order(START_MS, "1", 100))
    enter, leave = percentile_key("orders.revenue", 0.9), percentile_key("orders.revenue", 0.85)
    assert unit.evaluate(row, START_MS, {}) == (0, NEVER_MS, 0)
    assert unit.evaluate(row, START_MS, {enter: 99_999_999, leave: 1})[2] == 1
    assert unit.evaluate(row, START_MS, {enter: 100_000_000, leave: 1})[2] == 0
    assert unit.evaluate(row, START_MS, {enter: 100_000_000, leave: 100_000_000})[2] == -1
    assert set(unit.population) == {("orders.revenue", 0.9), ("orders.revenue", 0.85)}


def test_a_group_is_where_the_first_condition_holds():
    unit = group_of("orders.count >= 5", "orders.count >= 2", "orders.count >= 1")
    events = [order(START_MS + n * DAY) for n in range(6)]
    verdicts = [
        unit.evaluate(row_after(*events[:count]), START_MS, {})[2] for count in (0, 1, 3, 6)
    ]
    assert verdicts == [-1 - 0b111, 2, 1, 0]


def test_an_unknown_condition_of_a_group_is_passed_over():
    unit = group_of("since(orders.last) > 1 * DAY", "orders.count <= 0")
    assert unit.evaluate(Row(), START_MS, {})[2] == 1


def test_a_unit_says_which_parts_it_reads():
    assert (
        unit_of("cart.items > 0 and since(seen.last) > 1 * DAY").parts
        == parts.CART | parts.ACTIVITY | parts.TIME
    )
    assert unit_of("orders.count > 0", "messages.opened > 1").parts == parts.ORDERS | parts.MESSAGES


def test_evidence_shows_money_in_units_durations_in_seconds_and_ratios_rounded():
    row = row_after(order(START_MS, "1", 12.5), order(START_MS, "2", 1), refunded(START_MS, "1", 3))
    row.orders.matured_micros, row.orders.matured_refunded_micros = 3, 1
    unit = unit_of(
        "orders.revenue > 1 and rhythm.gap > 0 and returns.rate > 0 and since(orders.last) > 0"
        " and orders.items + 1 > 0 and percentile(orders.revenue) >= 0.5 and checkout.open"
        " and in_segment('x')"
    )
    assert unit.values(row, START_MS + 90_500, {}) == (
        13.5, 60 * 86_400, 0.333333, 90, 1, 13.5, False, False,
    )  # fmt: skip


def test_more_comparisons_than_a_number_of_the_row_holds_are_refused():
    conditions = [" and ".join(f"cart.items > {20 * s + n}" for n in range(20)) for s in range(2)]
    with pytest.raises(TooManyLeavesError, match="40 different comparisons"):
        group_of(*conditions)


def test_as_many_comparisons_as_are_allowed_fit_into_64_bits():
    unit = unit_of(" and ".join(f"cart.items >= {-n}" for n in range(LEAVES_MAX)))
    bits, _, verdict = unit.evaluate(Row(), START_MS, {})
    assert (bits, verdict) == (4**LEAVES_MAX - 1, 1)


def test_a_features_value_can_be_had_alone():
    assert value_of("orders.revenue")(row_after(order(START_MS, "1", 2))) == 2_000_000
    assert value_of("rhythm.gap")(Row()) is None
