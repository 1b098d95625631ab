"""What `shoal segments readiness` says of real data, against what stands in the files."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli

pytestmark = pytest.mark.real

Told = dict[str, Any]

BUYERS = {"lapsed", "at_risk", "won_back", "loyal", "regular", "new_customer", "one_time_buyer"}
INTENT = {"abandoned_cart", "abandoned_checkout", "abandoned_browse"}


def told(path: Path) -> Told:
    with redirect_stdout(io.StringIO()) as out:
        assert cli.main(["segments", "readiness", str(path), "--json"]) == 0
    found: Told = json.loads(out.getvalue())
    found["verdicts"] = {each["name"]: each["verdict"] for each in found["definitions"]}
    found["by_event"] = {each["event"]: each for each in found["carried"]}
    return found


def of(found: Told, names: set[str]) -> set[str]:
    return {found["verdicts"][name] for name in names}


@pytest.fixture(scope="module")
def history(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Told]:
    def run(file: str, map_name: str) -> Told:
        out = tmp_path_factory.mktemp("history") / "out.jsonl"
        with redirect_stderr(io.StringIO()):
            words = [str(shared_data / file), "--map", map_name, "--to", str(out)]
            assert cli.main(["import", *words]) == 0
        return told(out)

    return run


def test_cdnow_can_do_the_journey_of_buyers_and_no_carts(history: Callable[..., Told]):
    found = history("CDNOW_sample.txt", "cdnow")
    assert of(found, BUYERS) == {"works"}
    assert of(found, INTENT) == {"blind"}
    # It has no returns, and shows nobody before the first purchase.
    assert found["verdicts"]["serial_returner"] == "blind"
    assert of(found, {"exploring", "new_visitor"}) == {"degraded"}
    assert {name: each["count"] for name, each in found["by_event"].items()} == {
        "Order Completed": 6_919
    }
    shares = found["by_event"]["Order Completed"]["properties"]
    assert (shares["revenue"], shares["product"], shares["order_id"]) == (1.0, 0.0, 0.0)
    assert found["from"] == "1997-01-01T00:00:00.000Z"


def test_online_retail_can_do_the_journey_of_buyers_and_returns_in_part_and_no_carts(
    history: Callable[..., Told],
):
    found = history("online_retail_2010-12_2011-03.csv.gz", "online_retail")
    assert of(found, BUYERS) == {"works"}
    assert of(found, INTENT) == {"blind"}
    assert found["verdicts"]["high_value"] == "works"
    # Its cancellations do not say which invoice they take back.
    (returner,) = (d for d in found["definitions"] if d["name"] == "serial_returner")
    assert returner["verdict"] == "degraded"
    assert [lack["why"] for lack in returner["lacks"]] == ["no Order Refunded carries order_id"]
    assert found["by_event"]["Order Completed"]["properties"]["product"] == 1.0
    assert found["by_event"]["Order Refunded"]["properties"]["order_id"] == 0.0


SNOWPLOW = {
    "product_view": "Product Viewed",
    "list_view": "Product List Viewed",
    "list_click": "Product Clicked",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "checkout_step": "Checkout Step Completed",
    "transaction": "Order Completed",
    "refund": "Order Refunded",
}
"""The demo shop's actions by the names of the specification."""


def snowplow_calls(folder: Path) -> list[dict[str, Any]]:
    """The captured events as a shop would send them: one call each, with their context tables."""

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    prefix = "com_snowplowanalytics_snowplow_ecommerce_"
    products: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(f"{prefix}product_1"):
        fields = {"product_id": row["id"], "price": row["price"], "list_price": row["list_price"]}
        kept = {name: value for name, value in fields.items() if value}
        if kept not in products[row["root_id"]]:
            products[row["root_id"]].append(kept)
    orders = {row["root_id"]: row for row in rows(f"{prefix}transaction_1")}
    actions = {row["root_id"]: row["type"] for row in rows(f"{prefix}action_1") if row["type"]}
    calls = []
    for event in rows("snowplow_ecommerce_events"):
        root = event["event_id"]
        if actions.get(root) not in SNOWPLOW:
            continue
        name = SNOWPLOW[actions[root]]
        items = products.get(root, [])
        properties: dict[str, Any] = {"products": items}
        if name in ("Product Viewed", "Product Clicked", "Product Added", "Product Removed"):
            properties = dict(items[0]) if items else {}
        if root in orders:
            properties |= {
                "order_id": orders[root]["transaction_id"], "revenue": orders[root]["revenue"]
            }  # fmt: skip
        calls.append(
            {
                "type": "track", "event": name, "messageId": root, "properties": properties,
                "anonymousId": event["domain_userid"] or "nobody",
                "timestamp": event["collector_tstamp"].replace(" ", "T"),
            }
        )  # fmt: skip
    return calls


def test_the_snowplow_shop_can_do_carts_checkouts_and_browsing(shared_data: Path, tmp_path: Path):
    calls = snowplow_calls(shared_data / "snowplow_ecommerce")
    path = tmp_path / "snowplow.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in calls), encoding="utf-8")
    found = told(path)
    assert of(found, INTENT) == {"works"}
    assert of(found, BUYERS | {"exploring", "new_visitor"}) == {"works"}
    counts = Counter(each["event"] for each in calls)
    assert {name: each["count"] for name, each in found["by_event"].items()} == dict(counts)
    added = [each["properties"] for each in calls if each["event"] == "Product Added"]
    share = sum("list_price" in each for each in added) / len(added)
    assert found["by_event"]["Product Added"]["properties"]["list_price"] == round(share, 4)
    assert counts["Product Added"] > 10


def test_the_specifications_example_shop_can_do_everything(shared_data: Path, tmp_path: Path):
    """The calls of the specification's pages, with the envelope that a library adds."""
    lines = (shared_data / "segment_spec" / "js_calls.jsonl").read_text("utf-8").splitlines()
    head = {"anonymousId": "a", "timestamp": "2026-01-01T00:00:00Z"}
    calls = [{**json.loads(line)["payload"], **head} for line in lines]
    path = tmp_path / "spec.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in calls), encoding="utf-8")
    found = told(path)
    assert of(found, INTENT | BUYERS | {"exploring", "new_visitor", "serial_returner"}) == {"works"}
    names = Counter(each["event"] for each in calls if isinstance(each.get("event"), str))
    for name in ("Order Completed", "Order Refunded", "Product Added", "Coupon Denied"):
        assert found["by_event"][name]["count"] == names[name]


def test_the_specifications_other_examples_show_no_shop(shared_data: Path, tmp_path: Path):
    """Calls with v1 names among many of other trades: one order, one cart, no refund."""
    lines = (shared_data / "segment_spec" / "payloads.jsonl").read_text("utf-8").splitlines()
    head = {"timestamp": "2026-01-01T00:00:00Z"}
    calls = [{**json.loads(line)["payload"], **head} for line in lines]
    path = tmp_path / "spec.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in calls), encoding="utf-8")
    found = told(path)
    names = {each.get("event") for each in calls}
    assert {"Viewed Product Category", "Order Completed"} <= names
    assert not names & {"Order Refunded", "Refunded Order", "Checkout Started", "Started Order"}
    assert found["by_event"]["Order Completed"]["count"] == 1
    assert found["verdicts"]["serial_returner"] == "blind"
    assert found["verdicts"]["abandoned_checkout"] == "blind"
    assert found["verdicts"]["regular"] == "works"
