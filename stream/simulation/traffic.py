"""Shop traffic from a seed: `generate` writes the log, `truths` tells what is behind it.

The default mix, which speed is measured with: 2,000 customers of thirteen types
(`customer_types`), some 89,000 events a week, in which three of five customers are heard. An event
has 1,000 bytes on average, 950 in the middle; one in twenty has more than 1,270.

==================================== ======= ==========
events                                share   bytes mean
==================================== ======= ==========
pages and screens                     40.8 %         870
products viewed and clicked           27.2 %       1,190
lists and searches                    12.4 %       1,010
checkout and payment                   6.3 %         950
cart                                   5.1 %       1,140
messages                               2.4 %         750
identify, alias, signing up, consent   1.8 %       1,010
wishlist                               1.5 %       1,250
promotions, shares, reviews, surveys   1.1 %         880
orders                                 0.9 %       1,470
coupons                                0.3 %         930
refunds, cancellations, updates        0.1 %       1,080
==================================== ======= ==========

Beside its type, a customer has habits of its own (`habits`): hours of the day, a season, a present
to give each year, consumables that run out, how it pays, what it thinks of the shop. They make
few events more, and are in the truth file.

Faults are off by default, but for the clocks of 3 % of the devices. Refunds come a week after
their orders: in four weeks they are twice the share. On one core some 80,000 events a second are
written (`tests/bench/test_traffic.py`), in 28 MB and 1.3 KB a customer.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from stream.clock import DAY_MS, NEVER_MS
from stream.simulation.errands import schedule_calendar
from stream.simulation.messages import schedule_message
from stream.simulation.scene import Scene
from stream.simulation.shop import SHELF_MS, Shop, SimulatedEvent, TrafficConfig, draw_customer
from stream.simulation.tills import schedule_call, schedule_store
from stream.simulation.visits import schedule_visit, visit

__all__ = ["SimulatedEvent", "TrafficConfig", "generate", "truths"]

FIRST_VISITS_PER_WEEK = 14.0
"""How soon a newcomer comes: half a day, in the rhythm of the day."""


def generate(config: TrafficConfig) -> Iterator[SimulatedEvent]:
    """Every event of the span, in the order of `received_ms`.

    Memory holds the customers who have come, their next actions and the events of the visits under
    way (with late ones: of hours), never the log.
    """
    shop = Shop(config)
    for index in range(config.customers):
        _enrol(shop, index)
    shelf = 0
    while (entry := shop.next_entry()) is not None:
        time_ms, index, action, matter = entry
        if time_ms // SHELF_MS > shelf:
            yield from shop.full_shelves(time_ms)
            shelf = time_ms // SHELF_MS
        customer = shop.customer(index)
        shop.seed_scene(customer)
        action(Scene(shop, customer, time_ms), matter)
    yield from shop.full_shelves(NEVER_MS)


def truths(config: TrafficConfig) -> Iterator[dict[str, object]]:
    """The truth file's lines: type, ids and parameters of each customer, by index."""
    random = Random()
    for index in range(config.customers):
        yield draw_customer(config, index, random).truth()


def _enrol(shop: Shop, index: int) -> None:
    """Put the customer's arrival on the agenda; newcomers are not kept in memory until then."""
    customer = draw_customer(shop.config, index, shop.random)
    if not customer.arrival_days:
        shop.customers[index] = customer
    time_ms = shop.rhythm.later(shop.config.start_ms, customer.arrival_days * DAY_MS)
    shop.schedule(time_ms, index, _arrive)


def _arrive(scene: Scene, _: object) -> None:
    """Start what the customer does from here on: visits, store purchases, messages."""
    shop, customer = scene.shop, scene.customer
    schedule_store(scene)
    schedule_message(scene)
    schedule_call(scene)
    schedule_calendar(scene)
    if customer.arrival_days:
        shift = customer.wake_shift_hours
        per_week = FIRST_VISITS_PER_WEEK
        time_ms = shop.rhythm.next_ms(
            scene.random, scene.time_ms, per_week, customer.habits.curve, shift
        )
        shop.schedule(time_ms, customer.index, visit)
    else:
        schedule_visit(scene)
