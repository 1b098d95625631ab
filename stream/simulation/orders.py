"""An order of the simulated shop and its money, as the events about it tell it.

Prices are net. `subtotal` is what the lines cost, `revenue` is that less the coupon's discount,
and `total` adds shipping and tax. Amounts are cents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from stream.simulation.catalogue import CURRENCY, Offer
from stream.simulation.devices import Device
from stream.simulation.envelopes import money

TAX_PERCENT = 19

Line = tuple[Offer, int]
"""An offer as it was when ordered, and how many pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was ordered. `guest` is the device of an order without login, else None."""

    order_id: str
    lines: tuple[Line, ...]
    coupon: bytes = b""
    discount_cents: int = 0
    shipping_cents: int = 0
    payment: bytes
    store: str | None = None
    gift: bool = False
    guest: Device | None = None

    @property
    def subtotal_cents(self) -> int:
        """Sum of the lines."""
        return sum(offer.price_cents * quantity for offer, quantity in self.lines)

    @property
    def revenue_cents(self) -> int:
        """Without shipping and tax."""
        return self.subtotal_cents - self.discount_cents

    def members(self, rendering: Literal["short", "line"] = "line") -> bytes:
        """The properties of the order, each with a comma before it."""
        revenue = self.revenue_cents
        tax = revenue * TAX_PERCENT // 100
        coupon = b',"coupon":"%b"' % self.coupon if self.coupon else b""
        place = b',"store":"%b"' % self.store.encode() if self.store else b""
        gift = b',"gift":true' if self.gift else b""
        return (
            b',"order_id":"%b","affiliation":"Shoal Market","subtotal":%b,"revenue":%b,"total":%b,'
            b'"shipping":%b,"tax":%b,"discount":%b,"currency":"%b","payment_method":"%b"%b%b%b,%b'
        ) % (
            self.order_id.encode(),
            money(self.subtotal_cents),
            money(revenue),
            money(revenue + self.shipping_cents + tax),
            money(self.shipping_cents),
            money(tax),
            money(self.discount_cents),
            CURRENCY.encode(),
            self.payment,
            coupon,
            place,
            gift,
            describe(self.lines, rendering),
        )

    def refund_members(self, lines: Iterable[tuple[Offer, int, bytes]]) -> bytes:
        """The properties of a refund of some lines, each with its reason; the discount's share
        of what comes back stays off.
        """
        returned = tuple(lines)
        amount = sum(offer.price_cents * quantity for offer, quantity, _ in returned)
        amount -= self.discount_cents * amount // max(self.subtotal_cents, 1)
        products = b",".join(
            b'{%b,"quantity":%d,"reason":"%b"}' % (offer.line, quantity, reason)
            for offer, quantity, reason in returned
        )
        return b',"order_id":"%b","total":%b,"currency":"%b","products":[%b]' % (
            self.order_id.encode(),
            money(amount),
            CURRENCY.encode(),
            products,
        )


def describe(lines: Iterable[Line], rendering: Literal["short", "line"]) -> bytes:
    """The `products` member of lines."""
    return b'"products":[%b]' % b",".join(
        b'{%b,"quantity":%d}' % (offer.line if rendering == "line" else offer.short, quantity)
        for offer, quantity in lines
    )
