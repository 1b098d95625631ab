"""`shoal segments preview`: what a definition would do before it is activated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stream.backtest.sampling import place_of
from stream.cli import main as cli
from stream.clock import rfc3339
from tests.cli.test_replay import call, ordered
from tests.state.shopping import DAY, HOUR, START_MS

LIVE = """\
segments:
  - name: buyer
    purpose: To thank.
    enter: orders.count >= 1
  - name: looker
    purpose: To help.
    enter: products.viewed >= 1
"""
NEW = """\
segments:
  - name: buyer
    purpose: To thank.
    enter: orders.count >= 1
  - name: fan
    title: Fan
    purpose: To thank twice.
    enter: orders.count >= 2
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """a, b and c buy, a and b again the next day; b and d look."""
    (tmp_path / "live.yaml").write_text(LIVE, encoding="utf-8")
    (tmp_path / "new.yaml").write_text(NEW, encoding="utf-8")
    events = [ordered(START_MS + n * HOUR, customer) for n, customer in enumerate("abc")]
    events += [ordered(START_MS + DAY + n * HOUR, customer) for n, customer in enumerate("ab")]
    events += [call(START_MS + DAY, "Product Viewed", c, product_id="p") for c in "bd"]
    (tmp_path / "events.jsonl").write_text("\n".join(events) + "\n", encoding="utf-8")
    return tmp_path


def preview(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code = cli.main(
        ["segments", "preview", str(folder / "events.jsonl"), "--segments",
         str(folder / "new.yaml"), "--json", *words]
    )  # fmt: skip
    out = capsys.readouterr()
    assert code == 0, out.err
    found: dict[str, Any] = json.loads(out.out)
    return found


def test_size_flow_and_examples_with_their_evidence(shop: Path, capsys: pytest.CaptureFixture[str]):
    until = rfc3339(START_MS + 4 * DAY)
    (fan,) = preview(shop, capsys, "--segment", "fan", "--until", until)["segments"]
    assert (fan["segment"], fan["enter"], fan["exit"]) == ("fan", "orders.count >= 2", None)
    assert (fan["members"], fan["entries_per_day"], fan["size"]) == (2, 0.5, [0, 2, 2, 2, 2])
    assert sorted(fan["examples"], key=lambda example: example["customer"]) == [
        {
            "customer": customer, "since": since, "cause": "event",
            "evidence": [{"leaf": "orders.count >= 2", "before": False, "after": True, "value": 2}],
        }
        for customer, since in (
            ("a", "2026-03-03T00:00:00.000Z"), ("b", "2026-03-03T01:00:00.000Z"),
        )
    ]  # fmt: skip
    assert fan["overlaps"] == [
        {"segment": "buyer", "members": 2, "of_this": 1.0, "of_other": 0.6667}
    ]


def test_with_live_definitions_what_differs_is_previewed_beside_them(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    found = preview(shop, capsys, "--live", str(shop / "live.yaml"))["segments"]
    assert [each["segment"] for each in found] == ["fan"]
    assert found[0]["overlaps"] == [
        {"segment": "buyer", "members": 2, "of_this": 1.0, "of_other": 0.6667},
        {"segment": "looker", "members": 1, "of_this": 0.5, "of_other": 0.5},
    ]


def test_what_is_in_force_just_so_is_no_preview(shop: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(
        ["segments", "preview", str(shop / "events.jsonl"), "--segments",
         str(shop / "new.yaml"), "--live", str(shop / "new.yaml")]
    ) == 2  # fmt: skip
    assert "in force just so" in capsys.readouterr().err


def test_a_sample_is_of_customers_and_says_what_it_makes_for_all(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    """Whether a customer is in it depends on the id alone; guests come with whom they become."""
    events = [ordered(START_MS + n, f"c{n}") for n in range(400)]
    guest = [
        json.dumps({**json.loads(call(START_MS + DAY + n, "Product Viewed", product_id="p")),
                    "userId": None, "anonymousId": f"guest{n}"})
        for n in range(400)
    ]  # fmt: skip
    login = [
        json.dumps({**json.loads(ordered(START_MS + 2 * DAY + n, f"c{n}")),
                    "anonymousId": f"guest{n}"})
        for n in range(400)
    ]  # fmt: skip
    (shop / "events.jsonl").write_text("\n".join(events + guest + login) + "\n", encoding="utf-8")
    found = preview(shop, capsys, "--sample", "0.25", "--segment", "fan", "--examples", "400")
    expected = {f"c{n}" for n in range(400) if place_of(f"c{n}") < 0.25}
    (fan,) = found["segments"]
    assert {example["customer"] for example in fan["examples"]} == expected
    assert fan["members"] == found["customers"] == len(expected)
    assert fan["estimate"]["members"] == 4 * len(expected)
    assert abs(fan["estimate"]["members"] - 400) <= fan["estimate"]["plus_minus"]


def test_ten_examples_are_shown_by_default(shop: Path, capsys: pytest.CaptureFixture[str]):
    events = [ordered(START_MS + n, f"c{n}") for n in range(30)]
    (shop / "events.jsonl").write_text("\n".join(events) + "\n", encoding="utf-8")
    found = preview(shop, capsys)["segments"]
    assert [len(each["examples"]) for each in found] == [10, 0]


def test_visitors_are_told_from_customers(shop: Path, capsys: pytest.CaptureFixture[str]):
    new = shop / "new.yaml"
    counts = "customer: orders.count >= 1\n" + new.read_text(encoding="utf-8")
    counts += "  - {name: everybody, purpose: p, enter: orders.count >= 0}\n"
    new.write_text(counts, encoding="utf-8")
    looks = [
        ordered(START_MS, f"v{n}").replace("Order Completed", "Product Viewed") for n in range(9)
    ]
    with (shop / "events.jsonl").open("a", encoding="utf-8") as events:
        events.write("\n".join(looks) + "\n")
    words = ["segments", "preview", str(shop / "events.jsonl"), "--segments", str(new)]
    assert cli.main([*words, "--segment", "everybody"]) == 0
    assert "13, 3 of them customers, 100% of the customers" in capsys.readouterr().out


def test_the_text_is_for_people(shop: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(
        ["segments", "preview", str(shop / "events.jsonl"), "--segments",
         str(shop / "new.yaml"), "--segment", "fan"]
    ) == 0  # fmt: skip
    said = capsys.readouterr().out
    assert "fan (Fan)" in said
    assert "2, 50% of the customers" in said
    assert "a  since 2026-03-03T00:00:00Z by event" in said
    assert "orders.count >= 2 [2]" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--sample", "0"), "--sample is no share"),
        (("--sample", "1.5"), "--sample is no share"),
        (("--segment", "fans"), "did you mean fan?"),
        (("--live", "absent.yaml"), "cannot read absent.yaml"),
    ],
)
def test_what_is_called_wrongly_is_said(
    shop: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
):
    assert cli.main(
        ["segments", "preview", str(shop / "events.jsonl"), "--segments",
         str(shop / "new.yaml"), *words]
    ) == 2  # fmt: skip
    assert says in capsys.readouterr().err
