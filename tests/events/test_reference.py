"""The reference data of products, joined as of an event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.events.items import item_of
from stream.events.properties import Product
from stream.events.records import Item
from stream.events.reference import HISTORY_MAX, InvalidReferenceError, ReferenceBook

DAY_MS = 86_400_000
JAN_1_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def record(kind: str, name: str | int, **facts: Any) -> bytes:
    return json.dumps({"type": kind, "id": name, **facts}).encode()


def book_of(*records: bytes) -> ReferenceBook:
    book = ReferenceBook()
    for value in records:
        book.update(value)
    return book


def joined(book: ReferenceBook, time_ms: int, **product: Any) -> Item:
    """The item of an event that says so much of a product."""
    return item_of(Product(**product), time_ms, book)


def test_the_events_own_data_win_then_the_variants_then_the_products():
    book = book_of(
        record("product", "P", list_price=30, cost="12.5", category="Shoes", brand="B", stock=3),
        record("variant", "S", list_price=25, size="42", stock=0),
    )

    assert joined(book, 0, product_id="P", sku="S", category="Sale", price=7e-6) == Item(
        product_id="P",
        sku="S",
        price_micros=7,
        list_price_micros=25_000_000,
        cost_micros=12_500_000,
        category="Sale",
        brand="B",
        size="42",
        in_stock=False,
    )


def test_a_variant_knows_its_product():
    book = book_of(
        record("product", 9714107479, category="Shoes"),
        record("variant", "S", product_id=9714107479),
    )

    item = joined(book, 0, sku="S")

    assert (item.product_id, item.category) == ("9714107479", "Shoes")


def test_what_nothing_is_known_of_stays_as_it_is():
    book = book_of(record("product", "P", category="Shoes"))

    for ids in ({}, {"product_id": "Q"}, {"sku": "P"}):
        assert joined(book, 0, **ids) == Item(**ids)


@pytest.mark.parametrize(
    ("time_ms", "list_price_micros"),
    [
        (JAN_1_MS - 1, None),
        (JAN_1_MS, 30_000_000),
        (JAN_1_MS + DAY_MS - 1, 30_000_000),
        (JAN_1_MS + DAY_MS, 20_000_000),
        (JAN_1_MS + 9 * DAY_MS, 20_000_000),
    ],
)
def test_what_held_at_the_time_counts(time_ms: int, list_price_micros: int | None):
    book = book_of(
        record("product", "P", list_price=20, valid_from="2026-01-02T00:00:00Z"),
        record("product", "P", list_price=30, valid_from="2026-01-01T01:00:00+01:00"),
    )

    assert joined(book, time_ms, product_id="P").list_price_micros == list_price_micros


def test_a_second_record_for_an_instant_replaces_the_first():
    book = book_of(
        record("product", "P", list_price=30, category="Shoes"),
        record("product", "P", list_price=20),
    )

    item = joined(book, JAN_1_MS, product_id="P")

    assert (item.list_price_micros, item.category) == (20_000_000, None)


@given(st.lists(st.integers(0, HISTORY_MAX - 1), max_size=40), st.integers(0, HISTORY_MAX))
def test_a_history_in_any_order_answers_as_a_scan_does(days: list[int], day: int):
    book = ReferenceBook()
    for place, start in enumerate(days):
        valid_from = f"2026-01-01T{start // 60:02d}:{start % 60:02d}:00Z"
        book.update(record("product", "P", cost=place, valid_from=valid_from))
    in_force = [(start, place) for place, start in enumerate(days) if start <= day]
    expected = max(in_force)[1] * 1_000_000 if in_force else None

    assert joined(book, JAN_1_MS + day * 60_000, product_id="P").cost_micros == expected


def test_a_history_keeps_its_latest_versions():
    book = ReferenceBook()
    for minute in range(HISTORY_MAX + 2):
        valid_from = f"2026-01-01T00:{minute:02d}:00Z"
        book.update(record("variant", "S", cost=minute, valid_from=valid_from))

    assert joined(book, JAN_1_MS + 60_000, sku="S").cost_micros is None
    assert joined(book, JAN_1_MS + 2 * 60_000, sku="S").cost_micros == 2_000_000
    assert joined(book, JAN_1_MS + DAY_MS, sku="S").cost_micros == 33_000_000


def test_a_book_knows_so_many_ids_and_no_more():
    book = ReferenceBook(ids_max=1)
    book.update(record("product", "P", cost=1))
    book.update(record("product", "P", cost=2))

    with pytest.raises(InvalidReferenceError, match="'Q': more than 1 ids"):
        book.update(record("product", "Q", cost=3))
    assert joined(book, 0, product_id="P").cost_micros == 2_000_000
    assert joined(book, 0, product_id="Q").cost_micros is None


def test_a_tombstone_takes_the_history_away():
    book = book_of(record("product", "P", cost=1), record("variant", "S", cost=2))
    book.remove(b"product:P")
    book.remove(b"campaign:S")

    assert joined(book, 0, product_id="P") == Item(product_id="P")
    assert joined(book, 0, sku="S").cost_micros == 2_000_000
    book.remove(b"variant:S")
    assert joined(book, 0, sku="S") == Item(sku="S")


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"\xff", "malformed"),
        (b"[]", "Expected `object`"),
        (b'{"id":"P"}', "`type`"),
        (b'{"type":"campaign","id":"P"}', "$.type"),
        (b'{"type":"product"}', "`id`"),
        (b'{"type":"product","id":" "}', "$.id"),
        (record("product", "P", list_price=-1), "'P': Expected an amount of at least 0 - at `$.l"),
        (record("product", "P", cost="NaN"), "finite number - at `$.cost`"),
        (record("product", "P", stock="many"), "$.stock"),
        (record("product", "P", valid_from="today"), "$.valid_from"),
    ],
)
def test_a_wrong_record_says_what_is_wrong(value: bytes, part: str):
    book = ReferenceBook()

    with pytest.raises(InvalidReferenceError) as caught:
        book.update(value)

    assert part in str(caught.value)
    assert joined(book, JAN_1_MS, product_id="P") == Item(product_id="P")
