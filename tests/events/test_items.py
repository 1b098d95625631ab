"""Products of a payload to items: ids, quantities, availability, what is cut."""

from __future__ import annotations

from typing import Any

import pytest

from stream.events.envelope import RejectedEventError, decode
from stream.events.properties import ITEMS_MAX, TEXT_MAX
from stream.events.records import Item
from tests.events.shop_calls import BROKER_MS, tracked


def viewed(**product: Any) -> Item:
    return decode(tracked("Product Viewed", product), BROKER_MS, None).record.item


def test_a_product_keeps_its_extensions():
    assert viewed(
        product_id=9714107479,
        sku=45790,
        price="18.99",
        list_price=24.99,
        cost="11.5",
        size="M",
        in_stock="false",
    ) == Item(
        product_id="9714107479",
        sku="45790",
        price_micros=18_990_000,
        list_price_micros=24_990_000,
        cost_micros=11_500_000,
        size="M",
        in_stock=False,
    )


def test_the_id_of_the_first_specification_is_the_product_id():
    assert viewed(id="507f1f77").product_id == "507f1f77"
    assert viewed(id="old", product_id="new").product_id == "new"


def test_a_number_stands_for_a_text():
    item = viewed(product_id=17850.0, size=42, category=7)

    assert (item.product_id, item.size, item.category) == ("17850", "42", "7")


@pytest.mark.parametrize("name", ["price", "list_price", "cost"])
@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_amount_is_none(name: str, blank: str):
    item = viewed(product_id="a", **{name: blank})

    assert item == Item(product_id="a")


@pytest.mark.parametrize(
    ("quantity", "pieces", "price_micros"),
    [
        (None, 1, 8_000_000),
        (0, 0, 8_000_000),
        (3, 3, 8_000_000),
        (3.0, 3, 8_000_000),
        ("3", 3, 8_000_000),
        ("", 1, 8_000_000),
        (0.345, 1, 2_760_000),
        (2.5, 1, 20_000_000),
        ("2.5", 1, 20_000_000),
    ],
)
def test_price_times_quantity_is_what_was_charged(
    quantity: float | str | None, pieces: int, price_micros: int
):
    item = viewed(sku="A", price=8, quantity=quantity)

    assert (item.quantity, item.price_micros) == (pieces, price_micros)


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        (-1, "out_of_range"),
        (-0.5, "out_of_range"),
        (1_000_001, "out_of_range"),
        (1e300, "out_of_range"),
        ("Infinity", "out_of_range"),
        ("two", "wrong_type"),
        (True, "wrong_type"),
    ],
)
def test_a_quantity_is_bounded(quantity: float | str, reason: str):
    with pytest.raises(RejectedEventError) as caught:
        viewed(sku="A", quantity=quantity)

    assert (caught.value.reason, caught.value.field) == (reason, "$.properties.quantity")


@pytest.mark.parametrize(
    ("availability", "in_stock"),
    [
        ("in stock", True),
        ("InStock", True),
        ("https://schema.org/InStock", True),
        ("out_of_stock", False),
        ("https://schema.org/OutOfStock", False),
        ("Sold out", False),
        ("pre-order", False),
        (True, True),
        (False, False),
        ("ask us", None),
        (None, None),
    ],
)
def test_availability_is_known_by_its_word(availability: str | bool | None, in_stock: bool | None):
    assert viewed(sku="A", availability=availability).in_stock is in_stock


def test_in_stock_is_said_more_plainly_than_availability():
    assert viewed(sku="A", in_stock=False, availability="in stock").in_stock is False


def test_long_texts_and_lists_are_cut_and_it_is_said():
    lines = [{"sku": f"S{number}"} for number in range(ITEMS_MAX + 5)]
    lines[3]["category"] = "x" * (TEXT_MAX + 1)
    long = decode(tracked("Cart Viewed", {"products": lines}), BROKER_MS, None)
    short = decode(tracked("Cart Viewed", {"products": lines[:3]}), BROKER_MS, None)

    assert len(long.record.items) == ITEMS_MAX
    assert long.record.items[3].category == "x" * TEXT_MAX
    assert long.record.items[99].sku == "S99"
    assert (long.cut, short.cut) == (True, False)


def test_a_reason_is_for_what_came_back():
    assert viewed(sku="A", reason="liked it").reason is None


def test_an_empty_php_array_is_an_empty_object():
    assert viewed() == Item()
    decoded = decode(tracked("Product Viewed", [], context=[]), BROKER_MS, None)
    assert decoded.record.item == Item()
