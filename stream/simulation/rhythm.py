"""When things happen: Poisson processes with the rhythm of day and week.

A process of rate r is drawn as candidates at r times the curve's peak, each kept with probability
`level / peak` (thinning; Lewis and Shedler 1979). The curves have mean 1 over a week, so that a
customer's rate is what it says whatever the hour at which the traffic starts.

From `surge_ms` on the shop runs faster: what would take an hour takes `1 / surge` of it, and day
and night are the same. That is for looking on; visits themselves do not get shorter by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from stream.clock import DAY_MS, HOUR_MS, NEVER_MS

WEEK_MS = 7 * DAY_MS

# Orders of a web shop by hour of the local day: a low before dawn, a shoulder at noon, the peak
# after dinner. Weights, not rates: `_curve` scales them.
_WEB_HOURS = (
    9, 5, 3, 2, 2, 3, 7, 14, 21, 26, 29, 31, 33, 32, 30, 30, 32, 35, 41, 49, 54, 49, 34, 19,
)  # fmt: skip
_WEB_DAYS = (106, 101, 99, 98, 92, 93, 111)  # Monday first

_MORNING_HOURS = (
    1, 0, 0, 0, 0, 8, 45, 70, 75, 60, 40, 22, 5, 3, 3, 2, 2, 3, 3, 4, 4, 3, 2, 1,
)  # fmt: skip
_EVENING_HOURS = (
    6, 2, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 2, 2, 2, 4, 10, 40, 70, 80, 75, 50, 20,
)  # fmt: skip
_WEEKEND_DAYS = (8, 8, 8, 8, 18, 330, 320)

_TILL_HOURS = (0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 30, 42, 44, 38, 36, 40, 48, 52, 40, 18, 0, 0, 0, 0)
_TILL_DAYS = (85, 85, 90, 95, 130, 215, 0)  # closed on Sunday

_MAIL_HOURS = (0, 0, 0, 0, 0, 0, 10, 35, 40, 25, 10, 5, 8, 5, 5, 5, 15, 20, 15, 5, 0, 0, 0, 0)
_MAIL_DAYS = (60, 130, 110, 150, 130, 40, 80)

_THURSDAY_HOURS = 3 * 24  # the epoch began on a Thursday


def _curve(hours: Sequence[int], days: Sequence[int]) -> tuple[float, ...]:
    mean = sum(hours) * sum(days) / (24 * 7)
    return tuple(hour * day / mean for day in days for hour in hours)


class Curve:
    """The level of an activity by hour of the week; its mean is 1.

    >>> round(sum(WEB.levels) / len(WEB.levels), 9)
    1.0
    """

    __slots__ = ("levels", "peak")

    def __init__(self, hours: Sequence[int], days: Sequence[int]) -> None:
        self.levels = _curve(hours, days)
        self.peak = max(self.levels)

    def level(self, time_ms: int, shift_hours: int) -> float:
        """Level at an instant, for someone whose day runs `shift_hours` ahead of UTC."""
        return self.levels[(time_ms // HOUR_MS + _THURSDAY_HOURS + shift_hours) % 168]


WEB = Curve(_WEB_HOURS, _WEB_DAYS)
MORNING = Curve(_MORNING_HOURS, _WEB_DAYS)
EVENING = Curve(_EVENING_HOURS, _WEB_DAYS)
WEEKEND = Curve(_WEB_HOURS, _WEEKEND_DAYS)
TILL = Curve(_TILL_HOURS, _TILL_DAYS)
MAIL = Curve(_MAIL_HOURS, _MAIL_DAYS)


class Rhythm:
    """The shop's time: draws the next instant of a process.

    Parameters
    ----------
    start_ms, surge_ms
        Where the traffic starts, and from where it surges (`NEVER_MS`: never).
    surge
        How many times faster from then on, at least 1.
    """

    __slots__ = ("start_ms", "surge", "surge_ms")

    def __init__(self, start_ms: int, surge_ms: int = NEVER_MS, surge: float = 1.0) -> None:
        self.start_ms = start_ms
        self.surge_ms = max(surge_ms, start_ms)
        self.surge = surge

    def later(self, time_ms: int, shop_ms: float) -> int:
        """The instant at which `shop_ms` of the shop's time have passed since `time_ms`."""
        if time_ms >= self.surge_ms:
            return time_ms + int(shop_ms / self.surge)
        instant = time_ms + int(shop_ms)
        if instant <= self.surge_ms:
            return instant
        return self.surge_ms + int((instant - self.surge_ms) / self.surge)

    def shop_days(self, time_ms: int) -> float:
        """Days of the shop's time since the start, the surge's faster ones included."""
        if time_ms <= self.surge_ms:
            return (time_ms - self.start_ms) / DAY_MS
        fast = (time_ms - self.surge_ms) * self.surge
        return (self.surge_ms - self.start_ms + fast) / DAY_MS

    def next_ms(
        self, random: Random, time_ms: int, per_week: float, curve: Curve, shift_hours: int = 0
    ) -> int:
        """The next instant after `time_ms` of a process with `per_week` expected a week.

        `NEVER_MS` for a rate of 0. Cost: about `curve.peak` draws.
        """
        if per_week <= 0.0:
            return NEVER_MS
        mean_ms = WEEK_MS / per_week
        thinned_ms = mean_ms / curve.peak
        instant = float(time_ms)
        while instant < self.surge_ms:
            instant -= math.log(1.0 - random.random()) * thinned_ms
            if instant >= self.surge_ms:
                break
            if random.random() * curve.peak < curve.level(int(instant), shift_hours):
                return int(instant)
        # Memoryless: what was left of the last gap is drawn anew at the faster rate.
        instant = max(float(time_ms), float(self.surge_ms))
        instant -= math.log(1.0 - random.random()) * mean_ms / self.surge
        return int(instant)
