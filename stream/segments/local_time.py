"""The time of the day at the shop, with its summer time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

from stream.clock import MINUTE_MS

_QUARTER_MS = 15 * MINUTE_MS
"""Offsets are multiples of it, and nearly all instants at which clocks are changed; some places
changed them a minute past midnight, the last one in 2022."""

CACHED_MAX = 4_096
"""Quarters of an hour kept, 100 bytes each: six weeks of them."""


class LocalTime(NamedTuple):
    """hour 0 to 23, weekday 1 Monday to 7 Sunday, day of the month from 1, month from 1."""

    hour: int
    weekday: int
    day: int
    month: int


class LocalClock:
    """What the clock and the calendar at the shop say; 0.1 us where the quarter was asked for."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._known: dict[int, LocalTime] = {}

    def at(self, time_ms: int) -> LocalTime:
        """The local time of an instant."""
        quarter = time_ms // _QUARTER_MS
        found = self._known.get(quarter)
        if found is None:
            found = self._read(quarter * _QUARTER_MS)
            if found != self._read((quarter + 1) * _QUARTER_MS - 1):
                return self._read(time_ms)  # the clock is changed within the quarter
            if len(self._known) >= CACHED_MAX:
                self._known.clear()
            self._known[quarter] = found
        return found

    def _read(self, time_ms: int) -> LocalTime:
        moment = datetime.fromtimestamp(time_ms // 1000, UTC).astimezone(self._zone)
        return LocalTime(moment.hour, moment.isoweekday(), moment.day, moment.month)


_PART = re.compile(r"[A-Za-z0-9_+-]{1,40}")


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name, such as Europe/Berlin, by the rules that the lock file pins.

    The machine's own rules may be of another year, and a replay would differ.

    Raises
    ------
    ValueError
        For a name that is none.
    """
    parts = name.split("/")
    try:
        if not all(_PART.fullmatch(part) for part in parts):
            raise ValueError(name)
        place = files("tzdata").joinpath("zoneinfo", *parts)
        with place.open("rb") as rules:
            return ZoneInfo.from_file(rules, key=name)
    except (OSError, ValueError):
        raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from None
