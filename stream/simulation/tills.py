"""Purchases in a store: the till knows the account by its card, and no browser."""

from __future__ import annotations

from stream.simulation.aftermath import follow
from stream.simulation.browsing import pick_product
from stream.simulation.envelopes import STORE
from stream.simulation.orders import Line, Order
from stream.simulation.rhythm import TILL
from stream.simulation.scene import Scene

_PAYMENTS = (b"card", b"card", b"card", b"cash")


def buy_in_store(scene: Scene, _: object = None) -> None:
    """A purchase at the customer's own store, and the next one."""
    customer, random = scene.customer, scene.random
    scene.on_server(STORE)
    customer.checkouts += 1
    lines: list[Line] = []
    for _piece in range(1 + random.getrandbits(1) + random.getrandbits(1)):
        variants = pick_product(scene).variants
        variant = variants[int(customer.size_rank * len(variants))]
        if variant not in {offer.variant for offer, _ in lines}:
            lines.append((variant.offer(scene.time_ms), 1))
    order = Order(
        order_id=f"t{customer.index}-{customer.checkouts}",
        lines=tuple(lines),
        payment=random.choice(_PAYMENTS),
        store=customer.store,
        gift=random.random() < customer.kind.gift_ratio,
    )
    scene.write("Order Completed", order.members())
    follow(scene, order)
    schedule_store(scene)


def schedule_store(scene: Scene) -> None:
    """Put the customer's next purchase in a store on the agenda."""
    shop, customer = scene.shop, scene.customer
    per_week = customer.till_per_week if customer.user_id else 0.0
    shift = customer.zone.offset_hours
    time_ms = shop.rhythm.next_ms(scene.random, scene.time_ms, per_week, TILL, shift)
    shop.schedule(time_ms, customer.index, buy_in_store)
