"""Event time: units, RFC 3339 text, and the watermark of one source.

All instants are integer milliseconds since the Unix epoch, UTC, named ``..._ms``. Nothing here
reads a clock: the time that a function needs is always an argument.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

LATENESS_MS: Final = 5 * SECOND_MS
"""How long a source's watermark stays behind the highest event time that it has seen."""

FUTURE_TOLERANCE_MS: Final = 30 * SECOND_MS
"""An event further ahead of the broker's time is clamped to it: a client clock, not a fact.

Half of the alignment bound, so that one fast client cannot stall its source."""

EARLIEST_MS: Final = 631_152_000_000
"""1990-01-01. An event before it has a broken clock (1970 is an unset one) and is rejected."""

NEVER_MS: Final = 1 << 53
"""Later than any instant (about the year 287,000), and exact in a double."""

_LAST_MS: Final = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z: the last instant that RFC 3339 can write."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class InvalidTimeError(ValueError):
    """A text is not an RFC 3339 instant."""


def instant_ms(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 text; one without an offset is UTC.

    >>> instant_ms("2026-11-21T10:15:00.000Z")
    1795256100000
    >>> instant_ms("2026-11-21T11:15:00+01:00")
    1795256100000
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidTimeError(f"{text[:40]!r} is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def rfc3339(time_ms: int) -> str:
    """The instant as text, always UTC with milliseconds; one beyond the year 9999 as its end.

    >>> rfc3339(1795256100000)
    '2026-11-21T10:15:00.000Z'
    """
    second, millisecond = divmod(min(time_ms, _LAST_MS), 1000)
    minute, second = divmod(second, 60)
    day, minute = divmod(minute, 1440)
    return f"{_DAYS[day]}{_MINUTES[minute]}{_SECONDS[second]}{_MILLISECONDS[millisecond]}"


def day_of(time_ms: int) -> int:
    """Number of the UTC day since the epoch; `day * DAY_MS` is its first instant."""
    return time_ms // DAY_MS


class _KnownDays(dict[int, str]):
    """The text of days, `_DAYS_MAX` of them: the calendar is most of what an instant costs."""

    def __missing__(self, day: int) -> str:
        text = (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%dT")
        if len(self) < _DAYS_MAX:
            self[day] = text
        return text


_DAYS_MAX: Final = 4096
"""Eleven years, about 0.5 MB."""

_DAYS: Final = _KnownDays()
_MINUTES: Final = tuple(f"{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1440))
_SECONDS: Final = tuple(f"{second:02d}." for second in range(60))
_MILLISECONDS: Final = tuple(f"{millisecond:03d}Z" for millisecond in range(1000))
