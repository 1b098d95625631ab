"""Micro-clusters of one partition, learned on line: many points in, a bounded summary out.

The statistics are river's: each micro-cluster is a `CluStreamMicroCluster`, weighted Welford
moments per feature that can be added up. The loop around them is ours, for what river 0.26.1's own
loops do (with 10 features; `tests/contracts/test_clusterers_of_river.py` shows each):

- `CluStream` and `DBSTREAM` age by the number of learns, not by event time;
- `CluStream` compares a Euclidean distance with a mean deviation per feature, so that with 10
  features many points of the same kind do not fit, and every misfit compares all pairs in Python:
  1,200 us a learn with 64 micro-clusters, and 86 us even where everything fits;
- `DBSTREAM` has no bound on its micro-clusters, and `DenStream`'s radius comes out as 0 for points
  away from the origin, so that one micro-cluster takes them all;
- `predict_one` of `DBSTREAM`, `DenStream` and `KMeans` changes the model.

So here: nearest by `math.dist`; one absorption radius for all, as in BIRCH, which follows how often
room has to be made; room by Ward's criterion, which leaves the least scatter; and fading by
*forward decay*: a point weighs 2^((time - landmark) / half-life), which needs no visit to what is
not touched, lets a late point count for less, and is exactly the fading of a reader who divides by
the weight of now. One learn costs about 17 us, one that is sampled away 0.3 us.

Sources: Aggarwal et al., *A framework for clustering evolving data streams*, VLDB 2003; Zhang et
al., *BIRCH*, SIGMOD 1996; Cormode et al., *Forward decay*, ICDE 2009.
"""

from __future__ import annotations

from itertools import combinations, repeat
from math import dist, hypot

from river.cluster.clustream import CluStreamMicroCluster

from stream.clustering.summary import (
    HALF_LIFE_MS,
    SUMMARY_VERSION,
    MicroCluster,
    Summary,
    UnreadableSummaryError,
    decode_summary,
    encode_summary,
)

__all__ = ["MicroLearner", "UnreadableSummaryError"]

MICRO_MAX = 64
"""Micro-clusters a partition: ten for each of six clusters. A summary takes 64 x (1 + 2 x 10)
floats of 9 bytes, 12 KB, and a learn 64 distances of 0.15 us."""

MICRO_KEPT = 48
"""How many are left when room is made: that costs 0.6 ms, shared by the 16 newcomers it admits."""

FORGOTTEN_WEIGHT = 0.05
"""A micro-cluster below a twentieth of a point (a point after 130 days) gives way to a new one."""

WEIGHT_MIN = 1e-6
"""Points worth less (an eighth of a second after the customer's previous one) are left out: what is
lost is nothing, and no weight comes near the smallest double."""

FORGOTTEN_HALF_LIVES = 5
"""A point this late would weigh 1/32, less than what is dropped."""

FULL_SAMPLE_WEIGHT = 4_096.0
"""Up to this weight every point is learned. With w times that only each 2^floor(log2 w)-th is, and
counts for as many: the error of a mean over 4,096 points is 1.6% of their deviation."""

STRIDE_MAX = 16
"""Coarsest sampling, one point in 16; reached at a weight of 16 x 4,096 a partition."""

RESCALE_HALF_LIVES = 64
"""The landmark moves on before weights leave a double's range: 2^64 times 1e9 is 1e28 of 1e308. The
factor 2^-64 is exact, so moving it changes no digit of any mean."""

ROOM_LEARNS = 512
"""Points between two makings of room that the radius is steered to: 1.2 us a point. Scarcer room
means a coarser radius; with 512, 12% of the variance of shop-like customers stays within the
micro-clusters, with a radius that never shrinks and the closest pairs joined 17%."""

RADIUS_STEP = 1.15

RADIUS_CHECK_LEARNS = 1_024
"""After so many learns forgotten micro-clusters are dropped, and where fewer than half are in use,
the radius is lowered: the points have come closer together than those that it was made for."""

RADIUS_LOWERED = 0.7

LENGTH_MAX = 1_000.0
"""Features are scaled to about 0 to 1: a vector of this length is a mistake, and so is one with an
infinity or a NaN. It is counted and left out; its square would drown the others."""

NO_TIME = 0
"""River keeps moments of the points' times too; here the weights carry the age."""

_HASH = 0x9E3779B97F4A7C15
_MASK64 = (1 << 64) - 1


def _restored(kept: MicroCluster, factor: float) -> CluStreamMicroCluster:
    """River's object with the same moments, weights times `factor`, a power of two.

    A first point at the centre with the whole weight gives river's exact mean; the scatter has no
    public way in. This and `_kept` are all that touches what river keeps to itself.
    """
    weight = kept.weight * factor
    cluster = CluStreamMicroCluster(dict(enumerate(kept.centre)), weight, NO_TIME)
    for moments, scatter in zip(cluster.var_x.values(), kept.scatter, strict=True):
        moments._S = scatter * factor
    return cluster


def _kept(cluster: CluStreamMicroCluster) -> MicroCluster:
    return MicroCluster(
        weight=cluster.weight,
        centre=tuple(cluster.center.values()),
        scatter=tuple(moments._S for moments in cluster.var_x.values()),
    )


class MicroLearner:
    """Learns the micro-clusters of one partition.

    The same points in the same order give the same bytes: there is no randomness, and sampling is
    by a hash of the event time. A vector of another length than the ones before (other features,
    after a deploy) starts anew.

    >>> from stream.clock import DAY_MS
    >>> learner = MicroLearner(partition=3)
    >>> for day in range(100):
    ...     learner.learn_one((day % 2, 0.5), time_ms=day * DAY_MS)
    >>> [cluster.centre for cluster in decode_summary(learner.summary()).clusters]
    [(0.0, 0.5), (1.0, 0.5)]
    """

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.seen = 0
        self.learned = 0
        self.rejected = 0
        self._start_anew(0)

    def _start_anew(self, landmark_ms: int) -> None:
        self._landmark_ms = landmark_ms
        self._last_ms = landmark_ms
        self._radius = 0.0
        self._room_made_at = self.learned
        self._load([])

    @classmethod
    def from_summary(cls, content: bytes) -> MicroLearner:
        """Go on where the learner of this summary stood.

        Raises
        ------
        UnreadableSummaryError
            See `decode_summary`.
        """
        summary = decode_summary(content)
        learner = cls(summary.partition)
        learner.seen = summary.seen
        learner.learned = summary.learned
        learner.rejected = summary.rejected
        learner._landmark_ms = summary.landmark_ms
        learner._last_ms = summary.last_ms
        learner._radius = summary.radius
        learner._room_made_at = summary.room_made_at
        learner._load([_restored(kept, 1.0) for kept in summary.clusters])
        learner._weight = summary.weight
        learner._choose_stride()
        return learner

    def _load(self, clusters: list[CluStreamMicroCluster]) -> None:
        self._clusters = clusters
        self._centres = [tuple(cluster.center.values()) for cluster in clusters]
        self._weight = sum((cluster.weight for cluster in clusters), 0.0)
        self._choose_stride()

    def summary(self) -> bytes:
        """The state as bytes: what is merged into a model, and what `from_summary` goes on from."""
        return encode_summary(
            Summary(
                version=SUMMARY_VERSION,
                partition=self.partition,
                landmark_ms=self._landmark_ms,
                last_ms=self._last_ms,
                seen=self.seen,
                learned=self.learned,
                rejected=self.rejected,
                weight=self._weight,
                radius=self._radius,
                room_made_at=self._room_made_at,
                clusters=[_kept(cluster) for cluster in self._clusters],
            )
        )

    def learn_one(self, vector: tuple[float, ...], time_ms: int, weight: float = 1.0) -> None:
        """Take a point in.

        Parameters
        ----------
        vector
            Features, each scaled to about 0 to 1.
        time_ms
            Event time. A point more than `FORGOTTEN_HALF_LIVES` late is left out: it would already
            be forgotten.
        weight
            What the point is worth, 0 to 1, by `news.news`.
        """
        self.seen += 1
        if self._stride > 1 and (time_ms * _HASH & _MASK64) >> 32 & self._stride - 1:
            return
        if not hypot(*vector) <= LENGTH_MAX:  # so that it also holds for NaN
            self.rejected += 1
            return
        if not self._clusters or len(vector) != len(self._centres[0]):
            self._start_anew(time_ms)
        age = (time_ms - self._last_ms) / HALF_LIFE_MS
        if age < -FORGOTTEN_HALF_LIVES or weight < WEIGHT_MIN:
            return
        if age > 0.0:
            self._advance(time_ms)
        decayed = weight * self._stride * 2.0 ** ((time_ms - self._landmark_ms) / HALF_LIFE_MS)
        self._absorb(vector, decayed)
        self._weight += decayed
        self.learned += 1
        if self.learned % RADIUS_CHECK_LEARNS == 0:
            self._load(self._remembered())
            if len(self._clusters) < MICRO_MAX // 2:
                self._radius *= RADIUS_LOWERED
        self._choose_stride()

    def _advance(self, time_ms: int) -> None:
        """Let event time go on; the landmark follows in steps whose factor is a power of two."""
        self._last_ms = time_ms
        steps = (time_ms - self._landmark_ms) // (RESCALE_HALF_LIVES * HALF_LIFE_MS)
        if steps == 0:
            return
        if steps > 1:
            self._start_anew(time_ms)
            return
        remembered = self._remembered()
        factor = 2.0**-RESCALE_HALF_LIVES
        self._landmark_ms += RESCALE_HALF_LIVES * HALF_LIFE_MS
        self._load([_restored(_kept(cluster), factor) for cluster in remembered])

    def _absorb(self, vector: tuple[float, ...], decayed: float) -> None:
        point = dict(enumerate(vector))
        if self._clusters:
            distances = list(map(dist, repeat(vector), self._centres))
            nearest_distance = min(distances)
            if nearest_distance <= self._radius:
                nearest = distances.index(nearest_distance)
                cluster = self._clusters[nearest]
                cluster.insert(point, decayed, NO_TIME)  # type: ignore[no-untyped-call]
                self._centres[nearest] = tuple(cluster.center.values())
                return
            if len(self._clusters) == MICRO_MAX:
                self._make_room()
        self._clusters.append(CluStreamMicroCluster(point, decayed, NO_TIME))
        self._centres.append(vector)

    def _make_room(self) -> None:
        """Drop what is forgotten, then join pairs until `MICRO_KEPT` are left."""
        self._load(self._remembered())
        clusters, centres = self._clusters, self._centres
        surplus = len(clusters) - MICRO_KEPT
        if surplus <= 0:
            return
        joined: set[int] = set()
        gone: set[int] = set()
        distances: list[float] = []
        for _, a, b in self._by_cost():
            if a in joined or b in joined:
                continue
            distances.append(dist(centres[a], centres[b]))
            clusters[a] += clusters[b]
            joined |= {a, b}
            gone.add(b)
            if len(gone) == surplus:
                break
        self._load([cluster for i, cluster in enumerate(clusters) if i not in gone])
        self._steer_radius(distances)

    def _by_cost(self) -> list[tuple[float, int, int]]:
        """All pairs by the scatter that joining them would add (Ward 1963), the least first."""
        weights = [cluster.weight for cluster in self._clusters]
        return sorted(
            (weights[a] * weights[b] / (weights[a] + weights[b]) * dist(one, other) ** 2, a, b)
            for (a, one), (b, other) in combinations(enumerate(self._centres), 2)
        )

    def _steer_radius(self, distances: list[float]) -> None:
        """Absorb more where room was made too soon, less where late; at first the median joined."""
        since = self.learned - self._room_made_at
        self._room_made_at = self.learned
        if self._radius == 0.0:
            self._radius = sorted(distances)[len(distances) // 2]
        elif since < ROOM_LEARNS:
            self._radius *= RADIUS_STEP
        elif since > 2 * ROOM_LEARNS:
            self._radius /= RADIUS_STEP

    def _remembered(self) -> list[CluStreamMicroCluster]:
        forgotten = FORGOTTEN_WEIGHT * self._scale()
        return [cluster for cluster in self._clusters if cluster.weight >= forgotten]

    def _scale(self) -> float:
        """Weight of a point as of the last event time."""
        return float(2.0 ** ((self._last_ms - self._landmark_ms) / HALF_LIFE_MS))

    def _choose_stride(self) -> None:
        stride = 1
        points = self._weight / self._scale()
        while stride < STRIDE_MAX and points >= 2 * stride * FULL_SAMPLE_WEIGHT:
            stride *= 2
        self._stride = stride
