"""A simulated customer: what type it is, how it goes about it, what it holds at the moment."""

from __future__ import annotations

import math
from random import Random

from stream.simulation.assortment import CATEGORIES
from stream.simulation.catalogue import Variant
from stream.simulation.customer_types import CustomerType
from stream.simulation.devices import Device, Zone, draw_device, draw_zone
from stream.simulation.habits import PAYMENTS, Habits
from stream.simulation.population import Population, population
from stream.simulation.seeds import HABITS, PORTRAIT, seed_of

NEWCOMERS_RATIO = 0.35
NEWCOMERS_DAYS = 28.0
"""A third of the customers come for the first time, evenly over four weeks of the shop's time."""

SHARED_DEVICE_RATIO = 0.1
"""Of every second customer: it uses a device of the one before, as families do."""

DEVICES_MAX = 3
STORES = 12

IMPULSES = {"spontaneous": 1.6, "planned": 0.2}
"""What a style makes of `add_ratio`: who plans only adds what it has looked at before."""

EXPRESS_QUOTA = 3
"""Express parcels that a member of the loyalty programme has booked; the trait `quota_left` says
how many are left."""

CHECKOUT_RATIOS = {"spontaneous": 0.95, "planned": 0.85}

AS_THE_TYPES_SAY = population((), None)

_SHELF_PLACES = {category.name: place for place, category in enumerate(CATEGORIES)}
_FIRST_NAMES = ("Ada", "Bela", "Cleo", "Dario", "Elin", "Finn", "Greta", "Hugo", "Ines", "Jonas")
_LAST_NAMES = ("Lind", "Marsh", "Novak", "Olsen", "Petit", "Quist", "Rossi", "Santos", "Tamm")


class Customer:
    """One customer, drawn from the seed and the index alone.

    Rates and ratios are the customer's own, around its type's. `arrival_days` is 0 for who was a
    customer before the traffic starts, else the shop's day of the first visit. `plan` is what it
    thinks of buying, `usual` what it buys again when it is used up. The fields from `cart` on are
    what the shop's events have made of it.
    """

    __slots__ = (
        "add_ratio",
        "arrival_days",
        "busy_until_ms",
        "cart",
        "checkout_ratio",
        "checkouts",
        "coupon_ratio",
        "devices",
        "habits",
        "has_agreed",
        "has_app",
        "impulse",
        "index",
        "is_subscribed",
        "kind",
        "name",
        "open_ratio",
        "orders",
        "payment",
        "plan",
        "plan_visits",
        "price_rank",
        "quota_left",
        "refills",
        "return_ratio",
        "scenes",
        "shares_with",
        "shelves",
        "size_rank",
        "store",
        "till_per_week",
        "user_id",
        "usual",
        "views_per_visit",
        "visits_per_week",
        "wake_shift_hours",
        "was_member",
        "weariness",
        "wishes",
        "zone",
    )  # fmt: skip

    def __init__(
        self, seed: int, index: int, random: Random, who: Population = AS_THE_TYPES_SAY
    ) -> None:
        random.seed(seed_of(seed, PORTRAIT, index))
        anonymous_ids = _anonymous_ids(random)
        kind = self.kind = who.type_at(random.random())
        self.index = index
        # Gamma with shape 4 and mean 1: some of a type come twice as often as others.
        spread = random.gammavariate(4.0, 0.25)
        self.visits_per_week = kind.visits_per_week * spread
        self.till_per_week = kind.till_per_week * spread
        self.views_per_visit = kind.views_per_visit * random.uniform(0.75, 1.25)
        self.add_ratio = _around(kind.add_ratio, random)
        self.return_ratio = _around(kind.return_ratio, random)
        self.coupon_ratio = _around(kind.coupon_ratio, random)
        self.open_ratio = _around(kind.open_ratio, random)
        self.price_rank = min(max(kind.price_rank + random.uniform(-0.1, 0.1), 0.0), 1.0)
        self.shelves = _draw_shelves(kind, random)
        self.size_rank = random.random()
        is_newcomer = random.random() < NEWCOMERS_RATIO
        self.arrival_days = random.random() * NEWCOMERS_DAYS if is_newcomer else 0.0
        has_account = random.random() < who.account_ratio(kind)
        self.user_id = f"c{100_000 + index}" if has_account else None
        self.name = f"{random.choice(_FIRST_NAMES)} {random.choice(_LAST_NAMES)}"
        self.store = f"S{random.randrange(STORES) + 1:02d}"
        self.zone: Zone = draw_zone(random)
        self.wake_shift_hours = self.zone.offset_hours + random.choice((-3, -1, 0, 0, 0, 1, 3))
        self.was_member = has_account and not is_newcomer and random.random() < 0.7
        self.devices = _draw_devices(anonymous_ids, self.was_member, random)
        self.has_app = any(device.model.channel == "app" for device in self.devices)
        self.cart: dict[Variant, int] = {}
        self.wishes: list[Variant] = []
        self.usual: Variant | None = None
        self.plan: Variant | None = None
        self.plan_visits = 0
        self.refills = 0
        self.has_agreed = False
        self.checkouts = 0
        self.orders = 0
        self.scenes = 0
        self.busy_until_ms = 0
        self.weariness = 1.0
        self.is_subscribed = has_account and random.random() < 0.85
        self.shares_with: int | None = None
        if index % 2 and random.random() < SHARED_DEVICE_RATIO:
            self.shares_with = index - 1
            random.seed(seed_of(seed, PORTRAIT, index - 1))
            self.devices[0].anonymous_id = _anonymous_ids(random)[0]
        random.seed(seed_of(seed, HABITS, index))
        self._take_up(Habits(kind, random))

    def _take_up(self, habits: Habits) -> None:
        self.habits = habits
        if habits.daypart is not None:
            self.wake_shift_hours = self.zone.offset_hours
        if habits.style == "spontaneous":
            self.views_per_visit *= 0.6
        self.quota_left = 0 if habits.tier is None else EXPRESS_QUOTA
        style = habits.style or ""
        self.impulse = IMPULSES.get(style, 1.0)
        self.checkout_ratio = CHECKOUT_RATIOS.get(style, self.kind.checkout_ratio)
        self.payment = PAYMENTS[self.index % len(PAYMENTS)]

    @property
    def is_identified(self) -> bool:
        """True when the shop has an address to write to: an account that was logged in to."""
        return self.was_member or any(device.is_logged_in for device in self.devices)

    @property
    def email(self) -> str:
        """The address that its traits carry."""
        return f"{self.name.lower().replace(' ', '.')}.{self.index}@example.com"

    def visit_level(self, shop_days: float) -> float:
        """What the visit rate is of `visits_per_week` at a day of the shop's time, from 0 to 1."""
        days = max(shop_days - self.arrival_days, 0.0)
        half_life = self.kind.half_life_days
        if half_life is None:
            return self.habits.level(days)
        return self.habits.level(days) * math.exp2(-days / half_life)

    def visit_bound(self, shop_days: float) -> float:
        """No later day has a higher `visit_level`."""
        return 1.0 if self.habits.is_rising else self.visit_level(shop_days)

    def truth(self) -> dict[str, object]:
        """The line of the truth file."""
        return {
            "customer": self.index,
            "type": self.kind.name,
            "user_id": self.user_id,
            "anonymous_ids": [device.anonymous_id for device in self.devices],
            "shares_device_with": self.shares_with,
            "was_member": self.was_member,
            "arrival_days": round(self.arrival_days, 3),
            "parameters": {
                "visits_per_week": round(self.visits_per_week, 4),
                "half_life_days": self.kind.half_life_days,
                "views_per_visit": round(self.views_per_visit, 3),
                "add_ratio": round(self.add_ratio, 4),
                "checkout_ratio": self.checkout_ratio,
                "order_ratio": self.kind.order_ratio,
                "price_rank": round(self.price_rank, 3),
                "coupon_ratio": round(self.coupon_ratio, 4),
                "return_ratio": round(self.return_ratio, 4),
                "till_per_week": round(self.till_per_week, 4),
                "messages_per_week": self.kind.messages_per_week,
                "open_ratio": round(self.open_ratio, 4),
                "fatigue_ratio": self.kind.fatigue_ratio,
                "shelves": [CATEGORIES[place].name for place in self.shelves],
                "hours_ahead": self.wake_shift_hours,
                "gift_ratio": self.kind.gift_ratio,
                "express_ratio": self.kind.express_ratio,
                "payment": self.payment,
            },
            "habits": self.habits.truth(),
        }


def _anonymous_ids(random: Random) -> list[str]:
    """Ids of the devices: the first draws of a portrait, so that who shares one finds it."""
    bits = [f"{random.getrandbits(128):032x}" for _ in range(DEVICES_MAX)]
    return [f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}" for h in bits]


def _around(mean: float, random: Random) -> float:
    return min(mean * random.uniform(0.8, 1.2), 1.0)


def _draw_shelves(kind: CustomerType, random: Random) -> tuple[int, int]:
    names = kind.shelves or tuple(_SHELF_PLACES)
    first, second = random.sample(names, 2)
    return _SHELF_PLACES[first], _SHELF_PLACES[second]


def _draw_devices(anonymous_ids: list[str], was_member: bool, random: Random) -> tuple[Device, ...]:
    draw = random.random()
    count = 1 if draw < 0.65 else 2 if draw < 0.93 else DEVICES_MAX
    return tuple(draw_device(ident, was_member, random) for ident in anonymous_ids[:count])
