"""`shoal segments report`: from a file of events to who is served well, and what was missed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from stream.cli.segments_report import _number
from stream.simulation.traffic import TrafficConfig, generate
from tests.cli.test_segments_lift import call
from tests.state.shopping import DAY, HOUR, START_MS

SEGMENTS = """\
segments:
  - name: buyer
    purpose: To thank.
    enter: orders.count >= 1
"""


def report(folder: Path, lines: list[str], *words: str, definitions: str = SEGMENTS) -> int:
    (folder / "segments.yaml").write_text(definitions, encoding="utf-8")
    (folder / "events.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return cli.main(
        ["segments", "report", str(folder / "events.jsonl"),
         "--segments", str(folder / "segments.yaml"), *words]
    )  # fmt: skip


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def test_what_a_member_did_is_told_from_what_was_done_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    ids = {"userId": "a"}
    lines = [
        call(START_MS, "Order Completed", ids, order_id="A", revenue=30),
        call(START_MS + DAY, "Product Viewed", ids, product_id="P"),
        call(START_MS + 2 * DAY, "Order Completed", ids, order_id="B", revenue=50),
    ]
    assert report(tmp_path, lines, "--json") == 0
    (buyer,) = printed(capsys)["segments"]
    figures = {figure["measure"]: figure for figure in buyer["figures"]}
    assert (buyer["segment"], buyer["customers"], buyer["visits"]) == ("buyer", 1, 2)
    assert figures["conversion"]["segment"] == 0.5
    assert figures["basket_value"]["segment"] == 50
    assert figures["basket_value"]["rest"] == 30
    assert figures["conversion"]["word"] == "too little data"


def test_who_is_no_customer_by_the_definitions_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    condition = 'customer: not trait("staff")\n'
    lines = []
    for name in ("staff", "usual"):
        ids = {"userId": name}
        order = call(START_MS, "Order Completed", ids, order_id=name, revenue=30)
        known = {"type": "identify", "messageId": f"i{name}", "traits": {"staff": name == "staff"}}
        lines += [json.dumps(json.loads(order) | known), order]
        lines.append(call(START_MS + DAY, "Product Viewed", ids, product_id="P"))
    assert report(tmp_path, lines, "--json", definitions=condition + SEGMENTS) == 0
    (buyer,) = printed(capsys)["segments"]
    assert buyer["customers"] == 1


def test_missed_demand_by_product_and_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    there = {"product_id": "shoe", "sku": "s41", "size": "41", "price": 80, "in_stock": True}
    gone = {"product_id": "shoe", "sku": "s42", "size": "42", "price": 80, "in_stock": False}
    lines = [call(START_MS, "Product Viewed", {"userId": c}, **there) for c in "abcd"]
    lines += [call(START_MS, "Product Viewed", {"userId": c}, **gone) for c in "xy"]
    bought = {"order_id": "A", "products": [{"product_id": "shoe", "size": "41", "price": 80}]}
    lines.append(call(START_MS + HOUR, "Order Completed", {"userId": "a"}, **bought))
    assert report(tmp_path, lines, "--demand", "--json") == 0
    first = printed(capsys)["demand"][0]
    assert (first["product"], first["size"], first["lost_buyers"]) == ("shoe", "42", 2)
    assert first["lost_revenue"] == 80 * 2 * 0.25
    assert report(tmp_path, lines, "--demand") == 0
    assert "40.00" in capsys.readouterr().out


def test_a_stream_without_availability_is_told_what_to_send(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    lines = [call(START_MS, "Product Viewed", {"userId": "a"}, product_id="shoe", price=80)]
    assert report(tmp_path, lines, "--demand") == 0
    assert "send `availability`" in " ".join(capsys.readouterr().out.split())


def test_a_simulated_shop_has_both_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = TrafficConfig(seed=3, customers=60, start_ms=START_MS, days=14)
    lines = [event.value.decode() for event in generate(config)]
    assert report(tmp_path, lines) == 0
    assert "buyer" in capsys.readouterr().out
    assert report(tmp_path, lines, "--demand", "--rows", "3", "--json") == 0
    assert len(printed(capsys)["demand"]) == 3


def test_demand_fits_eighty_columns_and_cuts_no_product(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    shoe = {"product_id": "SHOE-000123", "size": "42-wide", "price": 12_345.5, "in_stock": False}
    lines = [call(START_MS, "Product Viewed", {"userId": c}, **shoe) for c in "xy"]
    monkeypatch.setattr("stream.cli.backtest_tables.PLAIN_WIDTH", 80)
    assert report(tmp_path, lines, "--demand") == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for whole in ("SHOE-000123,", "42-wide", "12,345.50", "wanted", "revenue"):
        assert whole in out


def test_figures_keep_the_digits_before_the_point():
    shown = [_number(value) for value in (0.123456, 12.34567, 1_234.5, 1_234_567.8, None)]
    assert shown == ["0.1235", "12.35", "1,234", "1,234,568", "unknown"]
    assert _number(-20_000, "+") == "-20,000"
