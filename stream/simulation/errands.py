"""What the calendar leads customers to: presents before a day of the year, and the seasons."""

from __future__ import annotations

from stream.clock import DAY_MS
from stream.simulation.browsing import pick_product
from stream.simulation.catalogue import Variant
from stream.simulation.checkout import Errand
from stream.simulation.rhythm import WEEK_MS
from stream.simulation.scene import Scene
from stream.simulation.seasons import Season, instant_of_day, next_day_of_year
from stream.simulation.visits import stay

PRESENT_DAYS_MIN, PRESENT_DAYS_MAX = 3.0, 10.0
"""How long before its day a present is bought."""

PRESENT_RATIO = 0.9
"""Of the years, in which it is bought here."""

SEASON_VISITS_RATIO = 0.2
"""Visits that a season adds, of those in two usual weeks."""

SEASON_VISITS_OWN = 3.0
"""The same for who comes for it; at least as many visits as this."""

BUYS_IN_SEASON_RATIO = 0.6


def schedule_calendar(scene: Scene) -> None:
    """Put the next occasion and the seasons to come on the agenda."""
    shop, customer = scene.shop, scene.customer
    schedule_occasion(scene)
    for season in shop.seasons:
        if season.from_ms >= scene.time_ms:
            shop.schedule(season.from_ms, customer.index, enter_season, season)


def schedule_occasion(scene: Scene) -> None:
    """When to think of the next present: early enough for it."""
    day_of_year = scene.customer.habits.occasion_day
    if day_of_year is None:
        return
    soonest_ms = scene.time_ms + int(PRESENT_DAYS_MAX * DAY_MS)
    day = next_day_of_year(soonest_ms, day_of_year)
    time_ms = instant_of_day(day) - int(PRESENT_DAYS_MAX * DAY_MS)
    scene.shop.schedule(time_ms, scene.customer.index, think_of_present)


def think_of_present(scene: Scene, _: object = None) -> None:
    """Ten days before: perhaps buy it in the days to come, and think of it again in a year."""
    random = scene.random
    if random.random() < PRESENT_RATIO:
        days = random.uniform(0.0, PRESENT_DAYS_MAX - PRESENT_DAYS_MIN)
        scene.later(days * DAY_MS, seek_present)
    scene.time_ms += 2 * DAY_MS
    schedule_occasion(scene)


def seek_present(scene: Scene, _: object = None) -> None:
    """A visit to buy a present."""
    stay(scene, b"", Errand(_something(scene), is_gift=True))


def enter_season(scene: Scene, season: Season) -> None:
    """Put the visits that a season adds on the agenda."""
    shop, customer, random = scene.shop, scene.customer, scene.random
    weeks = (season.until_ms - season.from_ms) / WEEK_MS
    if customer.habits.season == season.name:
        per_week = max(2.0 * customer.visits_per_week, SEASON_VISITS_OWN) / weeks
    else:
        per_week = SEASON_VISITS_RATIO * 2.0 * customer.visits_per_week / weeks
    time_ms, shift = season.from_ms, customer.wake_shift_hours
    while True:
        time_ms = shop.rhythm.next_ms(random, time_ms, per_week, customer.habits.curve, shift)
        if time_ms >= season.until_ms:
            return
        shop.schedule(time_ms, customer.index, come_by, season)


def come_by(scene: Scene, season: Season) -> None:
    """A visit of the season; who came for it mostly buys."""
    is_own = scene.customer.habits.season == season.name
    buys = is_own and scene.random.random() < BUYS_IN_SEASON_RATIO
    stay(scene, b"", Errand(_something(scene)) if buys else None)


def _something(scene: Scene) -> Variant:
    """A product to the customer's taste, in its size; one that is there if a few tries find it."""
    for _ in range(4):
        variants = pick_product(scene).variants
        variant = variants[int(scene.customer.size_rank * len(variants))]
        if variant.offer(scene.time_ms).stock:
            break
    return variant
