"""The packaged maps on the real data, against figures computed from the files by other means."""

import csv
import gzip
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import redirect_stderr
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from stream.events.envelope import decode
from stream.events.records import OrderCompleted, OrderRefunded

pytestmark = pytest.mark.real

Rows = list[dict[str, str]]
Events = list[dict[str, Any]]
Import = Callable[[str, str], tuple[Events, dict[str, Any]]]

CDNOW = "CDNOW_sample.txt"
RETAIL = "online_retail_2010-12_2011-03.csv.gz"


@pytest.fixture(scope="module")
def imported(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Import:
    """Events and summary of `shoal import`, each file imported once."""
    done: dict[str, tuple[Events, dict[str, Any]]] = {}

    def run(file: str, map_name: str) -> tuple[Events, dict[str, Any]]:
        if file not in done:
            out = tmp_path_factory.mktemp("import") / "out.jsonl"
            words = ["--map", map_name, "--to", str(out), "--json"]
            with redirect_stderr(io.StringIO()) as said:
                assert cli.main(["import", str(shared_data / file), *words]) == 0
            lines = out.read_text("utf-8").splitlines()
            events = [json.loads(line, parse_float=Decimal) for line in lines]
            done[file] = events, json.loads(said.getvalue())
        return done[file]

    return run


@pytest.fixture(scope="module")
def purchases(shared_data: Path) -> list[tuple[str, str, int, Decimal]]:
    """Customer, day, number of CDs, dollars: CDNOW by `str.split`."""
    lines = (shared_data / CDNOW).read_text("ascii").splitlines()
    cells = [line.split() for line in lines]
    return [(c[0], c[2], int(c[3]), Decimal(c[4])) for c in cells]


@pytest.fixture(scope="module")
def lines(shared_data: Path) -> Rows:
    """Online Retail's lines by `csv.DictReader`."""
    with gzip.open(shared_data / RETAIL, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sold(lines: Rows) -> Rows:
    return [row for row in lines if row["CustomerID"] and row["InvoiceNo"][0] != "C"]


@pytest.fixture(scope="module")
def returned(lines: Rows) -> Rows:
    return [row for row in lines if row["CustomerID"] and row["InvoiceNo"][0] == "C"]


def customer(row: dict[str, str]) -> str:
    return str(int(float(row["CustomerID"])))


def amount(row: dict[str, str]) -> Decimal:
    return Decimal(row["UnitPrice"]) * int(row["Quantity"])


def of(events: Events, name: str) -> Events:
    return [event for event in events if event["event"] == name]


def test_cdnow_has_the_known_size(imported: Import):
    events, summary = imported(CDNOW, "cdnow")
    assert len(events) == summary["rows"] == summary["orders"] == 6919
    assert summary["customers"] == len({event["userId"] for event in events}) == 2357
    assert summary["first"] == "1997-01-01T00:00:00.000Z"
    assert summary["last"] == "1998-06-30T00:00:00.000Z"


def test_every_cdnow_purchase_is_there_once_with_its_dollars(
    imported: Import, purchases: list[tuple[str, str, int, Decimal]]
):
    events, summary = imported(CDNOW, "cdnow")
    found = Counter(
        (
            event["userId"],
            event["timestamp"][:10].replace("-", ""),
            event["properties"]["products"][0]["quantity"],
            Decimal(event["properties"]["revenue"]),
        )
        for event in events
    )
    assert found == Counter(purchases)
    assert Decimal(summary["revenue"]["USD"]) == sum(paid for *_, paid in purchases)
    assert summary["zero_orders"] == sum(paid == 0 for *_, paid in purchases) == 8


def test_equal_cdnow_rows_are_purchases_with_ids_of_their_own(
    imported: Import, purchases: list[tuple[str, str, int, Decimal]]
):
    events, _ = imported(CDNOW, "cdnow")
    assert len(purchases) - len(set(purchases)) > 0
    assert len({event["messageId"] for event in events}) == len(purchases)


def test_online_retail_rows_all_have_an_end(imported: Import, lines: Rows):
    _, summary = imported(RETAIL, "online_retail")
    without = sum(not row["CustomerID"] for row in lines)
    assert summary["rows"] == len(lines) == 142_083
    assert summary["skipped"] == {"no_customer": without}
    assert summary["order_lines"] + summary["refund_lines"] + without == len(lines)


def test_online_retail_orders_are_the_invoices_with_their_lines_and_exact_amounts(
    imported: Import, sold: Rows
):
    events, summary = imported(RETAIL, "online_retail")
    expected: dict[tuple[str, str], list[tuple[str, int, Decimal]]] = defaultdict(list)
    revenue: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in sold:
        key = (row["InvoiceNo"], customer(row))
        expected[key].append((row["StockCode"], int(row["Quantity"]), Decimal(row["UnitPrice"])))
        revenue[key] += amount(row)
    found, told = {}, {}
    for event in of(events, "Order Completed"):
        properties = event["properties"]
        key = (properties["order_id"], event["userId"])
        found[key] = [
            (line["product_id"], line["quantity"], Decimal(line["price"]))
            for line in properties["products"]
        ]
        told[key] = Decimal(properties["revenue"])
    assert found == expected
    assert told == revenue
    assert summary["orders"] == len(expected) == len(of(events, "Order Completed"))
    assert Decimal(summary["revenue"]["GBP"]) == sum(revenue.values())
    assert summary["zero_lines"] == sum(amount(row) == 0 for row in sold)


def test_online_retail_cancellations_are_refunds_that_name_no_order(
    imported: Import, returned: Rows
):
    events, summary = imported(RETAIL, "online_retail")
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in returned:
        expected[row["InvoiceNo"], customer(row)] -= amount(row)
    refunds = of(events, "Order Refunded")
    found = {
        (event["properties"]["refund_id"], event["userId"]): Decimal(event["properties"]["total"])
        for event in refunds
    }
    assert found == expected
    assert len(refunds) == len(expected) == summary["refunds"]
    assert not any("order_id" in event["properties"] for event in refunds)
    assert sum(len(event["properties"]["products"]) for event in refunds) == len(returned)
    assert Decimal(summary["refunded"]["GBP"]) == sum(expected.values())


def test_customers_whose_history_begins_with_a_cancellation_are_there(
    imported: Import, lines: Rows
):
    events, summary = imported(RETAIL, "online_retail")
    expected: dict[str, bool] = {}
    for row in lines:
        if row["CustomerID"]:
            expected.setdefault(customer(row), row["InvoiceNo"].startswith("C"))
    found: dict[str, bool] = {}
    for event in events:
        found.setdefault(event["userId"], event["event"] == "Order Refunded")
    assert found == expected
    assert sum(found.values()) > 100
    assert summary["customers"] == len(expected)


def test_exact_duplicate_lines_stay_lines(imported: Import, sold: Rows):
    events, summary = imported(RETAIL, "online_retail")
    assert len(sold) > len({tuple(row.values()) for row in sold})
    orders = of(events, "Order Completed")
    assert sum(len(event["properties"]["products"]) for event in orders) == len(sold)
    assert summary["order_lines"] == len(sold)


def test_times_are_those_of_the_shops_clock(imported: Import, sold: Rows):
    """Summer time begins on 2011-03-27 at 01:00; until then London's clock shows UTC."""
    events, _ = imported(RETAIL, "online_retail")
    first: dict[str, str] = {}
    for row in sold:
        first.setdefault(row["InvoiceNo"], row["InvoiceDate"])
    shown = {
        event["properties"]["order_id"]: event["timestamp"]
        for event in of(events, "Order Completed")
    }
    summer = {number for number, date in first.items() if date >= "2011-03-27"}
    assert {number for number, date in first.items() if number not in summer} == {
        number
        for number, date in first.items()
        if shown[number] == date.replace(" ", "T") + ".000Z"
    }
    assert 0 < len(summer) < len(first)
    for number in summer:
        hour = int(first[number][11:13]) - 1
        assert shown[number] == f"{first[number][:10]}T{hour:02d}{first[number][13:]}.000Z"


@pytest.mark.parametrize(("file", "name"), [(CDNOW, "cdnow"), (RETAIL, "online_retail")])
def test_events_are_unique_in_time_order_and_received_later(imported: Import, file: str, name: str):
    events, summary = imported(file, name)
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (summary["first"], summary["last"])
    assert len({event["messageId"] for event in events}) == len(events) == summary["events"]
    assert {event["receivedAt"] for event in events} == {events[0]["receivedAt"]}
    assert events[0]["receivedAt"] > "2026"


@pytest.mark.parametrize(("file", "name"), [(CDNOW, "cdnow"), (RETAIL, "online_retail")])
def test_what_is_imported_decodes_without_loss_of_a_cent(imported: Import, file: str, name: str):
    events, summary = imported(file, name)
    sold = returned = 0
    for event in events:
        decoded = decode(json.dumps(event, default=float).encode(), 0, None)
        assert not decoded.clamped
        record = decoded.record
        if isinstance(record, OrderCompleted):
            sold += record.revenue_micros or 0
        elif isinstance(record, OrderRefunded):
            returned += record.refund_micros or 0
    assert sold == sum(Decimal(each) * 10**6 for each in summary["revenue"].values())
    assert returned == sum(Decimal(each) * 10**6 for each in summary["refunded"].values())
