"""Changes told: memberships turned over with their reasons, clusters assigned, places counted."""

from __future__ import annotations

from typing import NamedTuple

from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest

from stream.clock import NEVER_MS, day_of
from stream.clustering.news import news
from stream.engine.arbiter import Arbiter, offered
from stream.engine.context import CLUSTER_PREFIX, Context
from stream.engine.effects import Effects, LearnPoint
from stream.engine.hysteresis import remember
from stream.engine.run_mark import sequence_base
from stream.engine.settings import HISTORIC_AFTER_MS, VALIDITY_MS, EngineSettings
from stream.events.changes import Leaf, Membership, SegmentChanged
from stream.features.population import bucket_of
from stream.features.vector import vector
from stream.segments.unit import Unit
from stream.state.row import Row


class Moment(NamedTuple):
    """Where and when a membership turns, and why."""

    key: bytes
    row: Row
    context: Context
    now_ms: int
    cause: str
    at_ms: int | None = None


class Teller:
    """Tells the changes of one partition's rows and collects the effects of the batch.

    effects       of the batch at hand; set by the partition
    record_ms     the broker's time of the record at hand
    members       customers by segment, of this partition
    deltas        population histogram changes by day, feature and bucket, not yet finalised
    changed       rows of which a change was told
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._incarnation = settings.incarnation
        self._base = sequence_base(settings.incarnation)
        self.effects = Effects()
        self.record_ms = 0
        self.members: dict[str, int] = {}
        self.deltas: dict[int, dict[str, dict[int, int]]] = {}
        self.open_day = 0
        self.arbiter = Arbiter(settings.incarnation)
        self.changed: dict[bytes, Row] = {}

    def tell(
        self,
        moment: Moment,
        segment: str,
        evidence: tuple[Leaf, ...] = (),
        flip_ms: int = NEVER_MS,
        unit: Unit | None = None,
    ) -> None:
        """Turn a membership over, and say so: a member leaves, another customer enters.

        A silent unit's turns are measured, and told to nobody.
        """
        key, row, context, now_ms, cause, at_ms = moment
        silent = unit is not None and unit.is_silent
        held = row.shadows if silent else row.segments
        entered = segment not in held
        if entered:
            held[segment] = now_ms
        else:
            now_ms = max(now_ms, held.pop(segment))  # a silent one may have begun later
        if unit is not None and unit.stay is not None and unit.stay.remembers:
            remember(row, segment, now_ms, entered=entered)
        self.members[segment] = self.members.get(segment, 0) + (1 if entered else -1)
        if not silent:
            row.sequence += 1
            row.changed_ms = now_ms
            self.changed[key] = row
        customer = key.decode()
        told = context.told_of(segment)
        version = told.version
        stamp = context.stamp_of(customer, segment)
        action, withheld = offered(row, context, segment) if entered and told.action else ({}, None)
        change = SegmentChanged(
            id=self._change_id(customer, row.sequence, segment, entered, now_ms, version),
            customer=customer,
            segment=segment,
            entered=entered,
            time_ms=now_ms,
            sequence=self.told(row),
            definition=version,
            cause=cause,
            evidence=evidence,
            next_flip_ms=None if flip_ms >= NEVER_MS else flip_ms,
            segments=tuple(sorted(row.segments)),
            historic=self.record_ms - now_ms > HISTORIC_AFTER_MS,
            initial=cause == "definition",
            valid_until_ms=min(flip_ms, now_ms + VALIDITY_MS),
            control=stamp.holdout is not None,
            action=action,
            at_ms=at_ms,
            variant=stamp.variant,
            holdout=stamp.holdout,
            not_before_ms=_not_before_ms(customer, segment, now_ms, told.jitter_ms),
            withheld=withheld,
        )
        (self.effects.shadow_changes if silent else self.effects.changes).append(change)
        if not silent:
            self.arbiter.hear(row, context, change)
            if context.pack is not None and segment in context.pack.sizes:
                self.count_population(row, context, now_ms)

    def tell_memberships(self) -> None:
        """Say what the customers of whom a change was told are members of now."""
        for key, row in self.changed.items():
            customer = key.decode()
            now = Membership(customer, dict(row.segments), self.told(row), row.changed_ms)
            self.effects.memberships[customer] = now if row.segments else None

    def told(self, row: Row) -> int:
        """The sequence of the customer's latest change as readers know it."""
        return self._base + row.sequence

    def _change_id(self, customer: str, sequence: int, *facts: str | int | bool) -> str:
        """The hash by which consumers tell a repeated change: the same log gives the same id."""
        segment, entered, time_ms, version = facts
        turn = f"{segment}\0{'entered' if entered else 'exited'}\0{time_ms}\0{version}"
        return xxh3_128_hexdigest(f"{customer}\0{self._incarnation}\0{sequence}\0{turn}".encode())

    def learn(self, key: bytes, row: Row, context: Context, now_ms: int, cause: str) -> None:
        """Offer the row to the clusters at a session's end or a purchase, and assign it."""
        gap_ms = now_ms - row.learned_ms if row.learned_ms else None
        row.learned_ms = now_ms
        self.effects.learned.append(LearnPoint(vector(row), now_ms, news(gap_ms)))
        if context.model is not None:
            self.assign(key, row, context, now_ms, cause)

    def assign(self, key: bytes, row: Row, context: Context, now_ms: int, cause: str) -> None:
        """Assign the row to a cluster of the frozen model, with hysteresis."""
        if context.model is None:
            return
        cluster, distance = context.model.assign(vector(row), row.cluster)
        if cluster == row.cluster:
            return
        moment = Moment(key, row, context, now_ms, cause)
        if row.cluster is not None:
            gone = (Leaf("cluster", True, False, cluster),)
            self.tell(moment, CLUSTER_PREFIX + row.cluster, gone)
        row.cluster = cluster
        evidence = (
            Leaf("cluster", False, True, cluster),
            Leaf("distance to centroid", None, None, round(distance, 6)),
        )
        self.tell(moment, CLUSTER_PREFIX + cluster, evidence)

    def count_population(self, row: Row, context: Context, time_ms: int) -> bool:
        """Keep the row's place in the histograms up to date, on the day of the change.

        It is the place as of the customer's last event, also for a feature that time changes.
        True where a place has changed.
        """
        pack, moved = context.pack, False
        if pack is None:
            return moved
        for feature, value_of in pack.population_values:
            value = value_of(row)
            bucket = bucket_of(value) if value is not None and value > 0 else None
            known = row.buckets.get(feature)
            if bucket == known:
                continue
            moved = True
            day = max(day_of(time_ms), self.open_day)
            counts = self.deltas.setdefault(day, {}).setdefault(feature, {})
            if known is not None:
                counts[known] = counts.get(known, 0) - 1
                del row.buckets[feature]
            if bucket is not None:
                counts[bucket] = counts.get(bucket, 0) + 1
                row.buckets[feature] = bucket
        return moved

    def leave_population(self, row: Row, time_ms: int) -> None:
        """Take the row out of the histograms."""
        day = max(day_of(time_ms), self.open_day)
        for feature, known in row.buckets.items():
            counts = self.deltas.setdefault(day, {}).setdefault(feature, {})
            counts[known] = counts.get(known, 0) - 1
        row.buckets = {}


def _not_before_ms(customer: str, segment: str, now_ms: int, jitter_ms: int) -> int | None:
    """When a change may be acted on, where its definition spreads waves by customer."""
    if not jitter_ms:
        return None
    return now_ms + xxh3_64_intdigest(f"{segment}\0{customer}".encode()) % jitter_ms


def has_behaviour(row: Row) -> bool:
    """Something to cluster by: an ended session or an order."""
    sessions = row.sessions
    if sessions is not None and (sessions.count > 1 or not sessions.open):
        return True
    return row.orders is not None and row.orders.count > 0
