from decimal import Decimal
from typing import Any

import pytest

from stream.clock import instant_ms
from stream.events.history_line import Line, LineReader
from stream.events.history_map import Cancellation, ColumnMap, Columns, Layout, TimeFormat
from stream.events.history_table import HistoryRowError

ROW = {
    "order": "1",
    "who": "c1",
    "what": "p",
    "pieces": "2",
    "each": "2.50",
    "sum": "5.00",
    "when": "2026-03-01 12:00",
    "type": "sale",
    "code": "EUR",
}


def a_map(
    *, by_amount: bool = False, columns: dict[str, str] | None = None, **more: Any
) -> ColumnMap:
    money = {"amount": "sum"} if by_amount else {"price": "each"}
    named = {"order": "order", "product": "what", "quantity": "pieces"} | money | (columns or {})
    settings: dict[str, Any] = {
        "time": TimeFormat(format="%Y-%m-%d %H:%M", zone="Europe/Berlin"),
        "row": "line",
    }
    return ColumnMap(columns=Columns(customer="who", time="when", **named), **settings | more)


def line(map_: ColumnMap, **cells: str) -> Line:
    found = LineReader(map_).read(2, ROW | cells)
    assert isinstance(found, Line), found
    return found


def skipped(map_: ColumnMap, **cells: str) -> str:
    found = LineReader(map_).read(2, ROW | cells)
    assert isinstance(found, str), found
    return found


def refusal(map_: ColumnMap, **cells: str) -> HistoryRowError:
    with pytest.raises(HistoryRowError) as caught:
        LineReader(map_).read(2, ROW | cells)
    assert caught.value.line == 2
    return caught.value


def test_a_sale_has_its_exact_amount():
    found = line(a_map(), pieces="3", each="0.1")
    assert (found.amount, found.price, found.quantity) == (Decimal("0.3"), Decimal("0.1"), 3)
    assert not found.refund


def test_a_local_time_is_read_in_the_shops_zone_summer_and_winter():
    assert line(a_map()).time_ms == instant_ms("2026-03-01T11:00Z")
    assert line(a_map(), when="2026-07-01 12:00").time_ms == instant_ms("2026-07-01T10:00Z")


def test_an_hour_that_comes_twice_in_autumn_is_its_first():
    assert line(a_map(), when="2026-10-25 02:30").time_ms == instant_ms("2026-10-25T00:30Z")


def test_iso_times_keep_their_own_offset():
    map_ = a_map(time=TimeFormat(format="iso", zone="UTC"))
    assert line(map_, when="2026-03-01T12:00+05:00").time_ms == instant_ms("2026-03-01T07:00Z")
    assert line(map_, when="2026-03-01").time_ms == instant_ms("2026-03-01T00:00Z")


def test_an_amount_gives_the_price_of_a_piece_rounded_up_so_that_the_sum_stays_covered():
    found = line(a_map(by_amount=True), pieces="3", sum="10")
    assert found.amount == Decimal(10)
    assert found.price == Decimal("3.333334")


def test_a_fraction_of_a_unit_is_kept_as_it_is():
    found = line(a_map(), pieces="1.5", each="7")
    assert (found.quantity, found.price, found.amount) == (Decimal("1.5"), 7, Decimal("10.5"))


def test_german_numbers():
    map_ = a_map(layout=Layout(decimal=",", thousands="."))
    assert line(map_, each="1.234,56").amount == Decimal("2469.12")
    assert refusal(map_, each="1.23").column == "each"


@pytest.mark.parametrize("blank", ["", "NULL", "nan", "None", "#N/A", "undefined"])
def test_a_line_without_customer_is_skipped_not_given_to_a_customer_called_null(blank: str):
    assert skipped(a_map(), who=blank) == "no_customer"


def test_ids_that_a_spreadsheet_made_numbers_are_whole_again_where_the_map_says_so():
    assert line(a_map(whole_ids=("customer",)), who="17850.0").customer == "17850"
    assert line(a_map(whole_ids=("customer",)), who="1785.05").customer == "1785.05"
    assert line(a_map(), who="17850.0").customer == "17850.0"
    assert line(a_map(whole_ids=("customer",)), what="22.0").product == "22.0"


def test_leading_zeros_of_ids_stay():
    assert line(a_map(), who="00004").customer == "00004"


def by_prefix(**more: Any) -> ColumnMap:
    return a_map(cancelled=Cancellation(column="order", prefix="C"), **more)


def test_a_cancellation_with_its_own_number_names_no_order():
    found = line(by_prefix(), order="C7", pieces="-2")
    assert found.refund
    assert (found.order, found.cancellation) == (None, "C7")
    assert (found.quantity, found.price, found.amount) == (2, Decimal("2.50"), Decimal(5))


def test_a_cancellation_may_say_which_order_it_takes_back():
    map_ = by_prefix(columns={"original_order": "original"})
    found = line(map_, order="C7", pieces="-2", original="3")
    assert (found.order, found.cancellation) == ("3", "C7")
    assert line(map_, order="4", original="3").order == "4"


def test_a_line_cancelled_by_its_type_takes_back_the_order_that_it_stands_in():
    map_ = a_map(cancelled=Cancellation(column="type", values=("return", "credit")))
    found = line(map_, type="return")
    assert (found.refund, found.order, found.cancellation) == (True, "1", None)
    assert not line(map_).refund


def test_orders_listed_once_as_cancelled_can_be_skipped():
    map_ = a_map(cancelled=Cancellation(column="type", values=("void",), then="skip"))
    assert skipped(map_, type="void") == "cancelled"


def test_negative_lines_are_skipped_or_refunds_as_declared():
    assert skipped(a_map(), pieces="-2") == "negative_quantity"
    assert skipped(a_map(), each="-2.50") == "negative_price"
    found = line(a_map(negative_lines="refund"), pieces="-2")
    assert (found.refund, found.order, found.amount) == (True, "1", Decimal(5))
    found = line(a_map(by_amount=True, negative_lines="refund"), pieces="3", sum="-10")
    assert (found.refund, found.price, found.amount) == (True, Decimal("3.333334"), Decimal(10))


def test_lines_for_nothing_are_kept_or_skipped_as_declared():
    assert line(a_map(), each="0").amount == 0
    assert skipped(a_map(zero_lines="skip"), each="0") == "zero_price"
    assert skipped(a_map(), pieces="0") == "zero_quantity"


def test_a_currency_column_wins_over_the_maps_currency():
    map_ = a_map(columns={"currency": "code"}, currency="USD")
    assert line(map_, code="eur").currency == "EUR"
    assert line(map_, code="").currency == "USD"
    assert refusal(map_, code="Euro").column == "code"


def test_what_else_is_known_of_product_and_order_goes_along():
    named = {"brand": "maker", "list_price": "was", "store": "shop"}
    found = line(a_map(columns=named), maker="Acme", was="3.00", shop="Bonn")
    assert found.product_texts == (("brand", "Acme"),)
    assert found.product_amounts == (("list_price", Decimal("3.00")),)
    assert found.order_texts == (("store", "Bonn"),)
    assert line(a_map(columns=named), maker="", was="", shop="").product_amounts == ()


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"pieces": "two"}, "pieces"),
        ({"pieces": ""}, "pieces"),
        ({"pieces": "1000001"}, "pieces"),
        ({"each": "1e3"}, "each"),
        ({"each": "1,50"}, "each"),
        ({"each": "NaN"}, "each"),
        ({"each": "inf"}, "each"),
        ({"each": "٣"}, "each"),
        ({"each": "9" * 31}, "each"),
        ({"each": "9000000001"}, "each"),
        ({"each": "5000000000"}, "each"),
        ({"when": "01.03.2026 12:00"}, "when"),
        ({"when": ""}, "when"),
        ({"when": "1970-01-01 00:00"}, "when"),
        ({"order": ""}, "order"),
        ({"who": "a\tb"}, "who"),
        ({"who": "x" * 257}, "who"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_column(cells: dict[str, str], column: str):
    assert refusal(a_map(), **cells).column == column


def test_a_line_that_would_be_skipped_is_refused_all_the_same_when_it_cannot_be_read():
    assert refusal(a_map(), who="", each="?").column == "each"
