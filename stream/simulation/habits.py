"""What is a customer's own beside its type: hours, seasons, occasions, opinions, ways to pay.

Habits are drawn apart from the portrait and independently of each other, so that each can be
looked for by itself in the stream, and the truth file says who has it.
"""

from __future__ import annotations

from random import Random

from stream.simulation.customer_types import CustomerType
from stream.simulation.rhythm import EVENING, MORNING, WEB, WEEKEND, Curve
from stream.simulation.seasons import BLACK_FRIDAY, CHRISTMAS, SUMMER_SALE

DAYPARTS = ((MORNING, "morning", 0.10), (EVENING, "evening", 0.10), (WEEKEND, "weekend", 0.10))
SEASONS = ((BLACK_FRIDAY, 0.025), (CHRISTMAS, 0.025), (SUMMER_SALE, 0.02))
SEASONAL_LEVEL = 0.15
"""What a season's customer comes in the rest of the year, of its type's rate."""

ATTITUDES = (("promoter", 0.40), ("passive", 0.35), ("detractor", 0.25))
AREAS = (("urban", 0.40), ("suburban", 0.35), ("rural", 0.25))
STYLES = (("spontaneous", 0.12), ("planned", 0.12))
MEDIA = (("email", 0.25), ("push", 0.15), ("sms", 0.10))
PAYMENTS = ("paypal", "credit_card", "invoice", "apple_pay")

OCCASION_RATIO = 0.08
OCCASION_GIVER_RATIO = 0.6
"""Who gives a present at the same day each year: of all, and of gift buyers."""

GIVER_RATIO_MIN = 0.5
"""Share of gifts among a type's orders from which it is one of givers."""

ADVOCATE_RATIO = 0.05
MEMBER_RATIO = 0.22
HEAVY_MEMBER_RATIO = 0.6
RISING_RATIO = 0.04
RISING_FROM = 0.15
RISING_DAYS = 42.0
BALKS_RATIO = 0.10
CALLERS_RATIO = 0.015
CALLS_PER_WEEK = 0.5
REFILLS_RATIO = 0.15
REFILLS_MORE_RATIO = 0.9
TIERS = ("bronze", "silver", "gold")


class Habits:
    """Of one customer.

    curve, daypart   when in the week it comes; None: like everybody
    season           the season that it comes for, if it does
    occasion_day     day of the year (0 to 364) for which it gives a present, or None
    refill_pace      how fast it uses up consumables, 1 is usual; 0.0: it buys them as it comes by
    style            "spontaneous" buys at first sight, "planned" looks several times before
    area             urban, suburban or rural
    attitude         promoter, passive or detractor: scores in surveys, stars in reviews
    is_advocate      shares and invites
    tier             of the loyalty programme, or None
    medium           the messages that it answers more than others, or None
    is_rising        its visit rate grows from `RISING_FROM` of its type's within six weeks
    balks            leaves the checkout at the sight of shipping costs
    calls_per_week   orders on the phone
    """

    __slots__ = (
        "area",
        "attitude",
        "balks",
        "calls_per_week",
        "curve",
        "daypart",
        "is_advocate",
        "is_rising",
        "medium",
        "occasion_day",
        "refill_pace",
        "season",
        "style",
        "tier",
    )

    def __init__(self, kind: CustomerType, random: Random) -> None:
        """Draw them; a fixed number of draws, so that one does not shift the next."""
        self.curve: Curve = WEB
        self.daypart: str | None = None
        draw = random.random()
        for curve, name, share in DAYPARTS:
            if 0.0 <= draw < share:
                self.curve, self.daypart = curve, name
            draw -= share
        self.season = _one_of(SEASONS, random)
        gives = kind.gift_ratio >= GIVER_RATIO_MIN
        has_occasion = random.random() < (OCCASION_GIVER_RATIO if gives else OCCASION_RATIO)
        day = random.randrange(365)
        self.occasion_day = day if has_occasion else None
        uses_up = kind.refill_ratio >= GIVER_RATIO_MIN
        refills = random.random() < (REFILLS_MORE_RATIO if uses_up else REFILLS_RATIO)
        pace = random.uniform(0.8, 1.25)
        self.refill_pace = pace if refills else 0.0
        self.style = _one_of(STYLES, random)
        self.attitude = _one_of(ATTITUDES, random) or "passive"
        self.is_advocate = random.random() < ADVOCATE_RATIO
        joins = random.random() < (HEAVY_MEMBER_RATIO if kind.name == "heavy" else MEMBER_RATIO)
        tier = random.choice(TIERS)
        self.tier = tier if joins else None
        self.medium = _one_of(MEDIA, random)
        rises = random.random() < RISING_RATIO
        self.is_rising = rises and kind.half_life_days is None and self.season is None
        self.balks = random.random() < BALKS_RATIO
        self.area = _one_of(AREAS, random) or "rural"
        self.calls_per_week = CALLS_PER_WEEK if random.random() < CALLERS_RATIO else 0.0

    def level(self, days: float) -> float:
        """What the visit rate is of its type's, `days` after the customer's arrival; 0 to 1."""
        if self.season is not None:
            return SEASONAL_LEVEL
        if self.is_rising:
            return min(RISING_FROM + (1.0 - RISING_FROM) * days / RISING_DAYS, 1.0)
        return 1.0

    def truth(self) -> dict[str, object]:
        """As the truth file has them."""
        return {
            "area": self.area,
            "daypart": self.daypart,
            "season": self.season,
            "occasion_day": self.occasion_day,
            "refill_pace": round(self.refill_pace, 3),
            "style": self.style,
            "attitude": self.attitude,
            "advocate": self.is_advocate,
            "loyalty_tier": self.tier,
            "medium": self.medium,
            "rising": self.is_rising,
            "balks_at_shipping": self.balks,
            "calls_per_week": self.calls_per_week,
        }


def _one_of(choices: tuple[tuple[str, float], ...], random: Random) -> str | None:
    draw = random.random()
    for name, share in choices:
        draw -= share
        if draw < 0.0:
            return name
    return None
