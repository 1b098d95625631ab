"""One row at one instant: evaluate, tell what changed, and set the next wake-up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from xxhash import xxh3_128_hexdigest

from stream.clock import NEVER_MS, day_of
from stream.clustering.news import news
from stream.engine.arbiter import About, Arbiter, offered
from stream.engine.crossing import forget_removed, no_longer_told, silent_of, too_many_of
from stream.engine.effects import Effects, LearnPoint
from stream.engine.evidence import evidence_of, true_instant
from stream.engine.hysteresis import WAITING, may_turn_ms, remember, waited
from stream.engine.settings import HISTORIC_AFTER_MS, VALIDITY_MS, EngineSettings
from stream.engine.timeline import Timeline
from stream.engine.versions import CLUSTER_PREFIX, Context
from stream.events.changes import Leaf, SegmentChanged
from stream.features.population import bucket_of
from stream.features.vector import vector
from stream.segments.compiler import Unit
from stream.segments.decision import Decide
from stream.segments.stay import Stay
from stream.state.fold import ORDERS, SESSIONS, TIME, deadline_ms, expire
from stream.state.row import Row


class Moment(NamedTuple):
    """Where and when a membership turns, and why."""

    key: bytes
    row: Row
    context: Context
    now_ms: int
    cause: str
    at_ms: int | None = None


class Decider:
    """Evaluates rows of one partition and collects the effects of the batch.

    effects       of the batch at hand; set by the partition
    record_ms     the broker's time of the record at hand
    members       customers by segment, of this partition
    deltas        population histogram changes by day, feature and bucket, not yet finalised
    """

    def __init__(self, settings: EngineSettings, timeline: Timeline) -> None:
        self._incarnation = settings.incarnation
        self.timeline = timeline
        self.effects = Effects()
        self.record_ms = 0
        self.members: dict[str, int] = {}
        self.deltas: dict[int, dict[str, dict[int, int]]] = {}
        self.open_day = 0
        self._again_ms = NEVER_MS
        self.arbiter = Arbiter(settings.incarnation)
        self.changed: dict[bytes, Row] = {}

    def advance(self, key: bytes, row: Row, until_ms: int) -> bool:
        """Fire the row's timers and activations up to `until_ms`, in the order of their time."""
        touched = False
        timeline = self.timeline
        while True:
            timer_ms = row.timer_ms
            coming = None
            if timeline.next_active_ms <= until_ms:
                coming = timeline.after(row.activation)
                if coming is not None and coming.active_ms > until_ms:
                    coming = None
            if coming is not None and coming.active_ms <= timer_ms:
                touched |= self._cross(key, row, coming)
            elif timer_ms <= until_ms:
                self._fire(key, row, timer_ms)
                touched = True
            else:
                return touched

    def _fire(self, key: bytes, row: Row, due_ms: int) -> None:
        """What time alone changes at `due_ms`; a wake-up for nothing only sets the next one."""
        before = row.sequence
        matured = 0 if row.orders is None else row.orders.matured
        ended = expire(row, due_ms)
        context = self.timeline.of(row.activation)
        now_ms = max(due_ms, row.time_ms)
        at_ms = due_ms if due_ms < now_ms else None
        if ended:
            self.learn(key, row, context, now_ms, "timer")
        pack = context.pack
        if pack is not None:
            parts = SESSIONS if ended else 0
            if row.orders is not None and row.orders.matured != matured:
                parts |= ORDERS
            if row.flip_ms <= due_ms:
                parts |= TIME
                row.flip_ms = NEVER_MS  # what is decided now finds the next one
            decide = pack.decide_touched(parts) if row.bits else pack.decide_everything
            if decide is not None:
                self.decide(decide, (key, row, context, now_ms, "timer", at_ms))
        if row.sequence != before or ended:
            row.time_ms = now_ms
            self.effects.counts.timers_fired += 1
        row.timer_ms = min(row.flip_ms, deadline_ms(row))
        if row.voice is not None:
            about = (key, row, context, now_ms, "timer", at_ms)
            wake_ms = row.voice.wake_ms
            row.timer_ms = min(row.timer_ms, self.speak(about) if wake_ms <= now_ms else wake_ms)

    def _cross(self, key: bytes, row: Row, context: Context) -> bool:
        """Take the row over to `context` at its activation; True where that changed the row."""
        now_ms = max(context.active_ms, row.time_ms)
        before, silent_before = row.sequence, silent_of(row)
        former = self.timeline.of(row.activation)
        row.activation = context.number
        moved = False
        record_ms = self.record_ms
        self.record_ms = self.timeline.begun_ms.get(context.number, record_ms)
        pack = context.pack
        about = (key, row, context, now_ms)
        if pack is not None and row.forward_to is None and row.events:
            if context.kind == "definitions":
                moment = Moment(key, row, former, now_ms, "definition")
                self._leave(moment, no_longer_told(row, pack))
                if row.windows or row.past or row.shadows:
                    forget_removed(row, former.pack, pack, self.members)
                row.bits = []
                flip_ms = self.decide(pack.decide_everything, (*about, "definition", None))
                now = moment._replace(context=context)
                for unit, names in too_many_of(pack, row):
                    self._leave(now, names, unit)
                    again_ms = self.decide(pack.decide_everything, (*about, "definition", None))
                    flip_ms = min(flip_ms, again_ms)
                moved = self.count_population(row, context, now_ms)
                row.timer_ms = min(row.timer_ms, flip_ms)
                moved |= self._speak_anew((*about, "definition", None))
            elif context.kind == "past":
                moved = bool(row.filled)
                kept = former.kept_ms, context.kept_ms
                row.filled = {
                    k: v for k, v in row.filled.items() if kept[0].get(k) == kept[1].get(k)
                }
                flip_ms = self.decide(pack.decide_everything, (*about, "definition", None))
                row.timer_ms = min(row.timer_ms, flip_ms)
            elif context.kind == "population":
                flip_ms = self.decide(pack.decide_by_population, (*about, "model", None))
                row.timer_ms = min(row.timer_ms, flip_ms)
                moved = bool(pack.sizes) and self._speak_anew((*about, "model", None))
            elif context.kind == "clusters" and has_behaviour(row):
                self.assign(key, row, context, now_ms, "model")
        self.record_ms = record_ms
        if row.sequence != before:
            row.time_ms = now_ms
        return moved or row.sequence != before or silent_of(row) != silent_before

    def _speak_anew(self, about: About) -> bool:
        """Speak by another version; whether the row is to be kept for it."""
        row = about[1]
        if row.voice is None:
            return False
        row.timer_ms = min(row.timer_ms, self.speak(about))
        return True

    def _leave(self, moment: Moment, names: Iterable[str], unit: Unit | None = None) -> None:
        """Leave what is not defined so any more, by the version that was in force."""
        for name in names:
            self.tell(moment, name, (), NEVER_MS, unit)

    def decide(self, decide: Decide, about: About) -> int:
        """Decide units of the pack in force and tell the changes; the earliest later flip of them.

        The instant of a late event or timer is told as `at_ms` of `about`. The true instant of a
        change that comes of it is that one or later, and is told beside the change's own time.
        """
        _, row, context, now_ms, _, _ = about
        bits, pack = row.bits, context.pack
        if pack is not None and len(bits) != len(pack.units):
            bits = row.bits = [0] * len(pack.units)
            decide = pack.decide_everything
        self._again_ms = NEVER_MS
        flip_ms = decide(row, now_ms, context.thresholds, bits, self._turned, about)
        if self.arbiter.heard is row:
            flip_ms = min(flip_ms, self.speak(about))
        flip_ms = min(flip_ms, self._again_ms)
        row.flip_ms = min(row.flip_ms, flip_ms)
        return flip_ms

    def speak(self, about: About) -> int:
        """Start and withdraw actions; when to ask again, at the latest."""
        return self.arbiter.speak(about, self.effects, self.record_ms)

    def _turned(self, about: About, number: int, old: int, found: int, verdict: int) -> None:
        """Hear that a unit's leaves have other bits than before: its verdict may be another one."""
        key, row, context, now_ms, cause, at_ms = about
        assert context.pack is not None
        unit = context.pack.units[number]
        segments = row.shadows if unit.is_silent else row.segments
        if unit.exclusive:
            if verdict < 0 or (
                unit.clauses[verdict].segment in segments
                and (cause != "definition" or _is_alone(unit, verdict, segments))
            ):
                return
        elif verdict == 0 or (verdict > 0) == (unit.clauses[0].segment in segments):
            return
        if unit.stay is not None and self._waits(about, number, unit.stay, segments):
            return
        if cause == "event" and (old ^ found) & unit.consent_bits:
            cause = "consent"
        true_ms = at_ms and true_instant(unit, row, context.thresholds, verdict, (at_ms, now_ms))
        moment = Moment(key, row, context, now_ms, cause, true_ms)
        self._switch(moment, unit, verdict, (old, found))

    def _waits(self, about: About, number: int, stay: Stay, held: dict[str, int]) -> bool:
        """Whether a turn is too soon; then it is asked for again when it may come.

        An edited definition lets go of whom it no longer means at once, and so does consent.
        """
        _, row, context, now_ms, cause, _ = about
        assert context.pack is not None
        unit = context.pack.units[number]
        segment = unit.clauses[0].segment
        refused = row.bits[number] & unit.consent_bits != unit.consent_bits
        if segment in held and (refused or cause == "definition"):
            return False
        may_ms = may_turn_ms(row, stay, segment, held)
        if may_ms <= now_ms:
            return False
        if may_ms < NEVER_MS:
            row.bits[number] |= WAITING
            self._again_ms = min(self._again_ms, may_ms)
        return True

    def _switch(self, moment: Moment, unit: Unit, verdict: int, bits: tuple[int, int]) -> None:
        """Leave what no longer holds, then enter what does.

        Who leaves a segment of a group for another one is told the other's reasons as well.
        """
        row = moment.row
        thresholds = moment.context.thresholds
        values = unit.values(row, moment.now_ms, thresholds)
        _, flip_ms, _ = unit.evaluate(row, moment.now_ms, thresholds)
        held = row.shadows if unit.is_silent else row.segments
        entering = verdict if unit.exclusive else 0 if verdict > 0 else -1
        for position, clause in enumerate(unit.clauses):
            if position != entering and clause.segment in held:
                reasons = (position, entering) if entering >= 0 else (position,)
                evidence = evidence_of(unit, reasons, bits, values)
                if unit.stay is not None and bits[0] & WAITING:
                    since_ms = held[clause.segment]
                    evidence = (*evidence, waited(unit.stay, since_ms, moment.now_ms))
                self.tell(moment, clause.segment, evidence, flip_ms, unit)
        if entering >= 0 and unit.clauses[entering].segment not in held:
            segment = unit.clauses[entering].segment
            evidence = evidence_of(unit, (entering,), bits, values)
            if unit.stay is not None and bits[0] & WAITING:
                evidence = (*evidence, waited(unit.stay, None, moment.now_ms))
            self.tell(moment, segment, evidence, flip_ms, unit)

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
            del held[segment]
        if unit is not None and unit.stay is not None and unit.stay.remembers:
            remember(row, segment, now_ms, entered=entered)
        self.members[segment] = self.members.get(segment, 0) + (1 if entered else -1)
        if not silent:
            row.sequence += 1
            row.changed_ms = now_ms
            self.changed[key] = row
        customer = key.decode()
        version = context.version_of(segment)
        stamp = context.stamp_of(customer, segment)
        action, withheld = offered(row, context, segment) if entered else ({}, None)
        change = SegmentChanged(
            id=self._change_id(customer, row.sequence, segment, entered, now_ms, version),
            customer=customer,
            segment=segment,
            entered=entered,
            time_ms=now_ms,
            sequence=row.sequence,
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
            not_before_ms=context.not_before_ms(customer, segment, now_ms),
            withheld=withheld,
        )
        (self.effects.shadow_changes if silent else self.effects.changes).append(change)
        if not silent:
            self.arbiter.hear(row, context, change)
            if context.pack is not None and segment in context.pack.sizes:
                self.count_population(row, context, now_ms)

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


def has_behaviour(row: Row) -> bool:
    """Something to cluster by: an ended session or an order."""
    sessions = row.sessions
    if sessions is not None and (sessions.count > 1 or not sessions.open):
        return True
    return row.orders is not None and row.orders.count > 0


def _is_alone(unit: Unit, position: int, segments: Mapping[str, int]) -> bool:
    """Whether of an exclusive group only the one at `position` is a membership."""
    others = unit.clauses[:position] + unit.clauses[position + 1 :]
    return not any(clause.segment in segments for clause in others)
