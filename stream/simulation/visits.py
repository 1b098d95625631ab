"""A visit to the web shop or the app: landing, login, browsing, and on to the checkout or away.

Some visits have an errand: what is used up is bought again, and what is worn or broken replaced.
"""

from __future__ import annotations

import math

from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS
from stream.simulation.aftermath import follow
from stream.simulation.baskets import view_cart
from stream.simulation.browsing import browse, pick_product, view
from stream.simulation.catalogue import Variant
from stream.simulation.checkout import Errand, check_out
from stream.simulation.landing import introduce, land, log_in
from stream.simulation.orders import Order
from stream.simulation.scene import Scene

VIEWS_MAX = 40

INTRODUCED_RATIO = 0.3
"""Of the visits on a device that is logged in."""

PLAN_VISITS = 3
"""Who plans looks at a product on so many visits, and buys it on the last."""

RESTOCK_HOURS = 30.0
"""When somebody who needs a refill asks again for one that is out."""

DEFECT_REPLACED_RATIO = 0.7
WORN_REPLACED_RATIO = 0.5
"""Who buys the same again in this shop."""

_ADVERTS = tuple(
    b',"campaign":{"name":"%b","source":"%b","medium":"cpc","term":"%b","content":"%b"}' % words
    for words in (
        (b"autumn_brand", b"google", b"shoal market", b"text_a"),
        (b"shopping_feed", b"google", b"", b"feed"),
        (b"prospecting", b"instagram", b"", b"carousel_2"),
    )
)


def visit(scene: Scene, _: object = None) -> None:
    """A visit in the customer's own rhythm, and the one after it."""
    random = scene.random
    campaign = random.choice(_ADVERTS) if random.random() < 0.18 else b""
    stay(scene, campaign)
    schedule_visit(scene)


def schedule_visit(scene: Scene) -> None:
    """Put the customer's next visit on the agenda, unless it has lapsed for good."""
    shop, customer, random = scene.shop, scene.customer, scene.random
    time_ms = scene.time_ms
    # Thinning as in `Rhythm`.
    bound = customer.visit_bound(shop.rhythm.shop_days(time_ms))
    per_week = customer.visits_per_week * bound
    curve, shift = customer.habits.curve, customer.wake_shift_hours
    while per_week > 1e-3:
        time_ms = shop.rhythm.next_ms(random, time_ms, per_week, curve, shift)
        level = customer.visit_level(shop.rhythm.shop_days(time_ms))
        if random.random() * bound < level or time_ms >= shop.config.end_ms:
            break
    else:
        return
    shop.schedule(time_ms, customer.index, visit)


def stay(scene: Scene, campaign: bytes, errand: Errand | None = None) -> None:
    """One visit from the landing on. Waits until an earlier visit has ended."""
    customer, random = scene.customer, scene.random
    if scene.time_ms < customer.busy_until_ms:
        scene.time_ms = customer.busy_until_ms + MINUTE_MS
    devices = customer.devices
    device = devices[0] if random.random() < 0.7 else devices[random.randrange(len(devices))]
    scene.on_device(device, campaign)
    land(scene, campaign)
    if device.is_logged_in and random.random() < INTRODUCED_RATIO:
        introduce(scene)
    elif customer.user_id is not None and not device.is_logged_in and random.random() < 0.3:
        log_in(scene, campaign)
    if customer.cart and random.random() < 0.4:
        view_cart(scene)
    if errand is not None:
        view(scene, errand.variant, 1.0)
    else:
        if customer.habits.style == "planned":
            _pursue_plan(scene)
        views = -math.log(1.0 - random.random()) * customer.views_per_visit
        for _ in range(min(int(views) + 1, VIEWS_MAX)):
            browse(scene)
    if customer.cart:
        _decide(scene, campaign, errand)
    customer.busy_until_ms = scene.time_ms


def _pursue_plan(scene: Scene) -> None:
    """Look again at what is thought of; the last time, take it."""
    customer = scene.customer
    if customer.plan is None:
        variants = pick_product(scene).variants
        customer.plan = variants[int(customer.size_rank * len(variants))]
        customer.plan_visits = 0
    customer.plan_visits += 1
    view(scene, customer.plan, 1.0 if customer.plan_visits >= PLAN_VISITS else 0.0)


def _decide(scene: Scene, campaign: bytes, errand: Errand | None) -> None:
    """With a filled cart: to the checkout, or away from it."""
    customer, random = scene.customer, scene.random
    if random.random() < 0.7:
        view_cart(scene)
    if not customer.cart:
        return
    if errand is None and random.random() >= customer.checkout_ratio:
        return
    device = scene.device
    assert device is not None
    if customer.user_id is not None and not device.is_logged_in and random.random() < 0.85:
        log_in(scene, campaign)
    order = check_out(scene, errand)
    if order is None:
        return
    _use(scene, order)
    for days, offer in follow(scene, order):
        if random.random() < DEFECT_REPLACED_RATIO:
            scene.later((days + 0.5 + 3.0 * random.random()) * DAY_MS, replace, offer.variant)


def _use(scene: Scene, order: Order) -> None:
    """Put on the agenda when what was bought is used up, or worn."""
    customer, random = scene.customer, scene.random
    for offer, quantity in order.lines:
        category = offer.variant.product.category
        if category.refill_days:
            customer.usual = offer.variant
            if customer.habits.refill_pace:
                customer.refills += 1
                days = refill_days(offer.variant) * quantity * customer.habits.refill_pace
                scene.later(days * random.gauss(1.0, 0.06) * DAY_MS, refill, customer.refills)
        elif category.life_days and random.random() < WORN_REPLACED_RATIO:
            days = category.life_days * random.lognormvariate(0.0, 0.15)
            scene.later(days * DAY_MS, replace, offer.variant)


def refill_days(variant: Variant) -> float:
    """How long a pack lasts at the usual pace.

    >>> from stream.simulation.catalogue import Catalogue
    >>> coffee = Catalogue(1, 0, DAY_MS).shelves[6][0]
    >>> [refill_days(pack) for pack in coffee.variants]
    [9.0, 18.0, 36.0]
    """
    category = variant.product.category
    middle = category.sizes[len(category.sizes) // 2]
    return category.refill_days * float(variant.size) / float(middle)


def refill(scene: Scene, number: int) -> None:
    """Buy the usual consumable again, unless a later purchase has put that off."""
    customer = scene.customer
    if number != customer.refills or customer.usual is None:
        return
    if customer.usual.offer(scene.time_ms).stock:
        stay(scene, b"", Errand(customer.usual))
    else:
        scene.later(RESTOCK_HOURS * HOUR_MS, refill, number)


def replace(scene: Scene, variant: Variant) -> None:
    """Buy the same piece again."""
    if variant.offer(scene.time_ms).stock:
        stay(scene, b"", Errand(variant))
