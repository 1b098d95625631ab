"""What a customer's browser or app says of itself: the context of its events."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import orjson

WEB = "web"
APP = "app"


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of device; `context` are the members that all of them send."""

    channel: str
    context: bytes


@dataclass(frozen=True, slots=True)
class Zone:
    """Where a customer lives. Winter time all year: no jump of the clock in the curves."""

    country: str
    city: str
    area: str
    postal_code: str
    offset_hours: int
    context: bytes


class Device:
    """A device of one customer. `skew_ms` is what its clock is ahead."""

    __slots__ = ("anonymous_id", "ip", "is_logged_in", "latency_ms", "model", "skew_ms")

    def __init__(self, anonymous_id: str, model: Model, ip: str, latency_ms: int) -> None:
        self.anonymous_id = anonymous_id
        self.model = model
        self.ip = ip
        self.latency_ms = latency_ms
        self.is_logged_in = False
        self.skew_ms = 0


def _web(platform: str, engine: str, width: int, height: int) -> Model:
    facts = {
        "library": {"name": "analytics.js", "version": "2.11.1"},
        "userAgent": f"Mozilla/5.0 ({platform}) {engine}",
        "screen": {"width": width, "height": height, "density": 2},
    }
    return Model(WEB, orjson.dumps(facts)[1:-1])


def _app(system: str, version: str, model: str, build: str) -> Model:
    facts = {
        "library": {"name": f"analytics-{system.lower()}", "version": "4.1.6"},
        "app": {"name": "Shoal Market", "version": "7.3.1", "build": build},
        "device": {"type": system.lower(), "model": model},
        "os": {"name": system, "version": version},
    }
    return Model(APP, orjson.dumps(facts)[1:-1])


_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"
_FIREFOX = "Gecko/20100101 Firefox/133.0"
MODELS = (
    _web("Windows NT 10.0; Win64; x64", _CHROME, 1920, 1080),
    _web("Macintosh; Intel Mac OS X 10_15_7", _CHROME, 1680, 1050),
    _web("Macintosh; Intel Mac OS X 10_15_7", _SAFARI, 1440, 900),
    _web("X11; Linux x86_64; rv:133.0", _FIREFOX, 1920, 1200),
    _web("iPhone; CPU iPhone OS 18_1 like Mac OS X", _SAFARI, 390, 844),
    _web("Linux; Android 10; K", _CHROME, 412, 915),
    _app("iOS", "18.1", "iPhone16,1", "3120"),
    _app("Android", "15", "Pixel 9", "3118"),
)


def _zone(locale: str, timezone: str, place: tuple[str, str, str], offset_hours: int) -> Zone:
    facts = {"locale": locale, "timezone": timezone}
    return Zone(locale[-2:], *place, offset_hours, orjson.dumps(facts)[1:-1])


ZONES = (
    _zone("de-DE", "Europe/Berlin", ("Leipzig", "Sachsen", "04109"), 1),
    _zone("de-DE", "Europe/Berlin", ("Hamburg", "Hamburg", "20095"), 1),
    _zone("de-AT", "Europe/Vienna", ("Graz", "Steiermark", "8010"), 1),
    _zone("fr-FR", "Europe/Paris", ("Lyon", "Auvergne-Rhone-Alpes", "69002"), 1),
    _zone("nl-NL", "Europe/Amsterdam", ("Utrecht", "Utrecht", "3511"), 1),
    _zone("en-GB", "Europe/London", ("Leeds", "Yorkshire", "LS1"), 0),
    _zone("fi-FI", "Europe/Helsinki", ("Turku", "Varsinais-Suomi", "20100"), 2),
)


def draw_zone(random: Random) -> Zone:
    """Where somebody lives."""
    return random.choice(ZONES)


def draw_device(anonymous_id: str, was_member: bool, random: Random) -> Device:
    """A device; one of a member is often logged in already when the traffic starts."""
    ip = f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"
    device = Device(anonymous_id, random.choice(MODELS), ip, random.randint(20, 260))
    device.is_logged_in = was_member and random.random() < 0.6
    return device
