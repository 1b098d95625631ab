"""`shoal segments diff`: two versions of the definitions over one history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from stream.clock import rfc3339
from tests.cli.test_replay import call, ordered
from tests.state.shopping import DAY, HOUR, START_MS

OLD = """\
settings: {many: 2}
segments:
  - name: fan
    purpose: To thank.
    enter: orders.count >= many
  - name: fresh
    purpose: To greet.
    enter: since(seen.last) < 3 * DAY
  - name: gone
    purpose: To ask.
    enter: orders.count >= 1
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """a buys three times, a day apart, b twice, c once; d looks on the third day."""
    (tmp_path / "old.yaml").write_text(OLD, encoding="utf-8")
    events = [
        ordered(START_MS + day * DAY + number * HOUR, customer)
        for number, (customer, days) in enumerate({"a": 3, "b": 2, "c": 1}.items())
        for day in range(days)
    ]
    events.append(call(START_MS + 2 * DAY, "Product Viewed", "d", product_id="p"))
    (tmp_path / "events.jsonl").write_text("\n".join(events) + "\n", encoding="utf-8")
    return tmp_path


def diff(folder: Path, new: str, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    (folder / "new.yaml").write_text(new, encoding="utf-8")
    code = cli.main(
        ["segments", "diff", str(folder / "old.yaml"), str(folder / "new.yaml"),
         str(folder / "events.jsonl"), "--until", rfc3339(START_MS + 4 * DAY), "--json", *words]
    )  # fmt: skip
    out = capsys.readouterr()
    assert code == 0, out.err
    found: dict[str, Any] = json.loads(out.out)
    return found


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["segment"]: each for each in found["segments"]}


def test_the_same_file_makes_no_difference(shop: Path, capsys: pytest.CaptureFixture[str]):
    found = diff(shop, OLD, capsys)
    assert {each["kind"] for each in found["segments"]} == {"same"}
    assert not any(each["joins"] or each["leaves"] or any(each["net_size"])
                   for each in found["segments"])  # fmt: skip


def test_an_edited_setting_says_whom_it_moves(shop: Path, capsys: pytest.CaptureFixture[str]):
    """With many at 3 b never comes in, and a two days in, a day later."""
    found = diff(shop, OLD.replace("many: 2", "many: 3"), capsys)
    assert found["settings"] == {"many": {"old": 2, "new": 3}}
    segments = by_name(found)
    assert {name: each["kind"] for name, each in segments.items()} == {
        "fan": "settings", "fresh": "same", "gone": "same",
    }  # fmt: skip
    fan = segments["fan"]
    assert (fan["members_old"], fan["members_new"], fan["joins"], fan["leaves"]) == (2, 1, 0, 1)
    assert fan["net_size"] == [0, -2, -1, -1, -1]
    (leaver,) = fan["leavers"]
    assert (leaver["customer"], leaver["story"]) == ("b", "never")
    assert leaver["time"] == "2026-03-03T01:00:00.000Z"
    assert [(e["leaf"], e["value"]) for e in leaver["evidence"]] == [("orders.count >= many", 2)]
    assert segments["fresh"]["joins"] == segments["gone"]["leaves"] == 0


def test_what_a_file_says_of_all_segments_is_compared_too(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    found = diff(shop, f"timezone: Europe/Berlin\n{OLD}", capsys)
    assert found["settings"] == {"timezone": {"old": "UTC", "new": "Europe/Berlin"}}


def test_who_leaves_under_the_new_definition_has_its_evidence(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    """Two days instead of three: at the end of the fourth day, d was seen exactly two days ago."""
    found = diff(shop, OLD.replace("< 3 * DAY", "< 1 * DAY"), capsys)
    fresh = by_name(found)["fresh"]
    assert fresh["kind"] == "changed"
    assert fresh["fields"] == {
        "enter": {"old": "since(seen.last) < 3 * DAY", "new": "since(seen.last) < 1 * DAY"}
    }
    leavers = {each["customer"]: each for each in fresh["leavers"]}
    assert set(leavers) == {"a", "b", "d"}
    assert {(each["story"], each["cause"]) for each in leavers.values()} == {("left", "timer")}
    assert leavers["d"]["time"] == "2026-03-05T00:00:00.000Z"
    (leaf,) = leavers["d"]["evidence"]
    assert (leaf["before"], leaf["after"]) == (True, False)


def test_new_and_removed_definitions(shop: Path, capsys: pytest.CaptureFixture[str]):
    new = OLD.replace("name: gone", "name: once").replace(
        "enter: orders.count >= 1\n", "enter: orders.count == 1\n"
    )
    segments = by_name(diff(shop, new, capsys))
    assert list(segments) == ["fan", "fresh", "once", "gone"]
    once, gone = segments["once"], segments["gone"]
    assert (once["kind"], once["old_version"], once["joins"]) == ("new", None, 1)
    assert [each["customer"] for each in once["joiners"]] == ["c"]
    assert once["net_size"] == [3, 1, 1, 1, 1]
    assert (gone["kind"], gone["new_version"], gone["leaves"]) == ("removed", None, 3)
    assert gone["net_size"] == [-3, -3, -3, -3, -3]
    assert {each["story"] for each in gone["leavers"]} == {"never"}


def test_examples_and_segments_can_be_chosen(shop: Path, capsys: pytest.CaptureFixture[str]):
    new = OLD.replace("orders.count >= 1", "orders.count >= 9")
    found = diff(shop, new, capsys, "--segment", "gone", "--examples", "2")
    (gone,) = found["segments"]
    assert (gone["leaves"], len(gone["leavers"])) == (3, 2)


def test_the_built_in_pack_has_a_name(shop: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(
        ["segments", "diff", "built-in", "built-in", str(shop / "events.jsonl"), "--json"]
    ) == 0  # fmt: skip
    assert {each["kind"] for each in json.loads(capsys.readouterr().out)["segments"]} == {"same"}


def test_the_table_is_for_people(shop: Path, capsys: pytest.CaptureFixture[str]):
    (shop / "new.yaml").write_text(OLD.replace("many: 2", "many: 3"), encoding="utf-8")
    assert cli.main(
        ["segments", "diff", str(shop / "old.yaml"), str(shop / "new.yaml"),
         str(shop / "events.jsonl")]
    ) == 0  # fmt: skip
    said = capsys.readouterr().out
    assert "setting many: 2 -> 3" in said
    assert "2→1" in said
    assert "b leaves, never comes in now; entered before 2026-03-03T01:00:00Z" in said


def test_a_log_cannot_be_read_twice_from_standard_input(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    (shop / "new.yaml").write_text(OLD, encoding="utf-8")
    words = ["segments", "diff", str(shop / "old.yaml"), str(shop / "new.yaml"), "-", "--log"]
    assert cli.main(words) == 2
    assert "standard input is read once only" in capsys.readouterr().err
