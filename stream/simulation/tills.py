"""Purchases in a store or on the phone: the account is known by its card, and no browser is."""

from __future__ import annotations

from stream.simulation.aftermath import follow
from stream.simulation.browsing import pick_product
from stream.simulation.envelopes import PHONE, STORE
from stream.simulation.orders import Line, Order
from stream.simulation.rhythm import TILL, WEB
from stream.simulation.scene import Scene

_PAYMENTS = (b"card", b"card", b"card", b"cash")


def buy_in_store(scene: Scene, _: object = None) -> None:
    """A purchase at the customer's own store, and the next one."""
    customer = scene.customer
    scene.on_server(STORE)
    payment = scene.random.choice(_PAYMENTS)
    follow(scene, _order(scene, f"t{customer.index}", payment, customer.store))
    schedule_store(scene)


def ring_up(scene: Scene, _: object = None) -> None:
    """An order on the phone, and the next one."""
    scene.on_server(PHONE)
    follow(scene, _order(scene, f"p{scene.customer.index}", b"invoice", None))
    schedule_call(scene)


def _order(scene: Scene, number: str, payment: bytes, store: str | None) -> Order:
    customer, random = scene.customer, scene.random
    customer.checkouts += 1
    lines: list[Line] = []
    for _piece in range(1 + random.getrandbits(1) + random.getrandbits(1)):
        variants = pick_product(scene).variants
        variant = variants[int(customer.size_rank * len(variants))]
        if variant not in {offer.variant for offer, _ in lines}:
            lines.append((variant.offer(scene.time_ms), 1))
    order = Order(
        order_id=f"{number}-{customer.checkouts}",
        lines=tuple(lines),
        payment=payment,
        store=store,
        gift=random.random() < customer.kind.gift_ratio,
    )
    scene.write("Order Completed", order.members())
    return order


def schedule_call(scene: Scene) -> None:
    """Put the customer's next order on the phone on the agenda."""
    shop, customer = scene.shop, scene.customer
    per_week = customer.habits.calls_per_week if customer.user_id else 0.0
    shift = customer.wake_shift_hours
    time_ms = shop.rhythm.next_ms(scene.random, scene.time_ms, per_week, WEB, shift)
    shop.schedule(time_ms, customer.index, ring_up)


def schedule_store(scene: Scene) -> None:
    """Put the customer's next purchase in a store on the agenda."""
    shop, customer = scene.shop, scene.customer
    per_week = customer.till_per_week if customer.user_id else 0.0
    shift = customer.zone.offset_hours
    time_ms = shop.rhythm.next_ms(scene.random, scene.time_ms, per_week, TILL, shift)
    shop.schedule(time_ms, customer.index, buy_in_store)
