"""What the demo shows, gathered from what it sees: changes, memberships, progress.

Pure bookkeeping. The times of the machine come in as arguments, so that a picture can be drawn
from a recorded run, and tested.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from stream.events.published import PublishedChange, decode_change, decode_membership

RECENT_MAX = 200
"""Changes kept for display; a tall terminal shows some 100."""

SAMPLES_MAX = 240
"""Progress samples kept, four a second: one minute."""

LIVE_LAG_MAX_MS = 30_000
"""A clock so close to now is live: 5 s of lateness, ticks, and the view's own delay."""

_RATE_WINDOW_S = 2.0
_TREND_WINDOW_S = 1.0
_TREND_SAMPLES = 12


@dataclass(frozen=True)
class Sample:
    """Progress at one moment: events written by the shop and done by the worker, so far.

    at_s      monotonic time of the machine
    now_ms    its time of day
    clock_ms  the worker's clock, in event time; 0 before its first tick
    """

    at_s: float
    now_ms: int
    written_count: int
    done_count: int
    clock_ms: int


@dataclass
class Board:
    """All that the view needs.

    started_s  the machine's monotonic time at the start
    """

    started_s: float
    changes_count: int = 0
    live_changes_count: int = 0
    recent: deque[PublishedChange] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    kinds: Counter[tuple[str, bool]] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    segments: Counter[str] = field(default_factory=Counter)
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=SAMPLES_MAX))
    _members: dict[bytes, list[str]] = field(default_factory=dict)

    def see_change(self, value: bytes) -> PublishedChange:
        """Count a record of `segment-changes`."""
        change = decode_change(value)
        self.changes_count += 1
        self.live_changes_count += not change.data.historic
        self.kinds[change.data.segment, change.entered] += 1
        self.causes[change.data.cause] += 1
        self.recent.append(change)
        return change

    def see_membership(self, customer: bytes, value: bytes | None) -> None:
        """Take over a record of `memberships`: the customer's segments now, or none."""
        now = decode_membership(value).segments if value else []
        self.segments.subtract(self._members.get(customer, ()))
        self.segments.update(now)
        self._members[customer] = now

    def see_progress(self, sample: Sample) -> None:
        """Add a sample, later than those before."""
        self.samples.append(sample)

    @property
    def customers_count(self) -> int:
        """Customers that a membership was told of."""
        return len(self._members)

    @property
    def latest(self) -> Sample:
        """The last sample; before the first, one of zeros."""
        return self.samples[-1] if self.samples else Sample(self.started_s, 0, 0, 0, 0)

    @property
    def stage(self) -> str:
        """What is going on: "starting", "history", or "live" once the clock has reached now."""
        latest = self.latest
        if latest.done_count == 0:
            return "starting"
        return "live" if latest.clock_ms > latest.now_ms - LIVE_LAG_MAX_MS else "history"

    def rate(self) -> float:
        """Events done per second, over the last 2 s."""
        return rate(self.samples, _RATE_WINDOW_S)

    def rates(self, count: int) -> list[float]:
        """The rate at each of the last `count` samples, over the second before it, oldest first.

        A batch is counted when it commits, so that shorter spans show the batches alone.
        """
        samples = list(self.samples)
        ends = range(max(2, len(samples) - count + 1), len(samples) + 1)
        return [rate(samples[:end][-_TREND_SAMPLES:], _TREND_WINDOW_S) for end in ends]


def rate(samples: Sequence[Sample], window_s: float) -> float:
    """Events done per second between the last sample and the one `window_s` before it."""
    if len(samples) < 2:
        return 0.0
    last = samples[-1]
    first = next(s for s in samples if last.at_s - s.at_s <= window_s)
    if first is last:
        first = samples[-2]
    return (last.done_count - first.done_count) / max(last.at_s - first.at_s, 1e-3)
