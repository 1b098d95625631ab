"""The shop's year: Black Friday, Christmas, and the sale of July.

Who comes in a season comes on top of its own rhythm; who is a season's customer hardly comes
otherwise. Part of the range is reduced in the two sales.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from stream.clock import DAY_MS

BLACK_FRIDAY = "black_friday"
CHRISTMAS = "christmas"
SUMMER_SALE = "summer_sale"

REDUCED_RATIO = 0.6
"""Of the products, in a sale."""

REDUCED_FACTORS = (0.5, 0.6, 0.7, 0.8)

_EPOCH = date(1970, 1, 1)


class Season(NamedTuple):
    """A season of one year, as instants of UTC."""

    name: str
    from_ms: int
    until_ms: int
    is_sale: bool


def seasons_between(start_ms: int, end_ms: int) -> Iterator[Season]:
    """The seasons that begin within the span, in order: a longer span only adds to them.

    >>> begin, end = instant_of(date(2026, 1, 1)), instant_of(date(2027, 1, 1))
    >>> [season.name for season in seasons_between(begin, end)]
    ['summer_sale', 'black_friday', 'christmas']
    """
    first = datetime.fromtimestamp(start_ms / 1000, UTC).year
    last = datetime.fromtimestamp(end_ms / 1000, UTC).year
    for year in range(first, last + 1):
        for season in _of_year(year):
            if start_ms <= season.from_ms < end_ms:
                yield season


def instant_of(day: date) -> int:
    """Midnight of UTC at which a day begins."""
    return (day - _EPOCH).days * DAY_MS


def instant_of_day(day: int) -> int:
    """Midnight of UTC at which a day since 1970 begins."""
    return day * DAY_MS


def next_day_of_year(time_ms: int, day_of_year: int) -> int:
    """The first day since 1970 that begins at or after an instant and is this day of its year.

    >>> (date(1970, 1, 1) + timedelta(next_day_of_year(0, 40))).isoformat()
    '1970-02-10'
    """
    year = datetime.fromtimestamp(time_ms / 1000, UTC).year
    while True:
        day = (date(year, 1, 1) - _EPOCH).days + day_of_year
        if day * DAY_MS >= time_ms:
            return day
        year += 1


def _of_year(year: int) -> tuple[Season, ...]:
    friday = black_friday(year)
    return (
        _season(SUMMER_SALE, date(year, 7, 1), date(year, 7, 22), is_sale=True),
        _season(BLACK_FRIDAY, friday - timedelta(4), friday + timedelta(4), is_sale=True),
        _season(CHRISTMAS, date(year, 12, 3), date(year, 12, 23), is_sale=False),
    )


def black_friday(year: int) -> date:
    """The day after the fourth Thursday of November.

    >>> black_friday(2026).isoformat(), black_friday(2025).isoformat()
    ('2026-11-27', '2025-11-28')
    """
    first = date(year, 11, 1)
    thursday = first + timedelta((3 - first.weekday()) % 7 + 21)
    return thursday + timedelta(1)


def _season(name: str, first: date, after: date, *, is_sale: bool) -> Season:
    return Season(name, instant_of(first), instant_of(after), is_sale)
