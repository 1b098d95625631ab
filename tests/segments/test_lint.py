from __future__ import annotations

from importlib.resources import files

import pytest

from stream.segments.lint import LintWarning, lint
from stream.segments.reading import Reading

GOOD = (
    "- {name: NAME, purpose: p, enter: orders.count >= 1, review_by: 2027-06-30, "
    "action: {channels: [email]}, success: {event: Order Completed}}\n"
)


def warnings(text: str, **given: object) -> tuple[LintWarning, ...]:
    return lint(Reading(text.encode(), "shop.yaml"), **given)  # type: ignore[arg-type]


def one(**fields: str) -> str:
    """A file of one segment that has nothing to warn of, but for these fields; a line each."""
    plain = {
        "name": "it",
        "purpose": "p",
        "enter": "orders.count >= 1",
        "review_by": "2027-06-30",
        "action": "{channels: [email]}",
        "success": "{event: Order Completed}",
    }
    lines = [f"  {name}: {value}" for name, value in (plain | fields).items() if value]
    return "-" + "\n".join(lines)[1:] + "\n"


def test_what_is_complete_is_not_warned_of():
    assert warnings(one(), today="2026-11-22") == ()


@pytest.mark.parametrize(
    ("fields", "rule", "line", "says"),
    [
        ({"purpose": "' '"}, "purpose", 2, "say what it is for"),
        ({"action": ""}, "action", 1, "say what to do"),
        ({"action": "{message: m, enabled: true}"}, "action", 5, "names no channel"),
        ({"success": ""}, "success", 1, "which event shows"),
        ({"review_by": ""}, "review", 1, "write a date"),
        ({"review_by": "soon"}, "review", 4, "'soon' is no date"),
        ({"review_by": "2026-11-21"}, "review", 4, "was to be reviewed by 2026-11-21"),
        ({"action": "{channels: [emial]}"}, "channel", 5, "did you mean email?"),
        ({"action": "{channels: [fax]}"}, "channel", 5, "there are ads, app, email"),
        ({"action": "{message: 'Take {cart.item}!'}"}, "placeholder", 5, "did you mean cart.items"),
        ({"success": "{event: Completed Order}"}, "event", 6, "write Order Completed"),
        ({"success": "{event: Order Compelted}"}, "event", 6, "did you mean Order Completed?"),
    ],
)
def test_what_is_hardly_meant_is_told_with_its_line(
    fields: dict[str, str], rule: str, line: int, says: str
):
    (found,) = warnings(one(**fields), today="2026-11-22")
    assert (found.rule, found.segment, found.line) == (rule, "it", line)
    assert says in found.message


def test_a_review_is_overdue_after_its_day_and_for_those_alone_who_say_which_day_it_is():
    text = one(review_by="2026-11-22")
    assert warnings(text, today="2026-11-22") == ()
    assert warnings(text, today="2026-11-23")[0].rule == "review"
    assert warnings(text) == ()


def test_a_placeholder_that_is_a_feature_is_none_to_warn_of():
    assert warnings(one(action="{message: '{cart.items} of {cart.value}'}")) == ()


def test_shadow_definitions_need_no_plan():
    assert warnings(one(action="", success="", shadow="true")) == ()


def test_five_actions_may_be_on_and_the_sixth_is_told():
    on = GOOD.replace("channels: [email]", "channels: [email], enabled: true")
    five = "".join(on.replace("NAME", f"s{n}") for n in range(5))
    assert warnings(five) == ()
    (found,) = warnings(five + on.replace("NAME", "sixth"))
    assert (found.rule, found.segment, found.line) == ("actions", None, 6)
    assert "6 actions are on (s0, s1, s2, s3, s4, sixth)" in found.message


def group(name: str, *conditions: str) -> str:
    return "".join(
        GOOD.replace("NAME", f"s{n}, group: {name}").replace("orders.count >= 1", condition)
        for n, condition in enumerate(conditions)
    )


@pytest.mark.parametrize(
    "conditions",
    [
        ("orders.count >= 1", "orders.count <= 0"),
        ("orders.count >= 5", "orders.count >= 2", "orders.count < 2"),
        ("since(seen.last) <= 30 * DAY", "since(seen.last) > 30 * DAY"),
        ("orders.count >= 100", "orders.count < 100"),
        ("orders.revenue >= 1000", "orders.revenue < 1000"),
        ("percentile(orders.revenue) >= 0.9", "orders.count >= 0"),
    ],
)
def test_a_group_that_takes_everybody_is_not_warned_of(conditions: tuple[str, ...]):
    assert warnings(group("usage", *conditions)) == ()


@pytest.mark.parametrize(
    ("conditions", "hole"),
    [
        (("orders.count >= 1",), "0 orders"),
        (("orders.count >= 100", "orders.count < 50"), "50 orders"),
        (("orders.count <= 7", "orders.count >= 9"), "8 orders"),
        (("since(seen.last) < 30 * DAY", "since(seen.last) > 30 * DAY"), "30 days ago"),
        (("since(orders.last) < 30 * DAY", "since(orders.last) >= 30 * DAY"), "0 orders"),
        (("sessions.count >= 2", "products.viewed >= 1"), "0 product views"),
        (("orders.count >= 2 and orders.last_gap_ratio > 4", "orders.count < 2"), "2 orders"),
    ],
)
def test_a_group_that_leaves_customers_out_is_told_with_one_of_them(
    conditions: tuple[str, ...], hole: str
):
    (found,) = warnings(group("journey", *conditions))
    assert found.rule == "exhaustive"
    assert found.segment == f"s{len(conditions) - 1}"
    assert hole in found.message
    assert "by evaluation of generated ones" in found.message


def test_other_groups_may_leave_customers_out():
    assert warnings(group("season", "orders.count >= 5")) == ()


def test_of_the_built_in_pack_there_is_nothing_to_warn():
    content = files("stream.segments").joinpath("pack.yaml").read_bytes()
    found = lint(Reading(content, "pack"), today="2026-11-22")
    assert found == ()


def people(*numbers: int) -> set[str]:
    return {f"c{n}" for n in range(*numbers)}


TWO = GOOD.replace("NAME", "a") + GOOD.replace("NAME", "b")


def test_members_nearly_the_same_are_told_from_over_nine_tenths():
    def overlap(b: set[str]) -> list[str]:
        given = {"a": people(100), "b": b}
        return [w.message for w in warnings(TWO, members=given, customers=people(300))]

    assert overlap(people(90)) == []
    (found,) = overlap(people(91))
    assert found == "has 91% of its members in common with a; keep one"
    assert overlap(people(100, 200)) == []


@pytest.mark.parametrize(
    ("size", "rules"), [(9, ["size"]), (10, []), (600, []), (601, ["size"]), (0, ["size"])]
)
def test_segments_of_hardly_anybody_or_of_most_customers_are_told(size: int, rules: list[str]):
    found = warnings(
        GOOD.replace("NAME", "a"), members={"a": people(size)}, customers=people(1_000)
    )
    assert [warning.rule for warning in found] == rules


def test_who_has_passed_through_a_segment_makes_it_no_small_one():
    """Hesitation at the till lasts for minutes: nobody is there when the history ends."""

    def rules(ever: int) -> list[str]:
        given = {"members": {"a": people(0)}, "ever": {"a": people(ever)}}
        text = GOOD.replace("NAME", "a")
        return [w.rule for w in warnings(text, customers=people(1_000), **given)]

    assert (rules(9), rules(10)) == (["size"], [])


def test_visitors_are_members_and_no_share_of_the_customers():
    """Of a shop's many visitors most buy nothing: a segment of them is none of most customers."""
    visitors = {f"v{n}" for n in range(5_000)}
    one = GOOD.replace("NAME", "a")
    assert warnings(one, members={"a": visitors}, customers=people(1_000)) == ()
    assert warnings(one, members={"a": visitors | people(600)}, customers=people(1_000)) == ()
    (found,) = warnings(one, members={"a": visitors | people(601)}, customers=people(1_000))
    assert found.message == "holds 60.1% of 1,000 customers; it tells nobody apart"


def test_members_of_definitions_that_are_not_in_the_file_say_nothing():
    assert (
        warnings(GOOD.replace("NAME", "a"), members={"x": people(1)}, customers=people(1_000)) == ()
    )


def test_warnings_come_in_the_order_of_their_lines():
    found = warnings(one(success="") + one(name="b", action="", purpose="' '"))
    assert [w.line for w in found] == sorted(w.line for w in found)
