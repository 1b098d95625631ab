"""The observer of a run: every segment's stays, and why each customer last came or went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from stream.backtest.stays import SegmentFigures, Stays
from stream.clock import NEVER_MS
from stream.events.changes import Leaf, SegmentChanged


class Turn(msgspec.Struct, frozen=True):
    """A customer's latest entry into a segment, or exit from it, and why."""

    entered: bool
    time_ms: int
    cause: str
    evidence: tuple[Leaf, ...]


class Observer:
    """Fed with the changes of a run, each customer's in order.

    Parameters
    ----------
    start_ms
        From when on figures count. What happened before says who was a member then.
    explained
        Segments whose latest turn of each customer is kept with its evidence, some 400 bytes
        each; None stands for all.

    `first_ms` is of the first change that counts, `last_ms` of the last one.
    """

    def __init__(self, start_ms: int, explained: frozenset[str] | None = frozenset()) -> None:
        self.start_ms = start_ms
        self.stays: dict[str, Stays] = {}
        self.turns: dict[str, dict[str, Turn]] = {}
        self.first_ms = NEVER_MS
        self.last_ms = 0
        self._explained = explained

    def take(self, changes: Iterable[SegmentChanged]) -> None:
        for change in changes:
            segment = change.segment
            if self.start_ms <= change.time_ms < self.first_ms:
                self.first_ms = change.time_ms
            self.last_ms = max(self.last_ms, change.time_ms)
            stays = self.stays.get(segment)
            if stays is None:
                stays = self.stays[segment] = Stays(self.start_ms)
            if change.entered:
                stays.enter(change.customer, change.time_ms)
            else:
                stays.leave(change.customer, change.time_ms, merged=change.cause == "merge")
            if self._explained is None or segment in self._explained:
                self.turns.setdefault(segment, {})[change.customer] = Turn(
                    change.entered, change.time_ms, change.cause, change.evidence
                )

    def members(self, segment: str) -> Mapping[str, int]:
        """The members now, each with the instant since when."""
        stays = self.stays.get(segment)
        return {} if stays is None else stays.since_ms

    def present(self, segment: str) -> set[str]:
        """Who was a member at any time since the start."""
        stays = self.stays.get(segment)
        return set() if stays is None else stays.present()

    def figures(self, segments: Iterable[str], begin_ms: int, end_ms: int) -> list[SegmentFigures]:
        """Of each of these segments, whether anybody was ever in it or not."""
        nobody = Stays(self.start_ms)
        return [self.stays.get(name, nobody).figures(name, begin_ms, end_ms) for name in segments]

    def overlaps(self, segments: Iterable[str]) -> dict[str, dict[str, float]]:
        """The share of each segment's members now who are in each other one, 0 to 1.

        O(segments^2 x members of the smaller one).
        """
        names = list(segments)
        common = {a: {b: shared(self.members(a), self.members(b)) for b in names} for a in names}
        return {
            a: {b: round(common[a][b] / common[a][a], 4) for b in names if b != a}
            for a in names
            if common[a][a]
        }


def shared(one: Mapping[str, int], other: Mapping[str, int]) -> int:
    """Customers who are in both."""
    return len(one.keys() & other.keys())
