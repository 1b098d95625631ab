from __future__ import annotations

import pytest

from stream.segments.arithmetic import ConditionError, Duration
from stream.segments.conditions import DEPTH_MAX, LEAVES_MAX, Comparison, InSegment, parse

SETTINGS = {"patience": Duration(3_600_000), "many": 5}


def failure(text: str) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        parse(text, SETTINGS)
    return caught.value


@pytest.mark.parametrize(
    ("text", "at", "suggestion"),
    [
        ("cart.item > 0", "cart.item", "did you mean cart.items?"),
        ("orders.count >= 1 and order.count > 2", "order.count", "did you mean orders.count?"),
        ("since(orders.lst) > 1 * DAY", "orders.lst", "did you mean orders.last?"),
        ("cart.items > mny", "mny", "did you mean many?"),
        ("since(orders.last) > 3 * DAYS", "DAYS", "did you mean DAY?"),
        ("since(orders.last) > 3 * day", "day", "did you mean DAY?"),
        ("Cart.Items > 3", "Cart.Items", "did you mean cart.items?"),
        ("orders.count >= endurance", "endurance", "is no feature, unit or setting"),
        ("percentile(orders.revenu) >= 0.9", "orders.revenu", "did you mean orders.revenue?"),
    ],
)
def test_an_unknown_name_is_told_with_its_column_and_the_nearest_right_one(
    text: str, at: str, suggestion: str
):
    error = failure(text)
    assert text[error.column :].startswith(at)
    assert str(error).startswith(repr(at))
    assert str(error).endswith(suggestion)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not read as a condition"),
        ("cart.items >", "does not read as a condition"),
        ("cart.items", "is a number; compare it"),
        ("many", "is a number; compare it"),
        ("seen.last", "is an instant; compare it"),
        ("3", "is no comparison"),
        ("0 < cart.items < 5", "is no comparison"),
        ("[cart.items > 0]", "is no comparison"),
        ("(lambda: 1)() > 0", "is no feature"),
        ("__import__('os').system('x') > 0", "is no feature"),
        ("open('/etc/passwd') > 0", "open() is not offered"),
        ("cart.items.__class__ == 1", "is no feature"),
        ("cart.items in (1, 2)", "operator that is not offered"),
        ("cart.items is 1", "operator that is not offered"),
        ("cart.items ** 2 > 1", "is no feature"),
        ("since(cart.items) > 1", "since() needs an instant and cart.items is a count"),
        ("since(orders.last, 3) > 1", "stands alone on its side"),
        ("since(orders.last, within=3) > 1", "stands alone on its side"),
        ("since(orders.last) == 3 * DAY", "compares a time for equality"),
        ("since(orders.last) > since(seen.first)", "on both sides"),
        ("2 * since(orders.last) > 1 * DAY", "stands alone on its side"),
        ("percentile(orders.revenue) > 0.9", "percentile() goes with >= or <"),
        ("percentile(orders.revenue) >= cart.items", "percentile() goes with >= or <"),
        ("percentile(orders.revenue) >= 90", "a number from 0 to 1"),
        ("percentile(returns.rate) >= 0.9", "needs a count, duration or amount"),
        ("percentile(orders.last) >= 0.9", "needs a count, duration or amount"),
        ("in_segment(loyal)", "stands by itself, as in in_segment("),
        ("in_segment('a') > 1", "in_segment() stands by itself"),
        ("cart.items > 'three'", "compares a number with a text"),
        ("'a' > 'b'", "compares a text by >"),
        ("checkout.open > 1", "compares a flag with a number"),
        ("checkout.open < True", "compares a flag by <"),
        ("orders.last > 3 * DAY", "compares an instant with a duration; write since()"),
        ("orders.last * 2 > orders.first", "computes with '2', which is a number"),
        ("3 - orders.last > 4", "computes with 'orders.last', which is an instant"),
        ("-checkout.open == 1", "which is a flag"),
        ("since(orders.last) > 'a'", "compares a duration with a text"),
        ("since(orders.last) > 30", "a duration with a number; write a time like 30 * DAY"),
        ("rhythm.gap > 30", "write a time like 30 * DAY"),
        ("orders.count > 3 * DAY", "compares a number with a duration"),
        ("since(orders.last) > rhythm.gap + 1", "a time is written like 30 * DAY"),
        ("cart.items / 0 > 1", "divides by zero"),
        ("cart.items > 1 / (2 - 2)", "divides by zero"),
        ("cart.items > 1e999", "is no number below"),
        ("cart.items > 1e16", "is no number below"),
        ("cart.items > 3j", "is no number below"),
        ("cart.items > b'a'", "is no number below"),
        ("cart.items > 0 if orders.count else 1", "is no comparison"),
        ("\0 > 1", "does not read as a condition"),
        ("count(order_completed, where=revenue > 1e999) >= 1", "inf is no number below"),
        ("count(order_completed, where=quantity in (1, -1e999)) >= 1", "inf is no number below"),
        ("count(order_completed, where=hour < 1e15) >= 1", "is no number below"),
        ("distinct(product_viewed.product) >= 65", "distinct() counts to 64; compare it with less"),
        ("64 < distinct(product_viewed.product)", "distinct() counts to 64; compare it with less"),
        ("distinct(product_viewed.product) == 64", "distinct() counts to 64; compare it with less"),
        ("count(page_viewed, within=1 * DAY, within=2 * DAY) >= 1", "within= stands twice"),
        ("bought('tea', within=1 * DAY, within=2 * DAY)", "within= stands twice"),
        ("bought('tea', within=sum)", "'sum' is no feature, unit or setting"),
        ("last(order_completed)", "is an instant; compare it"),
    ],
)
def test_what_is_no_condition_is_refused_with_what_is_wrong(text: str, says: str):
    assert says in str(failure(text))


@pytest.mark.parametrize(
    ("text", "at", "advice"),
    [
        ("orders.count = 3", "= 3", "write =="),
        ("orders.count => 3", "=> 3", "write >="),
        ("orders.count <> 3", "<> 3", "write !="),
        ("orders.count > 1 AND checkout.open", "AND", "in small letters"),
        ("NOT checkout.open", "NOT", "in small letters"),
        ("checkout.open && orders.count > 1", "&&", "write and, or"),
        ("!checkout.open", "!", "write not"),
        ("since(orders.last) > 30 days", "30 days", "write a time like 30 * DAY"),
        ("since(orders.last) > 2h", "2h", "write a time like 30 * DAY"),
        ("count(order_completed, within=30 days) >= 1", "30 days", "write a time like 30 * DAY"),
        ("cart.value > 200 EUR", "200 EUR", "as a number"),
        ("cart.value > €200", "€200", "as a number"),
        ("orders.discount_share > 10%", "0%", "0.1 for 10%"),
        ("orders.discount_share > 10% and checkout.open", "0%", "0.1 for 10%"),
        ("bought(“Tea”)", "“", "straight quotes"),
        ("orders.count between 1 and 3", "between", "two comparisons"),
        ("cart.items > 3 and", "", "its end is missing"),
        ("(cart.items > 3", "(", "'(' was never closed"),
        ("cart.items > 3)", ")", "unmatched ')'"),
        ("cart.items >= 3 and and checkout.open", "and checkout", "invalid syntax"),
    ],
)
def test_what_is_written_as_elsewhere_is_told_where_and_how_it_is_written_here(
    text: str, at: str, advice: str
):
    error = failure(text)
    assert text[error.column :].startswith(at)
    assert at or error.column == len(text)
    assert str(error).startswith("does not read as a condition")
    assert advice in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "not " * (DEPTH_MAX + 2) + "checkout.open",
        "-" * 200 + "cart.items > 0",
        " + ".join(["cart.items"] * 300) + " > 0",
        "(" * 150 + "cart.items" + ")" * 150 + " > 0 and " + "not " * 30 + "checkout.open",
        "(" * 500 + "cart.items > 0" + ")" * 500,
        "-" * 100_000 + "1 > cart.items",
    ],
)
def test_depth_is_bounded(text: str):
    assert any(word in str(failure(text)) for word in ("deep", "does not read"))


def test_the_number_of_comparisons_is_bounded():
    text = " and ".join(f"cart.items > {n}" for n in range(LEAVES_MAX + 1))
    assert f"more than {LEAVES_MAX}" in str(failure(text))
    assert len(parse(text.rpartition(" and ")[0], SETTINGS).leaves) == LEAVES_MAX


def test_the_column_of_a_syntax_error_is_where_reading_stopped():
    assert failure("cart.items > > 1").column == 13


def test_equal_comparisons_are_one_leaf():
    condition = parse("cart.items > 0 and (orders.count >= 1 or not cart.items > 0)", {})
    assert [leaf.text for leaf in condition.leaves] == ["cart.items > 0", "orders.count >= 1"]


def test_a_time_on_the_right_is_turned_around():
    leaf = parse("2 * DAY < since(orders.last)", {}).leaves[0]
    assert isinstance(leaf, Comparison)
    assert (leaf.left.since, leaf.op) == ("orders.last", ">")
    assert leaf.text == "2 * DAY < since(orders.last)"


@pytest.mark.parametrize("text", ["64 <= distinct(product_viewed.product)",
                                  "distinct(product_viewed.product) > 63"])  # fmt: skip
def test_as_many_different_values_as_are_kept_are_counted(text: str):
    assert len(parse(text, {}).leaves) == 1


@pytest.mark.parametrize(
    ("small", "capital"),
    [
        ("trait('vip') == true", "trait('vip') == True"),
        ("checkout.open != false", "checkout.open != False"),
        (
            "count(order_completed, where=gift == true) >= 1",
            "count(order_completed, where=gift == True) >= 1",
        ),
    ],
)
def test_flags_are_written_as_in_yaml_or_in_capitals(small: str, capital: str):
    one, other = parse(small, {}), parse(capital, {})
    assert [leaf.right for leaf in one.leaves] == [leaf.right for leaf in other.leaves]
    assert one.measures == other.measures


def test_membership_of_another_segment_is_a_leaf():
    leaf = parse("in_segment('loyal')", {}).leaves[0]
    assert leaf == InSegment("in_segment('loyal')", "loyal")


def test_units_and_settings_are_durations():
    leaf = parse("since(cart.last_activity) >= 2 * patience + 3 * DAY", SETTINGS).leaves[0]
    assert leaf.right.constant == 2 * 3_600_000 + 3 * 86_400_000


def test_the_time_between_two_instants_is_a_number():
    leaf = parse("orders.last - orders.first > 30 * DAY", {}).leaves[0]
    assert leaf.left.features == ("orders.last", "orders.first")
