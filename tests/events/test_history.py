from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from stream.clock import instant_ms
from stream.events.envelope import decode
from stream.events.history import History, read_history
from stream.events.history_events import canonical_events
from stream.events.history_map import ColumnMap, parse_map
from stream.events.history_table import HistoryRowError, Row
from stream.events.records import OrderCompleted

MAP = """\
columns: {order: nr, customer: who, product: what, quantity: pieces, price: each, time: when,
          currency: code}
time: {format: iso, zone: UTC}
row: ROW
cancelled: {column: nr, prefix: C}
layout: {header: false, names: [nr, who, what, pieces, each, when, code]}
"""
NOW_MS = instant_ms("2026-11-01T00:00Z")


def a_map(row: str = "line") -> ColumnMap:
    return parse_map(MAP.replace("ROW", row), "test")


def history(*rows: str, row: str = "line") -> History:
    numbered: Sequence[Row] = [
        (number, [*line.split(), *["EUR"] * (len(line.split()) == 6)])
        for number, line in enumerate(rows, start=1)
    ]
    return read_history(numbered, a_map(row), NOW_MS)


def events(found: History, received_ms: int = NOW_MS) -> list[dict[str, Any]]:
    return [
        msgspec.json.decode(event.value) for event in canonical_events(found.documents, received_ms)
    ]


def test_lines_of_an_order_become_one_event_in_the_order_of_the_file():
    found = history(
        "1 ann red 2 2.50 2026-01-02T10:00",
        "2 bob blue 1 9.99 2026-01-02T10:01",
        "1 ann green 1 0.05 2026-01-02T10:00",
    )
    first, second = events(found)
    assert first["properties"] == {
        "order_id": "1",
        "revenue": 5.05,
        "currency": "EUR",
        "products": [
            {"product_id": "red", "quantity": 2, "price": 2.5},
            {"product_id": "green", "quantity": 1, "price": 0.05},
        ],
    }
    assert (first["type"], first["event"], first["userId"]) == ("track", "Order Completed", "ann")
    assert second["userId"] == "bob"


def test_an_event_is_history_because_it_was_received_when_it_was_imported():
    (event,) = events(history("1 ann red 1 1 2026-01-02T10:00"))
    assert event["timestamp"] == event["originalTimestamp"] == "2026-01-02T10:00:00.000Z"
    assert event["receivedAt"] == "2026-11-01T00:00:00.000Z"
    assert "sentAt" not in event


def test_events_are_in_time_order_and_at_one_time_in_the_files_order():
    found = history(
        "3 c red 1 1 2026-01-03",
        "2 b red 1 1 2026-01-01",
        "1 a red 1 1 2026-01-01",
    )
    assert [event["userId"] for event in events(found)] == ["b", "a", "c"]


def test_an_order_happened_with_its_earliest_line():
    found = history("1 a red 1 1 2026-01-01T10:01", "1 a red 1 1 2026-01-01T10:00")
    assert events(found)[0]["timestamp"] == "2026-01-01T10:00:00.000Z"


def test_equal_lines_of_an_order_stay_two_lines():
    found = history("1 a red 1 5 2026-01-01", "1 a red 1 5 2026-01-01")
    assert len(events(found)[0]["properties"]["products"]) == 2
    assert found.summary.revenue == {"EUR": "10"}


def test_equal_rows_that_are_orders_stay_two_orders_with_ids_of_their_own():
    rows = ["- a red 1 5 2026-01-01"] * 2
    found = history(*rows, row="order")
    ids = [event["messageId"] for event in events(found)]
    assert len(set(ids)) == 2
    assert found.summary.orders == 2


def test_ids_stay_when_the_history_is_imported_again_later_and_longer():
    rows = ["- a red 1 5 2026-01-02", "- a red 1 5 2026-01-02", "- b red 1 5 2026-01-03"]
    once = events(history(*rows, row="order"))
    earlier, later = "- c red 1 5 2026-01-01", "- a red 1 5 2026-01-09"
    again = events(history(earlier, *rows, later, row="order"), received_ms=NOW_MS + 1)
    assert [event["messageId"] for event in once] == [event["messageId"] for event in again[1:4]]
    assert len({event["messageId"] for event in again}) == 5


@pytest.mark.parametrize(
    "other",
    [
        "2 a red 1 5 2026-01-01",
        "1 b red 1 5 2026-01-01",
        "1 a tan 1 5 2026-01-01",
        "1 a red 2 5 2026-01-01",
        "1 a red 1 6 2026-01-01",
        "1 a red 1 5 2026-01-02",
        "C1 a red 1 5 2026-01-01",
    ],
)
def test_whatever_differs_makes_another_id(other: str):
    one, two = events(history("1 a red 1 5 2026-01-01")) + events(history(other))
    assert one["messageId"] != two["messageId"]


def test_a_cancellation_is_a_refund_of_its_lines_that_names_no_order():
    found = history("C9 a red -2 2.50 2026-01-01", "C9 a tan -1 1 2026-01-01")
    (event,) = events(found)
    assert event["event"] == "Order Refunded"
    assert event["properties"] == {
        "refund_id": "C9",
        "total": 6,
        "currency": "EUR",
        "products": [
            {"product_id": "red", "quantity": 2, "price": 2.5},
            {"product_id": "tan", "quantity": 1, "price": 1},
        ],
    }


def test_one_number_with_two_customers_is_two_orders():
    found = history("1 a red 1 5 2026-01-01", "1 b red 1 5 2026-01-01")
    assert found.summary.orders == 2


def test_every_row_has_an_end_and_the_counts_add_up():
    summary = history(
        "1 a red 1 5.10 2026-01-01",
        "1 a red 1 0 2026-01-01",
        "2 b red 1.5 2 2026-01-02",
        "3 - red 0 2 2026-01-02",
        "4 null red 1 2 2026-01-02",
        "5 a red -1 2 2026-01-02",
        "6 a red 1 0 2026-01-04",
        "C1 c red -1 2 2026-01-03",
    ).summary
    assert summary.rows == 8
    assert (summary.orders, summary.order_lines) == (3, 4)
    assert (summary.refunds, summary.refund_lines) == (1, 1)
    assert summary.skipped == {"negative_quantity": 1, "no_customer": 1, "zero_quantity": 1}
    assert (summary.zero_orders, summary.zero_lines) == (1, 2)
    assert (summary.revenue, summary.refunded) == ({"EUR": "8.1"}, {"EUR": "2"})
    assert summary.customers == 3
    assert (summary.first, summary.last) == (
        "2026-01-01T00:00:00.000Z",
        "2026-01-04T00:00:00.000Z",
    )


def test_currencies_are_never_added_up():
    summary = history("1 a red 1 5 2026-01-01 EUR", "2 a red 1 7 2026-01-01 USD").summary
    assert summary.revenue == {"EUR": "5", "USD": "7"}


def test_an_order_in_two_currencies_is_refused():
    with pytest.raises(HistoryRowError, match="USD, but line 1 of the order says EUR") as caught:
        history("1 a red 1 5 2026-01-01 EUR", "1 a red 1 7 2026-01-01 USD")
    assert (caught.value.line, caught.value.column) == (2, "code")


def test_an_order_of_the_future_is_refused():
    with pytest.raises(HistoryRowError, match="after the import") as caught:
        history("1 a red 1 5 2026-11-02")
    assert (caught.value.line, caught.value.column) == (1, "when")


def test_a_fraction_of_a_unit_costs_downstream_what_it_cost():
    (event,) = canonical_events(history("1 a silk 1.5 7.33 2026-01-01").documents, NOW_MS)
    assert b'{"product_id":"silk","quantity":1.5,"price":7.33}' in event.value
    record = decode(event.value, 0, None).record
    assert isinstance(record, OrderCompleted)
    assert record.revenue_micros == record.items[0].price_micros == 10_995_000


def test_sums_are_exact_where_doubles_are_not():
    summary = history(*[f"{number} a red 1 0.1 2026-01-01" for number in range(10)]).summary
    assert summary.revenue == {"EUR": "1"}
    assert sum([0.1] * 10) != 1


def test_a_file_with_nothing_but_a_header_is_an_empty_history():
    found = history()
    assert found.documents == ()
    assert (found.summary.rows, found.summary.first) == (0, None)


def test_an_event_stays_under_the_limit_and_keeps_the_amount_of_all_its_lines():
    found = history(*[f"1 a {'p' * 200}{number} 1 1 2026-01-01" for number in range(400)])
    (event,) = canonical_events(found.documents, NOW_MS)
    properties = msgspec.json.decode(event.value)["properties"]
    assert len(event.value) <= 32 * 1024
    assert 50 < len(properties["products"]) < 400
    assert properties["revenue"] == 400
    assert found.summary.long_documents == 1
