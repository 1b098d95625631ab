"""`shoal segments lift`: from a file of events to what the actions brought."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stream.cli import main as cli
from stream.clock import rfc3339
from stream.outcomes.assignment import assign
from tests.state.shopping import DAY, HOUR, START_MS

SEGMENTS = """\
segments:
  - name: cart
    purpose: To sell.
    enter: cart.items > 0 and since(cart.last_activity) >= 1 * HOUR
    exit: cart.items <= 0
    success: {event: Order Completed, value: revenue, within: 2 * DAY}
    action: {channels: [email], enabled: true, control: 0.4}
"""


def call(at_ms: int, event: str, ids: dict[str, str], **properties: Any) -> str:
    at = rfc3339(at_ms)
    return json.dumps(
        {
            "type": "track", "event": event, **ids, "messageId": f"{event}{at_ms}{ids}",
            "originalTimestamp": at, "sentAt": at, "receivedAt": at, "properties": properties,
        }
    )  # fmt: skip


def shop(folder: Path, customers: int, effect: float) -> None:
    """Customers who leave a cart behind; of those who are treated, more come back."""
    random = Random(11)
    lines = []
    for number in range(customers):
        customer = f"c{number}"
        start_ms = START_MS + random.randrange(10 * DAY)
        ids = {"userId": customer}
        lines.append(call(start_ms, "Product Added", ids, product_id="P", quantity=1))
        treated = assign(customer, "cart", "shoal", 0.4, 0.0, ()).holdout is None
        if random.random() < 0.2 + effect * treated:
            bought = {"order_id": customer, "revenue": 30, "currency": "EUR"}
            lines.append(call(start_ms + 5 * HOUR, "Order Completed", ids, **bought))
        if treated and effect < 0:
            lines.append(call(start_ms + 6 * HOUR, "Unsubscribed", ids))
    write(folder, lines)


def write(folder: Path, lines: list[str]) -> None:
    (folder / "segments.yaml").write_text(SEGMENTS, encoding="utf-8")
    (folder / "events.jsonl").write_text("\n".join(lines), encoding="utf-8")


def lift(folder: Path, *words: str) -> int:
    return cli.main(
        ["segments", "lift", str(folder / "events.jsonl"),
         "--segments", str(folder / "segments.yaml"), *words]
    )  # fmt: skip


def rows(capsys: pytest.CaptureFixture[str]) -> dict[float, dict[str, Any]]:
    printed = json.loads(capsys.readouterr().out)
    return {row["horizon_days"]: row for row in printed["lift"]}


UNTIL = rfc3339(START_MS + 120 * DAY)


def test_a_planted_effect_is_found_in_the_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shop(tmp_path, 600, 0.3)
    assert lift(tmp_path, "--json", "--until", UNTIL) == 0
    found = rows(capsys)
    assert sorted(found) == [2, 3, 30, 90]
    own = found[2]
    assert own["treated"]["customers"] + own["control"]["customers"] == 600
    assert own["control_group"] == "segment"
    assert own["conversion"]["verdict"] == own["revenue"]["verdict"] == "higher"
    assert own["conversion"]["low"] <= 0.3 <= own["conversion"]["high"]
    assert own["revenue"]["difference"] == pytest.approx(30 * own["conversion"]["difference"])


def test_opt_outs_of_the_treated_end_it_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shop(tmp_path, 300, -0.1)
    assert lift(tmp_path, "--until", UNTIL) == 1
    assert "opt-outs 100.0% : 0.0% higher" in " ".join(capsys.readouterr().out.split())


def test_an_order_before_the_login_is_the_same_customers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    anonymous, both = {"anonymousId": "x"}, {"anonymousId": "x", "userId": "known"}
    write(
        tmp_path,
        [
            call(START_MS, "Product Added", anonymous, product_id="P", quantity=1),
            call(START_MS + 3 * HOUR, "Product Viewed", both, product_id="P"),
            call(START_MS + 4 * HOUR, "Order Completed", both, order_id="A", revenue=30),
        ],
    )
    assert lift(tmp_path, "--json", "--until", UNTIL) == 0
    found = rows(capsys)[2]
    sides = [found["treated"], *([found["control"]] if found["control"] else [])]
    assert sum(side["customers"] for side in sides) == 1
    assert sum(side["converted"] for side in sides) == 1


def test_without_a_control_group_it_says_how_to_have_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shop(tmp_path, 5, 0.0)
    plain = SEGMENTS.replace(", control: 0.4", "")
    (tmp_path / "segments.yaml").write_text(plain, encoding="utf-8")
    assert lift(tmp_path, "--until", UNTIL) == 0
    assert "say --control" in capsys.readouterr().out


def test_a_history_exposes_nobody_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shop(tmp_path, 20, 0.0)
    path = tmp_path / "events.jsonl"
    events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for event in events:
        event["receivedAt"] = event["sentAt"] = rfc3339(START_MS + 200 * DAY)
    path.write_text("\n".join(json.dumps(event) for event in events), encoding="utf-8")
    assert lift(tmp_path) == 0
    assert "historic" in capsys.readouterr().out


def test_a_share_that_is_none_is_called_wrongly(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shop(tmp_path, 1, 0.0)
    assert lift(tmp_path, "--control", "10%") == 2
    assert "0 to 1" in capsys.readouterr().err


def test_its_table_fits_eighty_columns_and_cuts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    shop(tmp_path, 300, 0.3)
    variants = "variants: [{name: with_free_shipping}, {name: plain}]"
    named = SEGMENTS.replace("cart\n", "left_in_the_cart\n").replace(
        "control: 0.4", f"control: 0.4, {variants}"
    )
    (tmp_path / "segments.yaml").write_text(named, encoding="utf-8")
    monkeypatch.setattr("stream.cli.backtest_tables.PLAIN_WIDTH", 80)
    assert lift(tmp_path, "--until", UNTIL) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    for whole in ("left_in_the_cart ", "with_free_shipping ", "2 days (own)", "EUR each"):
        assert whole in out
