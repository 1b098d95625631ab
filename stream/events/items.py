"""Products of a payload, to the items of a record."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import msgspec

from stream.events.money import KnownPrices, finite
from stream.events.properties import Product
from stream.events.records import Item
from stream.events.reference import ReferenceBook
from stream.events.rejection import RejectedEventError

QUANTITY_MAX: Final = 1_000_000
"""Pieces in one line; with `AMOUNT_MAX` a line is absurd long before 64 bits are."""

IN_STOCK: Final = {
    "in_stock": True,
    "in stock": True,
    "InStock": True,
    "https://schema.org/InStock": True,
    "instock": True,
    "available": True,
    "limitedavailability": True,
    "onlineonly": True,
    "instoreonly": True,
    "lowstock": True,
    "true": True,
    "yes": True,
    "out_of_stock": False,
    "out of stock": False,
    "OutOfStock": False,
    "https://schema.org/OutOfStock": False,
    "outofstock": False,
    "soldout": False,
    "unavailable": False,
    "discontinued": False,
    "backorder": False,
    "preorder": False,
    "presale": False,
    "false": False,
    "no": False,
}
"""Words for availability, schema.org's among them, without case and punctuation. In stock means
that it can be sent now, so a pre-order is not."""


def item_of(  # noqa: C901, PLR0912 - one pass over a dozen fields, half of what an item costs
    product: Product, time_ms: int, reference: ReferenceBook | None
) -> Item:
    """The item of one product, joined with the reference data as of `time_ms`.

    The event's own data win, then the variant's, then the product's. A fraction of a piece
    (0.345 kg, 2.5 m) becomes one piece of that much: quantity 1, the prices times the fraction, so
    that price times quantity stays what was charged.

    Raises
    ------
    RejectedEventError
        With the path from the product, such as `$.price`.
    """
    quantity = product.quantity
    if quantity is None:
        quantity = 1
    elif type(quantity) is not int or not 0 <= quantity <= QUANTITY_MAX:
        return _fractional(product, time_ms, reference)
    product_id = product.product_id
    if product_id is None:
        product_id = product.id
    if isinstance(product_id, int):
        product_id = str(product_id)
    sku = product.sku
    if isinstance(sku, int):
        sku = str(sku)
    price, listed, cost = product.price, product.list_price, product.cost
    price_micros = None if price is None else _PRICES[price]  # type: ignore[index]
    list_price_micros = None if listed is None else _LIST_PRICES[listed]  # type: ignore[index]
    cost_micros = None if cost is None else _COSTS[cost]  # type: ignore[index]
    category, brand, size = product.category, product.brand, product.size
    in_stock = product.in_stock
    if in_stock is None and (availability := product.availability) is not None:
        in_stock = IN_STOCK.get(availability)  # type: ignore[arg-type]
        if in_stock is None:
            in_stock = _is_in_stock(availability)
    if reference is not None:
        for facts in reference.facts(product_id, sku, time_ms):
            if product_id is None:
                product_id = facts.product_id
            if list_price_micros is None:
                list_price_micros = facts.list_price_micros
            if cost_micros is None:
                cost_micros = facts.cost_micros
            if category is None:
                category = facts.category
            if brand is None:
                brand = facts.brand
            if size is None:
                size = facts.size
            if in_stock is None:
                in_stock = facts.in_stock
    return Item(
        product_id,
        sku,
        quantity,
        price_micros,
        list_price_micros,
        cost_micros,
        category,
        brand,
        size,
        in_stock,
        product.coupon,
    )


def items_of(
    products: list[Product] | None, time_ms: int, reference: ReferenceBook | None
) -> tuple[Item, ...]:
    """The items of a list, in its order; an error names the product by its place."""
    if not products:
        return ()
    index = 0
    items: list[Item] = []
    try:
        for index, product in enumerate(products):  # noqa: B007 - the error names it
            items.append(item_of(product, time_ms, reference))
    except RejectedEventError as error:
        raise error.within(f"$.products[{index}]") from None
    return tuple(items)


def _fractional(product: Product, time_ms: int, reference: ReferenceBook | None) -> Item:
    """The item of a product whose quantity is not a plain count."""
    quantity = finite(product.quantity, "$.quantity")
    if quantity is None:
        quantity = Decimal(1)
    if not 0 <= quantity <= QUANTITY_MAX:
        message = f"Expected a quantity of 0 to {QUANTITY_MAX}"
        raise RejectedEventError("out_of_range", "$.quantity", message)
    if quantity == quantity.to_integral_value():
        return item_of(msgspec.structs.replace(product, quantity=int(quantity)), time_ms, reference)
    whole = item_of(msgspec.structs.replace(product, quantity=1), time_ms, reference)
    return msgspec.structs.replace(
        whole,
        price_micros=_part(whole.price_micros, quantity),
        list_price_micros=_part(whole.list_price_micros, quantity),
        cost_micros=_part(whole.cost_micros, quantity),
    )


def _part(amount_micros: int | None, quantity: Decimal) -> int | None:
    if amount_micros is None:
        return None
    return int((amount_micros * quantity).to_integral_value(ROUND_HALF_EVEN))


def _is_in_stock(availability: str | bool) -> bool | None:
    """What a word for availability says; as schema.org writes it, or in any other way."""
    if isinstance(availability, bool):
        return availability
    word = availability.rpartition("/")[2].casefold()
    return IN_STOCK.get("".join(letter for letter in word if letter.isalpha()))


_PRICES: Final = KnownPrices("$.price")
_LIST_PRICES: Final = KnownPrices("$.list_price")
_COSTS: Final = KnownPrices("$.cost")
