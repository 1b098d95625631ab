from __future__ import annotations

import gzip
import json
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli

Calls = list[dict[str, Any]]


def call(event: str, at: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": event, "userId": "u", "timestamp": at,
        "messageId": f"{event} {at}", "properties": properties,
    }  # fmt: skip


ORDERS = [
    call("Order Completed", f"2026-01-0{n}T00:00:00Z", order_id=f"{n}", revenue=9.5)
    for n in range(1, 6)
]


def told(
    capsys: pytest.CaptureFixture[str], path: Path, *words: str, code: int = 0
) -> dict[str, Any]:
    assert cli.main(["segments", "readiness", str(path), *words, "--json"]) == code
    captured = capsys.readouterr()
    found: dict[str, Any] = json.loads(captured.out)
    found["verdicts"] = {each["name"]: each["verdict"] for each in found["definitions"]}
    return found


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    write(path, ORDERS)
    return path


def write(path: Path, calls: Calls) -> None:
    path.write_text("".join(json.dumps(each) + "\n" for each in calls), encoding="utf-8")


def test_orders_alone_make_the_journey_work_and_leave_carts_blind(
    events: Path, capsys: pytest.CaptureFixture[str]
):
    found = told(capsys, events)
    assert found["verdicts"]["at_risk"] == "works"
    assert found["verdicts"]["abandoned_cart"] == "blind"
    assert (found["events"], found["lines"], found["rejected"]) == (5, 5, {})
    assert (found["from"], found["to"]) == ("2026-01-01T00:00:00.000Z", "2026-01-05T00:00:00.000Z")
    (carried,) = found["carried"]
    assert (carried["event"], carried["count"]) == ("Order Completed", 5)
    assert carried["properties"]["revenue"] == 1.0
    assert carried["properties"]["list_price"] == 0.0


def test_the_table_says_why_what_to_send_and_what_came(
    events: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(["segments", "readiness", str(events)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "abandoned_cart* blind" in said
    assert "To send: " in said
    assert "Order Refunded events" in said
    assert "Order Completed 5 2026-01-01 revenue 100%, order_id 100%" in said


def test_strict_fails_where_a_definition_with_its_action_on_is_blind(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert told(capsys, events, "--strict", code=1)["verdicts"]["abandoned_cart"] == "blind"
    shop = tmp_path / "shop.yaml"
    text = "- {name: cart, purpose: p, enter: cart.items > 0, action: {enabled: true}}\n"
    shop.write_text(text.replace("true", "false"), encoding="utf-8")
    assert told(capsys, events, "--strict", "--segments", str(shop))["verdicts"]["cart"] == "blind"
    shop.write_text(text, encoding="utf-8")
    told(capsys, events, "--strict", "--segments", str(shop), code=1)


def test_the_reference_fills_in_what_the_events_leave_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path, reference = tmp_path / "e.jsonl", tmp_path / "r.jsonl"
    products = [{"product_id": "a", "price": 3}]
    write(path, [call("Order Completed", "2026-01-01T00:00:00Z", products=products)])
    write(reference, [{"type": "product", "id": "a", "list_price": 5}])
    shop = tmp_path / "shop.yaml"
    shop.write_text("- {name: x, purpose: p, enter: orders.discount_share > 0.5}", "utf-8")
    words = ["--segments", str(shop)]
    assert told(capsys, path, *words)["verdicts"]["x"] == "blind"
    assert told(capsys, path, *words, "--reference", str(reference))["verdicts"]["x"] == "works"


def test_several_files_and_packed_ones_are_one_stream(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    packed = tmp_path / "more.jsonl.gz"
    more = call("Products Searched", "2025-12-01T00:00:00Z", results_count=0)
    packed.write_bytes(gzip.compress(json.dumps(more).encode()))
    found = told(capsys, events, str(packed))
    assert found["events"] == 6
    assert found["from"] == "2025-12-01T00:00:00.000Z"


def test_what_is_no_event_is_counted_and_nothing_but_that_fails(
    events: Path, capsys: pytest.CaptureFixture[str]
):
    events.write_text(events.read_text("utf-8") + "nonsense\n", encoding="utf-8")
    assert told(capsys, events)["rejected"] == {"not_json": 1}
    events.write_text("nonsense\n", encoding="utf-8")
    assert cli.main(["segments", "readiness", str(events)]) == 2
    assert "no line could be read as an event" in capsys.readouterr().err
    events.write_text("", encoding="utf-8")
    assert cli.main(["segments", "readiness", str(events)]) == 2
    assert "there is no event of a customer" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_a_wrong_call(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["segments", "readiness", "nowhere.jsonl"]) == 2
    assert "cannot read nowhere.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--newest", "5"], ["--from", "2026-01-01T00:00:00Z"]])
def test_a_window_is_of_the_topic(
    words: list[str], events: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(["segments", "readiness", str(events), *words]) == 2
    assert "are of the topic" in capsys.readouterr().err


def test_without_a_file_it_asks_the_broker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("SHOAL_BROKER", address)
        assert cli.main(["segments", "readiness"]) == 1
    assert f"the broker {address} does not answer" in capsys.readouterr().err


# -- a shop's own events, which no list names ------------------------------------------------------

OWN = """
- {name: warner, purpose: p, enter: last('Survey Answered'.nps) <= 6}
- {name: misspelt, purpose: p, enter: last('Survey Answered'.npss) <= 6}
- {name: absent, purpose: p, enter: "count('Demo Booked', within=7 * DAY) >= 1"}
- name: card
  purpose: p
  enter: count('Payment Failed', within=7 * DAY, where=reason == 'card') >= 1
- name: waits
  purpose: p
  enter: sequence('Payment Failed', then=not 'Demo Booked', within=1 * HOUR)
- {name: vip, purpose: p, enter: trait('vip')}
- {name: either, purpose: p, enter: "trait('vip') or last('Survey Answered'.nps) >= 9"}
"""


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, list[str]]:
    """Nine surveys, the first without an answer; four failed payments, one with a reason."""
    path, shop = tmp_path / "own.jsonl", tmp_path / "own.yaml"
    days = [f"2026-02-{day:02d}T00:00:00Z" for day in range(1, 10)]
    calls = [call("Survey Answered", at, **({"nps": 7} if at != days[0] else {})) for at in days]
    calls += [call("Payment Failed", at, amount=5) for at in days[:3]]
    calls.append(call("Payment Failed", days[6], reason="card"))
    write(path, calls)
    shop.write_text(OWN, encoding="utf-8")
    return path, ["--segments", str(shop)]


def test_own_events_are_judged_by_their_names_and_properties(
    own: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
):
    path, words = own
    found = told(capsys, path, *words)
    assert found["verdicts"] == {
        "warner": "degraded", "misspelt": "blind", "absent": "blind", "card": "degraded",
        "waits": "degraded", "vip": "blind", "either": "degraded",
    }  # fmt: skip
    by_name = {each["name"]: each for each in found["definitions"]}
    whys = {name: [lack["why"] for lack in each["lacks"]] for name, each in by_name.items()}
    assert whys["warner"] == ["89% of Custom: Survey Answered carry properties.nps"]
    assert whys["misspelt"] == ["no Custom: Survey Answered carries properties.npss"]
    assert whys["absent"] == ["no Custom: Demo Booked came"]
    (rests,) = [s for s in by_name["warner"]["rests_on"] if s["property"]]
    assert (rests["count"], rests["share"]) == (8, 0.8889)
    assert rests["since"] == by_name["warner"]["since"] == "2026-02-02T00:00:00.000Z"


def test_the_table_names_own_events_and_what_to_send(
    own: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
):
    path, words = own
    assert cli.main(["segments", "readiness", str(path), *words]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "absent blind no Custom: Demo Booked came" in said
    assert "Custom: Demo Booked events" in said
    assert "Custom: Payment Failed 4 2026-02-01" in said
    assert "13 events, 2026-02-01T00:00:00.000Z to 2026-02-09T00:00:00.000Z" in said


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "shop.jsonl"
    words = ["--customers", "60", "--days", "21", "--seed", "1", "--out", str(path)]
    assert cli.main(["simulate", *words]) == 0
    return path


def test_a_simulated_shop_makes_every_definition_of_the_pack_work(
    simulated: Path, capsys: pytest.CaptureFixture[str]
):
    found = told(capsys, simulated, "--strict")
    built_in = {
        "lapsed", "at_risk", "won_back", "loyal", "regular", "new_customer", "one_time_buyer",
        "exploring", "new_visitor", "abandoned_cart", "abandoned_checkout", "abandoned_browse",
        "high_value", "serial_returner",
    }  # fmt: skip
    assert {name: found["verdicts"][name] for name in built_in} == dict.fromkeys(built_in, "works")


def test_what_a_simulated_shop_carries_is_what_its_lines_say(
    simulated: Path, capsys: pytest.CaptureFixture[str]
):
    """Counted from the lines by other means: the JSON as it was sent."""
    calls = [json.loads(line) for line in simulated.read_text("utf-8").splitlines()]
    names = Counter(each.get("event", each["type"]) for each in calls)
    found = {each["event"]: each for each in told(capsys, simulated)["carried"]}
    assert found["Page Viewed"]["count"] == names["page"] + names["screen"]
    own = ("Payment Failed", "Survey Answered", "Invite Sent", "Signed Up")
    assert found["Custom"]["count"] == sum(names[name] for name in own)
    assert found["Custom: Payment Failed"]["count"] == names["Payment Failed"]
    for name in ("Product Added", "Order Completed", "Email Opened", "Order Refunded"):
        assert found[name]["count"] == names[name]
    orders = [each["properties"] for each in calls if each.get("event") == "Order Completed"]
    for name in ("store", "gift", "payment_method"):
        sent = sum(each.get(name) is not None for each in orders)
        assert found["Order Completed"]["properties"][name] == round(sent / len(orders), 4)
    assert found["Order Completed"]["since"] == min(
        each["timestamp"] for each in calls if each.get("event") == "Order Completed"
    )


@pytest.mark.parametrize(
    ("left_out", "blind"),
    [
        ({"Product Added", "Cart Viewed", "Wishlist Product Added to Cart"}, {"abandoned_cart"}),
        ({"Order Refunded"}, {"serial_returner"}),
        ({"Product Viewed"}, {"abandoned_browse"}),
        (
            {
                "Checkout Started",
                "Checkout Step Viewed",
                "Checkout Step Completed",
                "Payment Info Entered",
            },
            {"abandoned_checkout"},
        ),
    ],
    ids=["carts", "refunds", "products", "checkouts"],
)
def test_a_shop_that_leaves_events_out_is_blind_for_what_rests_on_them(
    left_out: set[str],
    blind: set[str],
    simulated: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    calls = [json.loads(line) for line in simulated.read_text("utf-8").splitlines()]
    path = tmp_path / "less.jsonl"
    write(path, [each for each in calls if each.get("event") not in left_out])
    built_in = {
        "abandoned_cart", "abandoned_checkout", "abandoned_browse", "serial_returner", "at_risk",
        "high_value",
    }  # fmt: skip
    verdicts = told(capsys, path)["verdicts"]
    assert {name for name in built_in if verdicts[name] == "blind"} == blind
