"""Has what customers do moved away from the model? ADWIN over the distances of assignment.

A customer's distance to the own centroid says how well the frozen model still fits. ADWIN keeps a
window of these as long as their mean holds, and drops the old part when it does not: that moment is
the signal. It tells people and the metrics; no segment depends on it, so it is not kept with rows.

River's ADWIN is its Rust class `AdaptiveWindowing`, which is used directly: `river.drift` imports
scipy.stats for another detector, 75 MB and 1.8 s for every worker. The contract test holds it
against `river.drift.ADWIN`.
"""

from __future__ import annotations

from river._river_rust.drift import AdaptiveWindowing

DISTANCE_MAX = 2.0
"""ADWIN expects 0 to 1; vectors in the unit cube of 10 features lie at most 3.2 apart, and from
their centroid hardly ever more than 2: what is beyond counts as 2."""

FALSE_ALARM_RATIO = 1e-4
"""ADWIN's delta: chance that a check finds a change where there is none."""

CHECK_EVERY = 32
"""Assignments between checks, river's default."""

GRACE = 500
"""Assignments before the first check: fewer say little about a mean."""


class DriftSignal:
    """Watches one version of the model; a new version needs a new one.

    >>> signal = DriftSignal()
    >>> any(signal.update(0.3 + 0.001 * (i % 7)) for i in range(2_000))
    False
    >>> any(signal.update(0.6 + 0.001 * (i % 7)) for i in range(2_000))
    True
    """

    def __init__(self) -> None:
        self._window = AdaptiveWindowing(
            delta=FALSE_ALARM_RATIO,
            clock=CHECK_EVERY,
            max_buckets=5,
            min_window_length=5,
            grace_period=GRACE,
        )
        self.drifts = 0

    def update(self, distance: float) -> bool:
        """Take in the distance of an assignment; True where the mean has changed. Costs 0.4 us."""
        changed = bool(self._window.update(min(distance / DISTANCE_MAX, 1.0)))
        self.drifts += changed
        return changed

    @property
    def width(self) -> int:
        """Assignments since the mean changed, as far as ADWIN can tell."""
        return int(self._window.get_width())

    @property
    def mean_distance(self) -> float:
        """Mean distance over them; 0 while there are none."""
        width = self.width
        return float(self._window.get_total()) / width * DISTANCE_MAX if width else 0.0
