"""What a row keeps of its past for one measure; windows.py fills and reads it."""

from __future__ import annotations

import msgspec

Value = str | int | float | bool | None


class Tally(msgspec.Struct, array_like=True, gc=False, tag=1):
    """Over all time: how many events, the sum of their values, and when the first and last were.

    `first` and `last` are the values of those; None where the measure has no value.
    """

    count: int = 0
    total: int = 0
    first_ms: int = 0
    last_ms: int = 0
    first: str | int | float | bool | None = None
    last: str | int | float | bool | None = None


class Buckets(msgspec.Struct, array_like=True, gc=False, tag=2):
    """A window: bucket numbers, ascending, with how many events each has and their sum."""

    numbers: list[int] = []
    counts: list[int] = []
    totals: list[int] = []


class Values(msgspec.Struct, array_like=True, gc=False, tag=3):
    """Different values, each with the time of its latest bucket."""

    latest: dict[str, int] = {}


class Steps(msgspec.Struct, array_like=True, gc=False, tag=4):
    """Times of the latest first and second steps, ascending; `done_ms` of the latest pair.

    A pair is a second step at most `within_ms` after a first one, and at least `apart_ms`: 0, or 1
    where one event can be both, which is no pair with itself.
    """

    within_ms: int
    firsts: list[int] = []
    seconds: list[int] = []
    done_ms: int = 0
    apart_ms: int = 0


Kept = Tally | Buckets | Values | Steps
