"""How a visit begins: the page it lands on, signing up, logging in, and what is said of oneself."""

from __future__ import annotations

from stream.simulation.assortment import CATEGORIES
from stream.simulation.browsing import pick_product
from stream.simulation.catalogue import page
from stream.simulation.envelopes import text
from stream.simulation.scene import Scene

HOME = page("/", "Home", "https://www.google.com/")
ACCOUNT = page("/account/login", "Log in", "https://shop.example/")

ALIASED_EVERY = 20
"""The account of one customer in so many is kept by an older client, which sends `alias`."""

REFUSES_ADVERTS_EVERY = 4
"""One customer in so many agrees to no advertising cookies."""


def land(scene: Scene, campaign: bytes) -> None:
    """The first page; on the home page perhaps a promotion."""
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
    """Log in, or sign up: from here on the device's events carry the account."""
    device, customer = scene.device, scene.customer
    assert device is not None
    is_new = not customer.is_identified
    scene.think(9_000)
    scene.write("page Account", b',"path":"/account/login"', ACCOUNT)
    scene.think(12_000)
    device.is_logged_in = True
    scene.on_device(device, campaign)
    if customer.index % ALIASED_EVERY == 0:
        scene.write_alias(device.anonymous_id)
    introduce(scene)
    if is_new:
        scene.write("Signed Up", b',"type":"email"', ACCOUNT)


def introduce(scene: Scene) -> None:
    """Identify the account with its traits, as shops do at the login and on many visits after."""
    customer = scene.customer
    index, zone = customer.index, customer.zone
    tier = customer.habits.tier
    traits = (
        b',"name":%b,"email":%b,"address":{"city":%b,"state":%b,"postalCode":"%b","country":"%b"},'
        b'"newsletter":%b,"gender":"%b","birthday":"19%02d-%02d-%02d","area":"%b",'
        b'"loyalty_member":%b'
    ) % (
        text(customer.name),
        text(customer.email),
        text(zone.city),
        text(zone.area),
        zone.postal_code.encode(),
        zone.country.encode(),
        _flag(customer.is_subscribed),
        (b"female", b"male", b"diverse")[index % 3],
        55 + index % 45,
        1 + index % 12,
        1 + index % 28,
        customer.habits.area.encode(),
        _flag(tier is not None),
    )
    card = b""
    if tier is not None:
        traits += b',"loyalty_tier":"%b","quota_left":%d' % (tier.encode(), customer.quota_left)
        card = (
            b',"externalIds":[{"id":"L%d","type":"loyalty_card","collection":"users",'
            b'"encoding":"none"}]' % index
        )
    scene.write("identify", traits, card + ACCOUNT)
    if not customer.has_agreed:
        customer.has_agreed = True
        _agree(scene)


def _agree(scene: Scene) -> None:
    """Answer the consent banner, once."""
    customer = scene.customer
    consent = (
        b',"consent":{"categoryPreferences":{"Functional":true,"Advertising":%b,"Marketing":%b}}'
    ) % (_flag(customer.index % REFUSES_ADVERTS_EVERY != 0), _flag(customer.is_subscribed))
    scene.write("Segment Consent Preference Updated", b"", consent + ACCOUNT)


def _flag(value: bool) -> bytes:
    return b"true" if value else b"false"
