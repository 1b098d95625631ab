from __future__ import annotations

from stream.events.records import Item, OrderCompleted, PageViewed, ProductsSearched
from stream.features.inventory import Inventory
from stream.features.properties import PROPERTIES
from tests.state.shopping import START_MS, added, order, page, search, thing


def test_events_are_counted_by_name_with_their_first_and_last_time():
    inventory = Inventory()
    for at_ms in (START_MS + 5, START_MS, START_MS + 9):
        inventory.observe(page(at_ms))
    inventory.observe(search(START_MS + 7))
    seen = inventory.seen(("Page Viewed",))
    assert (seen.count, seen.first_ms, seen.last_ms) == (3, START_MS, START_MS + 9)
    assert inventory.seen(("Page Viewed", "Products Searched")).count == 4
    assert inventory.total.count == 4


def test_a_property_is_counted_where_a_record_carries_it():
    inventory = Inventory()
    inventory.observe(added(START_MS, price=None))
    inventory.observe(added(START_MS + 1, price=3))
    inventory.observe(search(START_MS, None))
    inventory.observe(search(START_MS + 2, 0))
    assert inventory.share(("Product Added",), "price") == 0.5
    assert inventory.share(("Product Added",), "product") == 1.0
    assert inventory.share(("Products Searched",), "results_count") == 0.5
    carrying = inventory.carrying(("Products Searched",), "results_count")
    assert (carrying.count, carrying.first_ms) == (1, START_MS + 2)


def test_of_what_did_not_come_no_share_carries_anything():
    assert Inventory().share(("Order Completed",), "revenue") == 0.0
    assert Inventory().seen(("Order Completed",)).count == 0


def test_one_line_of_an_order_that_says_it_is_enough():
    found = order(START_MS, "1", items=(thing(price=None), thing("b", price=4)))
    assert PROPERTIES["price"].carried(found)
    assert not PROPERTIES["list_price"].carried(found)
    assert not PROPERTIES["price"].carried(order(START_MS, "1", items=()))


def test_the_lines_of_an_order_are_a_property():
    assert PROPERTIES["products"].carried(order(START_MS, "1", items=(Item(),)))
    assert not PROPERTIES["products"].carried(order(START_MS, "1"))


def test_a_property_applies_where_the_record_has_a_place_for_it():
    assert PROPERTIES["price"].applies(OrderCompleted)
    assert not PROPERTIES["price"].applies(PageViewed)
    assert PROPERTIES["results_count"].applies(ProductsSearched)
    assert not PROPERTIES["results_count"].applies(OrderCompleted)
