"""A visit to the web shop or the app: landing, login, browsing, and on to the checkout or away."""

from __future__ import annotations

import math

from stream.clock import MINUTE_MS
from stream.simulation.assortment import CATEGORIES
from stream.simulation.baskets import view_cart
from stream.simulation.browsing import browse, pick_product, view
from stream.simulation.catalogue import page
from stream.simulation.checkout import check_out
from stream.simulation.envelopes import text
from stream.simulation.rhythm import WEB
from stream.simulation.scene import Scene

VIEWS_MAX = 40

INTRODUCED_RATIO = 0.3
"""Of the visits on a device that is logged in."""

HOME = page("/", "Home", "https://www.google.com/")
ACCOUNT = page("/account/login", "Log in", "https://shop.example/")

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
    # Thinning as in `Rhythm`: a lapsing customer's rate only falls, so this one bounds it.
    level = customer.visit_level(shop.rhythm.shop_days(time_ms))
    per_week = customer.visits_per_week * level
    while per_week > 1e-3:
        time_ms = shop.rhythm.next_ms(random, time_ms, per_week, WEB, customer.wake_shift_hours)
        after = customer.visit_level(shop.rhythm.shop_days(time_ms))
        if random.random() * level < after or time_ms >= shop.config.end_ms:
            break
    else:
        return
    shop.schedule(time_ms, customer.index, visit)


def stay(scene: Scene, campaign: bytes) -> None:
    """One visit from the landing on. Waits until an earlier visit has ended."""
    customer, random = scene.customer, scene.random
    if scene.time_ms < customer.busy_until_ms:
        scene.time_ms = customer.busy_until_ms + MINUTE_MS
    devices = customer.devices
    device = devices[0] if random.random() < 0.7 else devices[random.randrange(len(devices))]
    scene.on_device(device, campaign)
    _land(scene, campaign)
    if device.is_logged_in and random.random() < INTRODUCED_RATIO:
        introduce(scene)
    elif customer.user_id is not None and not device.is_logged_in and random.random() < 0.3:
        log_in(scene, campaign)
    if customer.cart and random.random() < 0.4:
        view_cart(scene)
    if customer.usual is not None and random.random() < customer.kind.refill_ratio:
        view(scene, customer.usual, 1.0)
    else:
        views = -math.log(1.0 - random.random()) * customer.views_per_visit
        for _ in range(min(int(views) + 1, VIEWS_MAX)):
            browse(scene)
    if customer.cart:
        _decide(scene, campaign)
    customer.busy_until_ms = scene.time_ms


def _land(scene: Scene, campaign: bytes) -> None:
    random = scene.random
    draw = random.random()
    if campaign and draw < 0.5:
        product = pick_product(scene)
        scene.write("page Product", b',"path":"%b"' % product.path.encode(), product.page)
        return
    scene.write("page Home", b',"path":"/"', HOME)
    if draw < 0.3:
        scene.think(2_000)
        promotion = b',"promotion_id":"promo_%d","name":"Week of %b","position":"home_top"' % (
            random.randrange(6),
            CATEGORIES[scene.customer.shelves[0]].name.encode(),
        )
        scene.write("Promotion Viewed", promotion, HOME)
        if draw < 0.04 + 0.2 * scene.customer.coupon_ratio:
            scene.think(3_000)
            scene.write("Promotion Clicked", promotion, HOME)


def log_in(scene: Scene, campaign: bytes) -> None:
    """Log in: from here on the device's events carry the account."""
    device = scene.device
    assert device is not None
    scene.think(9_000)
    scene.write("page Account", b',"path":"/account/login"', ACCOUNT)
    scene.think(12_000)
    device.is_logged_in = True
    scene.on_device(device, campaign)
    introduce(scene)


def introduce(scene: Scene) -> None:
    """Identify the account with its traits, as shops do at the login and on many visits after."""
    customer = scene.customer
    index = customer.index
    traits = (
        b',"name":%b,"email":%b,"address":{"city":%b,"country":"%b"},"newsletter":%b,'
        b'"gender":"%b","birthday":"19%02d-%02d-%02d"'
    ) % (
        text(customer.name),
        text(customer.email),
        text(customer.zone.city),
        customer.zone.country.encode(),
        b"true" if customer.is_subscribed else b"false",
        (b"female", b"male", b"diverse")[index % 3],
        55 + index % 45,
        1 + index % 12,
        1 + index % 28,
    )
    scene.write("identify", traits, ACCOUNT)


def _decide(scene: Scene, campaign: bytes) -> None:
    """With a filled cart: to the checkout, or away from it."""
    customer, random = scene.customer, scene.random
    if random.random() < 0.7:
        view_cart(scene)
    if not customer.cart or random.random() >= customer.kind.checkout_ratio:
        return
    device = scene.device
    assert device is not None
    if customer.user_id is not None and not device.is_logged_in and random.random() < 0.85:
        log_in(scene, campaign)
    check_out(scene)
