"""`shoal segments` and its small sub-commands: list, show, features."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream.cli import main as cli
from stream.cli.segments import SUBCOMMANDS
from stream.features.catalogue import FEATURES
from stream.segments.arithmetic import OFFERED

FILE = """\
settings: {patience: 90 * MINUTE, many: 3}
segments:
  - name: waiting
    title: Waiting
    purpose: Somebody waits.
    enter: cart.items >= many and since(cart.last_activity) >= patience
    exit: cart.items <= 0 or since(cart.last_activity) > 2 * DAY
    priority: 7
    action:
      {channels: [email, push], consent: marketing, message: "Still {cart.items}", enabled: true}
    success: {event: Order Completed, value: revenue, within: 3 * DAY}
  - name: first
    purpose: The first.
    group: g
    enter: orders.count == 1 and since(orders.first) <= 3 * DAY
  - {name: rest, purpose: The rest., group: g, enter: orders.count >= 1}
  - {name: both, purpose: Both., enter: in_segment("waiting") and sessions.time > 1 * HOUR}
  - {name: rich, purpose: Rich., enter: percentile(orders.revenue) >= 0.9}
"""


@pytest.fixture
def shop(tmp_path: Path) -> str:
    path = tmp_path / "shop.yaml"
    path.write_text(FILE, encoding="utf-8")
    return str(path)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert cli.main(["segments", *words]) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    assert cli.main(["segments", *words]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def shown(capsys: pytest.CaptureFixture[str], shop: str, name: str) -> dict[str, list[str]]:
    found = json.loads(said(capsys, "show", name, "--segments", shop, "--json"))
    found["times"] = [flip["when"] for flip in found["time_flips"]]
    return found


def test_sub_commands_are_no_commands_of_their_own():
    assert "segments" in cli.find_commands()
    assert not [name for name in cli.find_commands() if name.startswith("segments-")]


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_each_sub_command_helps_with_an_example(name: str, capsys: pytest.CaptureFixture[str]):
    text = said(capsys, name, "--help")
    assert f"shoal segments {name}" in text
    assert "example" in text


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_an_unknown_option_of_a_sub_command_is_usage(name: str, capsys: pytest.CaptureFixture[str]):
    assert refused(capsys, name, "--no-such-option").startswith("shoal segments")


def test_the_list_says_what_each_definition_does(shop: str, capsys: pytest.CaptureFixture[str]):
    found = json.loads(said(capsys, "list", "--segments", shop, "--json"))
    assert [each["name"] for each in found] == ["waiting", "first", "rest", "both", "rich"]
    waiting = found[0]
    assert len(waiting.pop("version")) == 16
    assert waiting == {
        "name": "waiting", "title": "Waiting", "group": None, "priority": 7, "action": "on",
        "kind": "message", "channels": ["email", "push"], "consent": "marketing",
    }  # fmt: skip
    assert [each["action"] for each in found[1:]] == ["off"] * 4
    text = said(capsys, "list", "--segments", shop)
    assert "5 definitions, 1 of their actions are on." in text


@pytest.mark.parametrize(("columns", "has_all"), [("80", False), ("110", True)])
def test_the_built_in_pack_is_listed_in_whole_words(
    columns: str,
    has_all: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("COLUMNS", columns)
    lines = said(capsys, "list").splitlines()
    assert max(map(len, lines)) <= int(columns)
    words = {word.strip(",") for line in lines[1:] for word in line.split()}
    assert {"payment_preference:credit_card", "suppress", "retargeting", "marketing"} <= words
    assert ("title" in lines[0].split(), "--json." in words) == (has_all, not has_all)


def test_time_flips_are_those_of_the_comparisons_of_time(
    shop: str, capsys: pytest.CaptureFixture[str]
):
    assert shown(capsys, shop, "waiting")["times"] == [
        "1 hour 30 minutes after cart.last_activity",
        "2 days and 1 ms after cart.last_activity",
    ]
    assert shown(capsys, shop, "rich")["times"] == [
        "when the shop's orders.revenue are counted anew, once a day"
    ]


def test_time_flips_of_named_segments_and_of_the_groups_members_above_count(
    shop: str, capsys: pytest.CaptureFixture[str]
):
    rest = shown(capsys, shop, "rest")
    assert rest["times"] == ["3 days and 1 ms after orders.first"]
    assert rest["time_flips"][0]["segment"] == "first"
    assert shown(capsys, shop, "both")["times"] == [
        "a visit ends 30 minutes after its last activity (sessions.time)",
        "1 hour 30 minutes after cart.last_activity",
        "2 days and 1 ms after cart.last_activity",
    ]


@pytest.mark.parametrize(
    ("condition", "measures"),
    [
        (
            "count(product_viewed, within=7 * DAY) / count(order_completed, within=9 * DAY) >= 2",
            ["count(product_viewed, within=7 * DAY)", "count(order_completed, within=9 * DAY)"],
        ),
        (
            "ratio_to_past(sum(order_completed.revenue, within=9 * DAY)) >= 2",
            [
                "sum(order_completed.revenue, within=9 * DAY)",
                "sum(order_completed.revenue, within=9 * DAY, before=9 * DAY)",
            ],
        ),
        (
            "sequence(product_added, then=not order_completed, within=1 * HOUR)",
            ["sequence(product_added, then=not order_completed, within=1 * HOUR)"],
        ),
        ("last('Survey Answered'.nps) >= 9", ["last('Survey Answered'.nps)"]),
    ],
)
def test_each_measure_of_a_comparison_is_named_as_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], condition: str, measures: list[str]
):
    path = tmp_path / "shop.yaml"
    path.write_text(f"- name: s\n  purpose: p\n  enter: {json.dumps(condition)}\n")
    found = shown(capsys, str(path), "s")
    assert [each["name"] for each in found["features"]] == measures
    flips = [f"as events come into or leave {one}" for one in measures]
    assert found["times"] == ([] if "last" in condition else flips)


def test_a_definitions_own_times_are_among_its_flips(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "own.yaml"
    path.write_text(
        "- {name: own, purpose: p, enter: orders.count >= 1, valid_from: 2026-11-20,\n"
        "   valid_until: 2026-12-01, min_stay: 1 * HOUR, cooldown: 2 * DAY,\n"
        "   reentry: once per 30 * DAY}\n",
        encoding="utf-8",
    )
    found = shown(capsys, str(path), "own")
    assert found["times"] == [
        "2026-11-20 at the shop, when it begins",
        "2026-12-01 at the shop, when it ends",
        "1 * HOUR after it was entered, when an exit that was due comes",
        "2 * DAY after it was left, when an entry that was due comes",
        "30 * DAY after it was entered",
    ]
    assert "cooldown: 2 * DAY" in said(capsys, "show", "own", "--segments", str(path))


def test_measures_and_traits_are_shown_as_they_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "measures.yaml"
    path.write_text(
        "- name: tea\n  purpose: p\n"
        "  enter: count(order_completed, within=90 * DAY, where=category == 'tea') >= 2\n"
        "    and trait('vip') and since(last(page_viewed)) > 3 * DAY\n",
        encoding="utf-8",
    )
    found = shown(capsys, str(path), "tea")
    counted = "count(order_completed, within=90 * DAY, where=category == 'tea')"
    assert [each["name"] for each in found["features"]] == [
        counted, "trait('vip')", "last(page_viewed)",
    ]  # fmt: skip
    assert found["times"] == [
        f"as events come into or leave {counted}",
        "3 days and 1 ms after last(page_viewed)",
    ]
    assert set(found["events"]) == {"Order Completed", "Identified", "Page Viewed"}


def test_what_hangs_on_a_definition_is_told_both_ways(
    shop: str, capsys: pytest.CaptureFixture[str]
):
    assert shown(capsys, shop, "waiting")["needed_by"] == ["both"]
    both = shown(capsys, shop, "both")
    assert both["depends_on"] == ["waiting"]
    assert {"Product Added", "Product Viewed", "Page Viewed"} <= set(both["events"])
    assert shown(capsys, shop, "rest")["group"] == {"name": "g", "members": ["first", "rest"]}
    assert shown(capsys, shop, "rest")["events"] == [
        "Order Completed", "Order Updated", "Order Cancelled",
    ]  # fmt: skip


def test_show_tells_purpose_plan_settings_and_features_in_words(
    shop: str, capsys: pytest.CaptureFixture[str]
):
    text = said(capsys, "show", "waiting", "--segments", shop)
    for words in (
        "Waiting (waiting)", "Somebody waits.", "patience is 1 hour 30 minutes", "many is 3",
        "cart.items: Pieces in the open cart. (count: a whole number)",
        "message by email, push; the action is on", "message: Still {cart.items}",
        "needs consent to marketing",
        "success is Order Completed within 3 * DAY, counting its revenue", "priority: 7",
    ):  # fmt: skip
        assert words in text
    assert "Leaves when\n  it is known that the condition to enter does not hold\n" in said(
        capsys, "show", "both", "--segments", shop
    )
    assert "Leaves when\n  another segment of the group begins\n" in said(
        capsys, "show", "rest", "--segments", shop
    )


@pytest.mark.parametrize("name", ["lapsed", "abandoned_cart", "high_value", "serial_returner"])
def test_the_built_in_definitions_can_be_shown(name: str, capsys: pytest.CaptureFixture[str]):
    assert "version" in said(capsys, "show", name)
    assert json.loads(said(capsys, "show", name, "--json"))["events"]


def test_a_wrong_name_is_answered_with_the_near_one(capsys: pytest.CaptureFixture[str]):
    error = refused(capsys, "show", "abandoned_crat")
    assert error == (
        "shoal segments: there is no definition 'abandoned_crat'; did you mean abandoned_cart?\n"
    )
    assert "shoal segments list names them" in refused(capsys, "show", "zzz")


def test_a_file_that_is_not_there_is_a_wrong_call(capsys: pytest.CaptureFixture[str]):
    assert "cannot read nowhere.yaml" in refused(capsys, "list", "--segments", "nowhere.yaml")


def test_features_lists_the_whole_language(shop: str, capsys: pytest.CaptureFixture[str]):
    found = json.loads(said(capsys, "features", "--segments", shop, "--json"))
    names = [each["name"] for family in found["features"].values() for each in family]
    assert names
    assert sorted(names) == sorted(FEATURES)
    cart = {each["name"]: each for each in found["features"]["cart"]}
    assert "Product Added" in cart["cart.items"]["events"]
    assert found["settings"] == {"patience": "1 hour 30 minutes", "many": 3}
    assert found["units"]["WEEK"] == "7 days"
    assert any(name.startswith("since(") for name in found["functions"])
    offered = {name.partition("(")[0] for name in found["functions"]}
    assert set(OFFERED.split(", ")) | {"bought", "habit", "ratio_to_past"} == offered
    assert "category" in found["events"]["order_completed"]
    text = said(capsys, "features")
    assert "returns.rate" in text
    assert "HOUR: 1 hour" in text
