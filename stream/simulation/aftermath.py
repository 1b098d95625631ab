"""What becomes of an order: an update, a cancellation, lines sent back, a review, a survey."""

from __future__ import annotations

from stream.clock import DAY_MS, HOUR_MS
from stream.simulation.catalogue import Offer
from stream.simulation.envelopes import SERVER, STORE
from stream.simulation.orders import Order
from stream.simulation.scene import Scene

UPDATE_RATIO = 0.03
REVIEW_RATIO = 0.08

RETURN_DAYS_MIN = 2.0
RETURN_DAYS_MEAN = 7.0
RETURN_RATIO_MAX = 0.97

_REASONS = (b"too_small", b"too_large", b"not_as_described", b"changed_mind", b"defective")

Returned = tuple[Order, tuple[tuple[Offer, int, bytes], ...]]


SURVEY_RATIO = 0.12
"""Of the orders that stand, with an answer to how likely one is to recommend the shop, 0 to 10."""

INVITE_RATIO = 0.35
"""Of an advocate's orders."""

_SCORES = {"promoter": (9, 10), "passive": (7, 8), "detractor": (1, 2, 3, 4, 5, 6)}
_STARS = {"promoter": (4, 5, 5, 5), "passive": (3, 4, 4, 5), "detractor": (1, 1, 2, 3)}
ODD_ANSWER_RATIO = 0.1
"""Of the scores, those of a mood rather than of the customer's opinion."""


def follow(scene: Scene, order: Order) -> tuple[tuple[float, Offer], ...]:
    """Decide what becomes of an order, and put it on the agenda.

    Returns
    -------
    tuple[tuple[float, Offer], ...]
        What will be sent back as broken, each with the days until then.
    """
    customer, random = scene.customer, scene.random
    kind = customer.kind
    if random.random() < kind.cancel_ratio and order.store is None:
        scene.later((0.3 + 5.0 * random.random()) * HOUR_MS, cancel, order)
        return ()
    if random.random() < UPDATE_RATIO and order.store is None:
        scene.later((0.1 + 2.0 * random.random()) * HOUR_MS, update, order)
    returned = []
    for offer, quantity in order.lines:
        factor = offer.variant.product.category.return_factor
        if random.random() < min(customer.return_ratio * factor, RETURN_RATIO_MAX):
            returned.append((offer, quantity, random.choice(_REASONS)))
    days = random.gammavariate(2.0, (RETURN_DAYS_MEAN - RETURN_DAYS_MIN) / 2.0) + RETURN_DAYS_MIN
    if returned:
        scene.later(days * DAY_MS, refund, (order, tuple(returned)))
    if random.random() < REVIEW_RATIO:
        scene.later((days + 1.0) * DAY_MS, review, order.lines[0][0])
    if random.random() < SURVEY_RATIO:
        scene.later((days + 0.5) * DAY_MS, answer, order)
    if customer.habits.is_advocate and random.random() < INVITE_RATIO:
        scene.later((days + 0.2) * DAY_MS, invite)
    return tuple((days, offer) for offer, _, reason in returned if reason == b"defective")


def cancel(scene: Scene, order: Order) -> None:
    """The whole order, before it is sent."""
    scene.on_server(SERVER, guest=order.guest)
    scene.write("Order Cancelled", order.members())


def update(scene: Scene, order: Order) -> None:
    """The order as it is, after the shop has touched it (an address, a parcel)."""
    scene.on_server(SERVER, guest=order.guest)
    scene.write("Order Updated", order.members())


def refund(scene: Scene, matter: Returned) -> None:
    """Some lines, or all of them."""
    order, returned = matter
    scene.on_server(STORE if order.store else SERVER, guest=order.guest)
    scene.write("Order Refunded", order.refund_members(returned))


def review(scene: Scene, offer: Offer) -> None:
    """Stars for a product, from the customer's first device."""
    device = scene.customer.devices[0]
    scene.on_device(device)
    random = scene.random
    product = offer.variant.product
    properties = b',"product_id":"%b","review_id":"r%x","rating":%d,"review_body":"%b"' % (
        product.product_id.encode(),
        random.getrandbits(48),
        random.choice(_STARS[scene.customer.habits.attitude]),
        random.choice((b"As expected.", b"Fits well.", b"Not what I hoped for.", b"Again!")),
    )
    scene.write("Product Reviewed", properties, product.page)


def answer(scene: Scene, order: Order) -> None:
    """How likely they are to recommend the shop: what they think of it, or a mood."""
    random = scene.random
    scene.on_server(SERVER, guest=order.guest)
    attitude = scene.customer.habits.attitude
    if random.random() < ODD_ANSWER_RATIO:
        attitude = random.choice(tuple(_SCORES))
    scene.write(
        "Survey Answered",
        b',"survey":"nps","nps":%d,"order_id":"%b"'
        % (random.choice(_SCORES[attitude]), order.order_id.encode()),
    )


def invite(scene: Scene, _: object = None) -> None:
    """Ask a friend in, from the first device."""
    scene.on_device(scene.customer.devices[0])
    code = b"F%d" % scene.customer.index
    scene.write("Invite Sent", b',"share_via":"whatsapp","referral_code":"%b"' % code)
