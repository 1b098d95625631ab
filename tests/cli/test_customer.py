"""`shoal customer` over event files and dumps of the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from stream.clock import rfc3339
from tests.cli.dumps import dump
from tests.engine.recorded import recording
from tests.state.shopping import DAY, HOUR, START_MS


def tracked(number: int, at_ms: int, name: str, who: str = "c-1", **properties: Any) -> bytes:
    identity = {"anonymousId": who} if who.startswith("anon") else {"userId": who}
    said = {"type": "track", "messageId": f"m{number}", "event": name, **identity,
            "timestamp": rfc3339(at_ms), "properties": properties}  # fmt: skip
    return json.dumps(said).encode()


@pytest.fixture
def history(tmp_path: Path) -> str:
    """An anonymous visit that becomes a customer's, one order, and a cart ten days later."""
    identify = {"type": "identify", "messageId": "m2", "anonymousId": "anon-1", "userId": "c-1",
                "timestamp": rfc3339(START_MS + 1000), "traits": {}}  # fmt: skip
    lines = [
        tracked(1, START_MS, "Product Viewed", "anon-1", product_id="x"),
        json.dumps(identify).encode(),
        tracked(3, START_MS + 2000, "Order Completed", order_id="o1", revenue=50),
        tracked(4, START_MS + 10 * DAY, "Product Added", product_id="y", price=12.5, quantity=2),
        tracked(5, START_MS + 10 * DAY, "Product Viewed", "c-2", product_id="y"),
    ]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(lines))
    return str(path)


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert cli.main(["customer", *words, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    found: dict[str, Any] = json.loads(captured.out)
    return found


def segment(found: dict[str, Any], name: str) -> dict[str, Any]:
    (only,) = [each for each in found["segments"] if each["segment"] == name]
    return dict(only)


def test_everything_is_said_as_json(history: str, capsys: pytest.CaptureFixture[str]):
    found = asked(capsys, "c-1", "--events", history)
    assert found["at"] == rfc3339(START_MS + 10 * DAY)
    assert (found["events"], found["aliases"]) == (4, ["anon-1"])
    new = segment(found, "new_customer")
    assert (new["member"], new["verdict"]) == (True, "in")
    assert new["since"] == rfc3339(START_MS + 2000)
    leaves = {leaf["leaf"]: leaf for leaf in new["leaves"]}
    assert leaves["orders.count == 1"]["value"] == 1
    ends = rfc3339(START_MS + 2000 + 30 * DAY + 1)
    assert leaves["since(orders.first) <= newness"]["turns_at"] == ends
    assert new["if_silent"] == {"change": "exited", "at": ends}
    cart = segment(found, "abandoned_cart")
    assert cart["if_silent"] == {"change": "entered", "at": rfc3339(START_MS + 10 * DAY + HOUR)}
    assert segment(found, "regular")["ways"][0]["what"] == "1 more order"
    turns = [(each["segment"], each["change"], each["cause"]) for each in found["timeline"]]
    assert ("new_customer", "entered", "event") in turns


def test_an_anonymous_id_is_followed_to_the_customer(
    history: str, capsys: pytest.CaptureFixture[str]
):
    by_alias = asked(capsys, "anon-1", "--events", history)
    assert by_alias == asked(capsys, "c-1", "--events", history)


def test_an_instant_of_the_past(history: str, capsys: pytest.CaptureFixture[str]):
    at = rfc3339(START_MS + DAY)
    found = asked(capsys, "c-1", "--events", history, "--at", at, "--segment", "abandoned_cart")
    assert (found["at"], found["events"]) == (at, 3)
    (cart,) = found["segments"]
    assert (cart["member"], cart["leaves"][0]["missing"]) == (False, 1)
    assert found["timeline"] == []


def test_an_instant_to_come_is_of_silence(history: str, capsys: pytest.CaptureFixture[str]):
    at = rfc3339(START_MS + 10 * DAY + 2 * HOUR)
    found = asked(capsys, "c-1", "--events", history, "--at", at)
    assert segment(found, "abandoned_cart")["member"]


def test_tables_for_people(history: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["customer", "c-1", "--events", history]) == 0
    out = capsys.readouterr().out
    assert "new_customer: in since 2026-03-02 00:00" in out
    assert "exits 2026-04-01 00:00 if silent" in out
    assert "enters 2026-03-12 01:00 if silent" in out
    assert "+new_customer by event" in out
    assert cli.main(["customer", "c-1", "--events", history, "--segment", "regular"]) == 0
    out = capsys.readouterr().out
    assert "regular: out" in out
    assert "1 more" in out
    assert "abandoned_cart" not in out


def test_what_is_said_to_the_customer_now(
    history: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "voice.yaml"
    file.write_text(
        "consent_default: allow\nsegments:\n"
        "  - {name: cart, purpose: p, enter: cart.items > 0, priority: 9, action: {channels: "
        "[email, push], message: m, enabled: true, variants: [{name: plain}]}}\n"
        "  - {name: buyer, purpose: p, enter: orders.count >= 1, action: "
        "{kind: suppress, channels: [ads], purpose: own, enabled: true}}\n"
    )
    words = ("c-1", "--events", history, "--segments", str(file))
    begun, bought = rfc3339(START_MS + 10 * DAY), rfc3339(START_MS + 2000)
    assert asked(capsys, *words)["actions"] == {
        "current": {
            "segment": "cart", "kind": "message", "channels": ["email", "push"],
            "variant": "plain", "message": "m", "since": begun,
            "valid_until": rfc3339(START_MS + 17 * DAY),
        },
        "suppressing": [{
            "segment": "buyer", "kind": "suppress", "channels": ["ads"], "variant": None,
            "message": None, "since": bought, "valid_until": None,
        }],
        "waiting": [],
    }  # fmt: skip
    assert cli.main(["customer", *words]) == 0
    out = capsys.readouterr().out
    assert "action now: email, push, by cart, variant plain, since 2026-03-12 00:00 until" in out
    assert "suppressed: ads, by buyer, since 2026-03-02 00:00" in out
    assert cli.main(["customer", "c-2", *words[1:]]) == 0
    assert "action now: none" in capsys.readouterr().out


def test_who_is_not_there_and_what_is_not_there(
    history: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def refused(code: int, *words: str) -> str:
        assert cli.main(["customer", *words]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        return captured.err

    said = refused(1, "somebody@example.org", "--events", history)
    assert "there is no customer of this id" in said
    assert "somebody" not in said, "ids are personal data"
    assert "did you mean regular?" in refused(
        2, "c-1", "--events", history, "--segment", "regulars"
    )
    assert "leave --segments" in refused(2, "c-1", "--segments", "x.yaml")
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    assert "no event" in refused(2, "c-1", "--events", str(empty))
    assert "check the file" in refused(2, "c-1", "--events", str(tmp_path / "none"))


def test_a_dump_of_the_log_explains_what_the_run_came_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run = recording(1, 3)
    dump(run, tmp_path / "log.jsonl")
    told = [json.loads(line) for line in run.changes]
    last = {(c["data"]["customer"], c["data"]["segment"]): c for c in told}
    (customer, _), _ = max(last.items(), key=lambda item: int(item[1]["sequence"]))
    found = asked(capsys, customer, "--log", str(tmp_path / "log.jsonl"))
    inside = {n for (who, n), c in last.items()
              if who == customer and c["type"].endswith("entered")}  # fmt: skip
    members = {each["segment"] for each in found["segments"] if each["member"]}
    assert members | found["clusters"].keys() == inside
    mine = [c for c in told if c["data"]["customer"] == customer]
    assert len(found["timeline"]) >= len(mine) > 0
    assert {(each["time"], each["segment"]) for each in found["timeline"]} >= {
        (c["time"], c["data"]["segment"]) for c in mine
    }
