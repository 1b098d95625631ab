"""From the cart to the order, or to where the customer leaves it."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from stream.simulation.baskets import cart_id
from stream.simulation.catalogue import CURRENCY, Offer, Variant, page
from stream.simulation.envelopes import money
from stream.simulation.habits import PAYMENTS
from stream.simulation.landing import introduce
from stream.simulation.orders import Order, describe
from stream.simulation.scene import Scene

CHECKOUT = page("/checkout", "Checkout", "https://shop.example/cart")
THANKS = page("/checkout/thanks", "Thank you", "https://shop.example/checkout")

SHIPPING_CENTS = 495
EXPRESS_CENTS = 1_295
FREE_SHIPPING_CENTS = 5_000
"""Orders from here on ship free; express is paid in any case."""

COUPONS = ((b"WELCOME10", 10), (b"APP5", 5), (b"AUTUMN15", 15), (b"FRIENDS20", 20))
"""Code and percent."""

_DENIALS = (b"expired", b"minimum_not_reached", b"already_used")
_PAYMENTS = tuple(method.encode() for method in PAYMENTS)
_FAILURES = (
    b"declined", b"declined", b"insufficient_funds", b"expired_card", b"authentication_failed",
    b"timeout",
)  # fmt: skip

_LEAVES_AT = (0.25, 0.45, 0.75, 0.80)
"""Where who gives up does so, cumulative: at the start, after the address, when shipping is shown,
at the coupon; the rest when the payment fails."""

BALKS_RATIO = 0.7
"""Of the checkouts that show shipping costs to who balks at them."""

STALLED_RATIO = 0.5
"""Of those who leave after the address: the page of the next step would not go on."""

ERRAND_RATIO = 0.97
"""Who came to buy something, buys it."""

PAYMENT_FAILED_RATIO = 0.06
"""Of orders that come about: a second try, with another method, succeeds."""


class Errand(NamedTuple):
    """What a visit is for: one thing."""

    variant: Variant
    is_gift: bool = False


class Checkout:
    """One way through the checkout; `members` are the ids that all its events carry."""

    __slots__ = (
        "cart_id", "coupon", "discount_cents", "lines", "members", "order_id", "payment", "scene",
        "shipping_cents", "shipping_method", "value_cents",
    )  # fmt: skip

    def __init__(self, scene: Scene) -> None:
        customer, random = scene.customer, scene.random
        customer.checkouts += 1
        self.scene = scene
        self.order_id = f"o{customer.index}-{customer.checkouts}"
        self.cart_id = cart_id(scene)
        self.members = b',"checkout_id":"x%d-%d","order_id":"%b"' % (
            customer.index,
            customer.checkouts,
            self.order_id.encode(),
        )
        self.lines: tuple[tuple[Offer, int], ...] = tuple(
            (variant.offer(scene.time_ms), quantity) for variant, quantity in customer.cart.items()
        )
        self.value_cents = sum(offer.price_cents * quantity for offer, quantity in self.lines)
        is_express = random.random() < customer.kind.express_ratio
        self.shipping_method = b"express" if is_express else b"standard"
        self.shipping_cents = (
            EXPRESS_CENTS
            if is_express
            else 0
            if self.value_cents >= FREE_SHIPPING_CENTS
            else SHIPPING_CENTS
        )
        liked = customer.index if random.random() < 0.85 else random.getrandbits(2)
        self.payment = _PAYMENTS[liked % len(_PAYMENTS)]
        self.coupon = b""
        self.discount_cents = 0

    def start(self) -> None:
        """The page, and what it is about."""
        scene = self.scene
        scene.think(4_000)
        scene.write("page Checkout", b',"path":"/checkout"', CHECKOUT)
        value = money(self.value_cents)
        amounts = b',"value":%b,"revenue":%b,"currency":"%b",' % (value, value, CURRENCY.encode())
        properties = self.members + self.cart_id + amounts + describe(self.lines, "short")
        scene.write("Checkout Started", properties, CHECKOUT)

    def step(self, number: int, name: str, more: bytes = b"") -> None:
        """`name` is Viewed or Completed."""
        properties = b'%b,"step":%d%b' % (self.members, number, more)
        self.scene.write(f"Checkout Step {name}", properties, CHECKOUT)

    def address(self) -> None:
        """Step 1."""
        self.step(1, "Viewed")
        self.scene.think(14_000)
        self.step(1, "Completed")

    def show_shipping(self) -> None:
        """Step 2 begins: what shipping will cost."""
        shipping = b',"shipping_method":"%b","shipping":%b' % (
            self.shipping_method,
            money(self.shipping_cents),
        )
        self.scene.think(2_000)
        self.step(2, "Viewed", shipping)

    def stall(self) -> None:
        """Step 2 comes up again and again, and will not go on."""
        for _ in range(2 + self.scene.random.getrandbits(1)):
            self.show_shipping()
            self.scene.think(20_000)

    def complete_shipping(self) -> None:
        """Step 2 ends."""
        self.scene.think(8_000)
        self.step(2, "Completed", b',"shipping_method":"%b"' % self.shipping_method)

    def enter_coupon(self, denied: bool) -> None:
        """Try a code: applied or denied. One in fifty takes it back."""
        scene, random = self.scene, self.scene.random
        code, percent = random.choice(COUPONS)
        members = b'%b,"coupon_id":"%b"' % (self.members, code)
        scene.think(9_000)
        scene.write("Coupon Entered", members, CHECKOUT)
        members += b',"coupon_name":"%b"' % code
        if denied:
            reason = b',"reason":"%b"' % random.choice(_DENIALS)
            scene.write("Coupon Denied", members + reason, CHECKOUT)
            return
        discount_cents = self.value_cents * percent // 100
        members += b',"discount":%b' % money(discount_cents)
        scene.write("Coupon Applied", members, CHECKOUT)
        if random.random() < 0.02:
            scene.think(6_000)
            scene.write("Coupon Removed", members, CHECKOUT)
            return
        self.coupon, self.discount_cents = code, discount_cents

    def pay(self) -> None:
        """Step 3: the method."""
        self.scene.think(12_000)
        method = b',"step":3,"payment_method":"%b"' % self.payment
        self.scene.write("Payment Info Entered", self.members + method, CHECKOUT)

    def fail_payment(self) -> None:
        """The bank says no; the next try is with another method."""
        scene = self.scene
        scene.think(2_500)
        properties = b'%b,"payment_method":"%b","reason":"%b"' % (
            self.members,
            self.payment,
            scene.random.choice(_FAILURES),
        )
        scene.write("Payment Failed", properties, CHECKOUT)
        self.payment = _PAYMENTS[(_PAYMENTS.index(self.payment) + 1) % len(_PAYMENTS)]

    def complete(self, errand: Errand | None) -> Order:
        """The order. The cart is empty, and the plan fulfilled."""
        scene, customer = self.scene, self.scene.customer
        device = scene.device
        assert device is not None
        order = Order(
            order_id=self.order_id,
            lines=self.lines,
            coupon=self.coupon,
            discount_cents=self.discount_cents,
            shipping_cents=self.shipping_cents,
            payment=self.payment,
            gift=scene.random.random() < customer.kind.gift_ratio
            or (errand is not None and errand.is_gift),
            guest=None if device.is_logged_in else device,
        )
        scene.think(3_000)
        scene.write("Order Completed", self.cart_id + order.members(), CHECKOUT)
        scene.write("page Order Confirmation", b',"path":"/checkout/thanks"', THANKS)
        customer.cart.clear()
        customer.orders += 1
        customer.plan = None
        if self.shipping_method == b"express" and customer.quota_left > 0:
            customer.quota_left -= 1
            if device.is_logged_in:
                introduce(scene)
        return order


def check_out(scene: Scene, errand: Errand | None = None) -> Order | None:
    """Go through the checkout with the whole cart, to an order or not."""
    customer, random = scene.customer, scene.random
    checkout = Checkout(scene)
    is_ordering = random.random() < (ERRAND_RATIO if errand else customer.kind.order_ratio)
    leaves_at = 9 if is_ordering else bisect_right(_LEAVES_AT, random.random())
    if customer.habits.balks and checkout.shipping_cents and random.random() < BALKS_RATIO:
        leaves_at = min(leaves_at, 2)
    checkout.start()
    if leaves_at == 0:
        return None
    checkout.address()
    if leaves_at == 1:
        if random.random() < STALLED_RATIO:
            checkout.stall()
        return None
    checkout.show_shipping()
    if leaves_at == 2:
        return None
    checkout.complete_shipping()
    if leaves_at == 3 or random.random() < customer.coupon_ratio:
        checkout.enter_coupon(leaves_at == 3 or random.random() < 1 / 3)
    if leaves_at == 3:
        return None
    checkout.pay()
    if leaves_at == 4:
        checkout.fail_payment()
        return None
    if random.random() < PAYMENT_FAILED_RATIO:
        checkout.fail_payment()
        checkout.pay()
    return checkout.complete(errand)
