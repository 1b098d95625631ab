"""The stays of customers in one segment: who came and went, when, for how long, how often again."""

from __future__ import annotations

from collections import Counter

import msgspec

from stream.backtest.durations import Durations
from stream.clock import DAY_MS, day_of

WEEK_MS = 7 * DAY_MS


class SegmentFigures(msgspec.Struct, frozen=True):
    """What a segment did in a period.

    members_start  before the first instant of the period
    customers      different ones that were members at any time up to the end
    merged_exits   exits of an id that turned out to be another one's; they are in `exits`, and
                   not in the time spent: the person has not left
    stays          finished in the period, merged ones left out: what mean and median are of
    flaps_24h      entries within 24 h of the same customer's exit; `flaps_7d` within 7 days, those
                   of 24 h included; per 100 entries
    size           members at the end of each UTC day; the last one at the end of the period
    entered, exited  per UTC day
    """

    segment: str
    members_start: int
    entries: int
    exits: int
    members: int
    customers: int
    merged_exits: int
    entries_per_day: float
    exits_per_day: float
    stays: int
    stay_mean_s: int | None
    stay_median_s: int | None
    member_median_s: int | None
    flaps_24h: int
    flaps_7d: int
    flaps_24h_per_100: float
    flaps_7d_per_100: float
    size: tuple[int, ...]
    entered: tuple[int, ...]
    exited: tuple[int, ...]


class Stays:
    """Fed with the entries and exits of one segment, each customer's in order.

    Parameters
    ----------
    start_ms
        From when on it counts; who enters before is a member from the start.

    Memory: two instants a customer, two counters a day.
    """

    __slots__ = (
        "_durations", "_entered", "_exited", "_left_ms", "_start_ms", "flaps_7d", "flaps_24h",
        "members_start", "merged_exits", "since_ms",
    )  # fmt: skip

    def __init__(self, start_ms: int) -> None:
        self.since_ms: dict[str, int] = {}
        self.members_start = 0
        self.merged_exits = 0
        self.flaps_24h = 0
        self.flaps_7d = 0
        self._start_ms = start_ms
        self._left_ms: dict[str, int] = {}
        self._entered: Counter[int] = Counter()
        self._exited: Counter[int] = Counter()
        self._durations = Durations()

    def enter(self, customer: str, time_ms: int) -> None:
        assert customer not in self.since_ms, "nobody enters where they are"
        self.since_ms[customer] = time_ms
        left_ms = self._left_ms.get(customer)
        if time_ms < self._start_ms:
            self.members_start += 1
            return
        self._entered[day_of(time_ms)] += 1
        if left_ms is not None and time_ms - left_ms <= WEEK_MS:
            self.flaps_7d += 1
            self.flaps_24h += time_ms - left_ms <= DAY_MS

    def leave(self, customer: str, time_ms: int, *, merged: bool = False) -> None:
        since_ms = self.since_ms.pop(customer)
        self._left_ms[customer] = time_ms
        if time_ms < self._start_ms:
            self.members_start -= 1
            return
        self._exited[day_of(time_ms)] += 1
        if merged:
            self.merged_exits += 1
        else:
            self._durations.add(time_ms - since_ms)

    def present(self) -> set[str]:
        """Who was a member at any time of the period so far."""
        gone = self._left_ms.items()
        return self.since_ms.keys() | {c for c, left_ms in gone if left_ms >= self._start_ms}

    def figures(self, segment: str, begin_ms: int, end_ms: int) -> SegmentFigures:
        """Of the period from `begin_ms` to `end_ms`; what counts was fed from within it."""
        days = range(day_of(begin_ms), day_of(end_ms) + 1)
        entered = tuple(self._entered[day] for day in days)
        exited = tuple(self._exited[day] for day in days)
        entries, exits = sum(entered), sum(exited)
        sizes: list[int] = []
        size = self.members_start
        for into, out in zip(entered, exited, strict=True):
            size += into - out
            sizes.append(size)
        assert size == len(self.since_ms), "who came and did not leave is there"
        span_days = max((end_ms - begin_ms) / DAY_MS, 1.0)
        present = Durations()
        for since_ms in self.since_ms.values():
            present.add(end_ms - since_ms)
        durations = self._durations
        return SegmentFigures(
            segment=segment,
            members_start=self.members_start,
            entries=entries,
            exits=exits,
            members=size,
            customers=len(self.since_ms.keys() | self._left_ms.keys()),
            merged_exits=self.merged_exits,
            entries_per_day=round(entries / span_days, 3),
            exits_per_day=round(exits / span_days, 3),
            stays=durations.count,
            stay_mean_s=_seconds(durations.mean_ms),
            stay_median_s=_seconds(durations.median_ms),
            member_median_s=_seconds(present.median_ms),
            flaps_24h=self.flaps_24h,
            flaps_7d=self.flaps_7d,
            flaps_24h_per_100=_per_100(self.flaps_24h, entries),
            flaps_7d_per_100=_per_100(self.flaps_7d, entries),
            size=tuple(sizes),
            entered=entered,
            exited=exited,
        )


def _seconds(duration_ms: int | None) -> int | None:
    return None if duration_ms is None else round(duration_ms / 1000)


def _per_100(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
