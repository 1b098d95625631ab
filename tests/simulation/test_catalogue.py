from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import orjson
import pytest

from stream.clock import DAY_MS, MINUTE_MS, instant_ms
from stream.events.items import item_of
from stream.events.properties import Product
from stream.events.reference import ReferenceBook
from stream.simulation.assortment import CATEGORIES
from stream.simulation.catalogue import Catalogue
from tests.simulation.month import MONDAY_MS, Month

Facts = dict[str, Any]


@pytest.fixture(scope="module")
def reference(month: Month) -> list[Facts]:
    config = month.config
    return list(Catalogue(config.seed, config.start_ms, config.end_ms).reference())


@pytest.fixture(scope="module")
def variants(reference: list[Facts]) -> dict[str, list[tuple[int, Facts]]]:
    """By SKU: from when, and what then holds."""
    found: dict[str, list[tuple[int, Facts]]] = defaultdict(list)
    for record in reference:
        if record["type"] == "variant":
            found[record["id"]].append((instant_ms(record["valid_from"]), record))
    return found


def as_of(history: list[tuple[int, Facts]], time_ms: int) -> Facts:
    return [facts for from_ms, facts in history if from_ms <= time_ms][-1]


def test_every_variant_is_known_from_the_start(variants: dict[str, list[tuple[int, Facts]]]):
    assert len(variants) == sum(30 * len(category.sizes) for category in CATEGORIES)
    for history in variants.values():
        assert history[0][0] == MONDAY_MS
        assert [from_ms for from_ms, _ in history] == sorted({from_ms for from_ms, _ in history})


def test_prices_change_and_sizes_sell_out(variants: dict[str, list[tuple[int, Facts]]]):
    on_sale = sold_out = spells = 0
    for history in variants.values():
        assert all(0 < facts["price"] <= facts["list_price"] for _, facts in history)
        assert all(facts["cost"] < facts["list_price"] for _, facts in history)
        spells += len(history)
        on_sale += sum(facts["price"] < facts["list_price"] for _, facts in history)
        sold_out += sum(facts["stock"] == 0 for _, facts in history)
    assert spells > 2 * len(variants)
    assert on_sale > 0.1 * spells
    assert sold_out > 0.1 * spells


def test_packs_say_how_much_is_in_them(variants: dict[str, list[tuple[int, Facts]]]):
    coffee = [h[0][1] for h in variants.values() if h[0][1]["category"] == "Coffee"]
    assert {(facts["pack_size"], facts["pack_unit"]) for facts in coffee} == {
        (0.25, "kg"), (0.5, "kg"), (1.0, "kg"),
    }  # fmt: skip
    assert not any("pack_size" in h[0][1] for h in variants.values() if "Shoes" in str(h[0][1]))


def test_what_customers_see_is_what_the_reference_says(
    month: Month, variants: dict[str, list[tuple[int, Facts]]]
):
    looked = 0
    for event, body in month.told("Product Viewed"):
        told = body["properties"]
        # The page was rendered a second or so before the event; a change in between is both.
        around = [
            as_of(variants[told["sku"]], max(event.time_ms - back_ms, MONDAY_MS))
            for back_ms in (0, MINUTE_MS)
        ]
        assert told["price"] in {facts["price"] for facts in around}
        assert told["list_price"] in {facts["list_price"] for facts in around}
        stocks = {facts["stock"] > 0 for facts in around}
        assert (told["availability"] == "in_stock") in stocks
        looked += 1
    assert looked > 10_000


def test_the_engines_reference_book_takes_every_record(
    reference: list[Facts], variants: dict[str, list[tuple[int, Facts]]]
):
    book = ReferenceBook()
    for record in reference:
        book.update(orjson.dumps(record))
    time_ms = MONDAY_MS + 20 * DAY_MS
    for sku, history in list(variants.items())[::40]:
        facts = as_of(history, time_ms)
        joined = item_of(Product(sku=sku), time_ms, book)
        assert joined.product_id == facts["product_id"]
        assert joined.category == facts["category"]
        assert joined.cost_micros == round(facts["cost"] * 1_000_000)
        assert joined.in_stock == (facts["stock"] > 0)


def test_a_longer_catalogue_begins_with_the_shorter_one():
    short = list(Catalogue(7, MONDAY_MS, MONDAY_MS + 20 * DAY_MS).reference())
    long = list(Catalogue(7, MONDAY_MS, MONDAY_MS + 60 * DAY_MS).reference())
    assert long[: len(short)] == short
    assert len(long) > len(short)


def test_a_shelf_goes_from_the_cheapest_to_the_dearest():
    for shelf in Catalogue(1, MONDAY_MS, MONDAY_MS + DAY_MS).shelves:
        # The price of the first spell may already have moved by some percent.
        prices = [p.variants[len(p.variants) // 2].offers[0].list_cents for p in shelf]
        assert all(b > 0.8 * a for a, b in pairwise(prices))
        assert prices[-1] > 1.5 * prices[0]
