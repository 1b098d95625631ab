"""Messages that the shop sends, and what customers make of them."""

from __future__ import annotations

from stream.clock import HOUR_MS, SECOND_MS
from stream.simulation.assortment import CATEGORIES
from stream.simulation.envelopes import SERVER
from stream.simulation.rhythm import MAIL
from stream.simulation.scene import Scene
from stream.simulation.visits import stay

BOUNCE_RATIO = 0.004
SPAM_RATIO = 0.4
"""Of those who unsubscribe, first."""

PUSH_RATIO = 0.4
"""Of the messages to customers who have the app."""

DISMISS_RATIO = 0.3
"""Of the push messages that nobody taps; the rest stays unseen."""

SMS_RATIO = 0.35
"""Of the other messages to customers who have left a number."""

NUMBERS_EVERY = 5
"""One customer in so many has left one, and who likes SMS has."""

LIKED_FACTOR, OTHER_FACTOR = 1.5, 0.6
"""What a liked medium makes of `open_ratio`, there and elsewhere."""

STOP_FACTOR = 5.0
"""A text on the phone is minded more than a letter."""

OPEN_HOURS_MEAN = 4.0


def send(scene: Scene, _: object = None) -> None:
    """A message to the customer, if it may have one, and the next one."""
    customer, random = scene.customer, scene.random
    if not customer.is_subscribed:
        return
    schedule_message(scene)
    if not customer.is_identified:
        return
    number = random.randrange(1 << 40)
    medium = _medium(scene)
    scene.on_server(SERVER, campaign=_campaign(scene, medium.encode()))
    properties = _message(scene, number)
    if medium == "push":
        scene.write("Push Notification Received", properties)
    else:
        name = "SMS" if medium == "sms" else "Email"
        scene.write(f"{name} Sent", properties)
        scene.think(3_000)
        bounces = medium == "email" and random.random() < BOUNCE_RATIO
        scene.write("Email Bounced" if bounces else f"{name} Delivered", properties)
        if bounces:
            return
    liked = customer.habits.medium
    factor = 1.0 if liked is None else LIKED_FACTOR if liked == medium else OTHER_FACTOR
    opens = random.random() < customer.open_ratio * customer.weariness * factor
    customer.weariness *= customer.kind.fatigue_ratio
    if opens:
        delay_ms = random.expovariate(1.0 / OPEN_HOURS_MEAN) * HOUR_MS + 5 * SECOND_MS
        scene.later(delay_ms, _ANSWERS[medium], number)
    elif medium == "push" and random.random() < DISMISS_RATIO:
        scene.later(random.expovariate(1.0) * HOUR_MS, dismiss, number)
    elif random.random() < customer.kind.unsubscribe_ratio * (
        STOP_FACTOR if medium == "sms" else 1
    ):
        delay_ms = random.expovariate(1.0 / OPEN_HOURS_MEAN) * HOUR_MS
        scene.later(delay_ms, stop if medium == "sms" else refuse, number)


def _medium(scene: Scene) -> str:
    customer, random = scene.customer, scene.random
    if customer.has_app and random.random() < PUSH_RATIO:
        return "push"
    has_number = customer.index % NUMBERS_EVERY == 0 or customer.habits.medium == "sms"
    return "sms" if has_number and random.random() < SMS_RATIO else "email"


def schedule_message(scene: Scene) -> None:
    """Put the next message to the customer on the agenda."""
    shop, customer = scene.shop, scene.customer
    per_week = customer.kind.messages_per_week if customer.is_subscribed else 0.0
    shift = customer.zone.offset_hours
    time_ms = shop.rhythm.next_ms(scene.random, scene.time_ms, per_week, MAIL, shift)
    shop.schedule(time_ms, customer.index, send)


def open_mail(scene: Scene, number: int) -> None:
    """Open an e-mail; perhaps click, and come for a visit."""
    campaign = _campaign(scene, b"email")
    scene.on_server(SERVER, campaign=campaign)
    properties = _message(scene, number)
    scene.write("Email Opened", properties)
    if scene.random.random() < scene.customer.kind.click_ratio:
        scene.think(9_000)
        link = b',"link_id":"hero","link_url":"https://shop.example/week?utm_medium=email"'
        scene.write("Email Link Clicked", properties + link)
        scene.think(1_500)
        stay(scene, campaign)


def tap(scene: Scene, number: int) -> None:
    """Tap a push message, which opens the shop."""
    campaign = _campaign(scene, b"push")
    scene.on_server(SERVER, campaign=campaign)
    scene.write("Push Notification Tapped", _message(scene, number))
    scene.think(1_500)
    stay(scene, campaign)


def follow_link(scene: Scene, number: int) -> None:
    """Follow the link of an SMS, which opens the shop; who only reads it leaves no trace."""
    if scene.random.random() >= scene.customer.kind.click_ratio * 2.0:
        return
    campaign = _campaign(scene, b"sms")
    scene.on_server(SERVER, campaign=campaign)
    scene.write("SMS Link Clicked", _message(scene, number))
    scene.think(1_500)
    stay(scene, campaign)


def dismiss(scene: Scene, number: int) -> None:
    """Wipe a push message away."""
    scene.on_server(SERVER, campaign=_campaign(scene, b"push"))
    scene.write("Push Notification Dismissed", _message(scene, number))


def refuse(scene: Scene, number: int) -> None:
    """Unsubscribe; some call it spam first."""
    customer = scene.customer
    scene.on_server(SERVER, campaign=_campaign(scene, b"email"))
    properties = _message(scene, number)
    if scene.random.random() < SPAM_RATIO:
        scene.write("Email Marked as Spam", properties)
        scene.think(2_000)
    listed = b',"list_id":"newsletter","list_name":"Newsletter"'
    scene.write("Unsubscribed", properties + listed)
    customer.is_subscribed = False


def stop(scene: Scene, number: int) -> None:
    """Answer STOP to an SMS."""
    scene.on_server(SERVER, campaign=_campaign(scene, b"sms"))
    scene.write("SMS Unsubscribed", _message(scene, number))
    scene.customer.is_subscribed = False


_ANSWERS = {"email": open_mail, "push": tap, "sms": follow_link}


def _message(scene: Scene, number: int) -> bytes:
    shelf = CATEGORIES[scene.customer.shelves[number & 1]].name.encode()
    return (
        b',"email_id":"m%010x","email_subject":"New in %b, picked for you","campaign_id":"w%02d",'
        b'"campaign_name":"week_%02d"'
    ) % (number, shelf, number % 53, number % 53)


def _campaign(scene: Scene, medium: bytes) -> bytes:
    shelf = CATEGORIES[scene.customer.shelves[0]].name.encode().lower()
    return b',"campaign":{"name":"weekly","source":"crm","medium":"%b","content":"%b"}' % (
        medium,
        shelf,
    )
