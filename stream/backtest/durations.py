"""Mean and median of durations, in memory that does not grow with their number."""

from __future__ import annotations

from stream.features.population import bucket_of


class Durations:
    """Counts durations in buckets whose bounds grow by 2%, and keeps each bucket's sum.

    The mean is exact. The median is the mean of the bucket that it falls in: exact where all of
    that bucket's durations are equal, and otherwise within 2%. A century needs 1,500 buckets.

    >>> found = Durations()
    >>> for duration_ms in (1_000, 5_000, 60_000):
    ...     found.add(duration_ms)
    >>> found.mean_ms, found.median_ms
    (22000, 5000)
    """

    __slots__ = ("_buckets", "count", "total_ms")

    def __init__(self) -> None:
        self.count = 0
        self.total_ms = 0
        self._buckets: dict[int, tuple[int, int]] = {}

    def add(self, duration_ms: int) -> None:
        bucket = bucket_of(duration_ms) if duration_ms > 0 else 0
        count, total_ms = self._buckets.get(bucket, (0, 0))
        self._buckets[bucket] = count + 1, total_ms + duration_ms
        self.count += 1
        self.total_ms += duration_ms

    @property
    def mean_ms(self) -> int | None:
        return round(self.total_ms / self.count) if self.count else None

    @property
    def median_ms(self) -> int | None:
        """Of an even number, the middle between the two in the middle."""
        if not self.count:
            return None
        return round((self._ranked((self.count - 1) // 2) + self._ranked(self.count // 2)) / 2)

    def _ranked(self, rank: int) -> float:
        """The mean of the bucket that holds the duration of this rank, counted from 0."""
        below = 0
        for bucket in sorted(self._buckets):
            count, total_ms = self._buckets[bucket]
            below += count
            if below > rank:
                return total_ms / count
        raise AssertionError("a rank beyond what was counted")
