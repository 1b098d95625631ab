"""One row at one instant: evaluate, tell what changed, and set the next wake-up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stream.clock import NEVER_MS
from stream.engine.arbiter import About
from stream.engine.context import Context
from stream.engine.crossing import forget_removed, no_longer_told, silent_of, too_many_of
from stream.engine.evidence import evidence_of, true_instant
from stream.engine.hysteresis import WAITING, may_turn_ms, waited
from stream.engine.quarantine import release
from stream.engine.settings import EngineSettings
from stream.engine.telling import Moment, Teller, has_behaviour
from stream.engine.timeline import Timeline
from stream.segments.compiler import is_known_out
from stream.segments.decision import Decide
from stream.segments.stay import Stay
from stream.segments.unit import Unit
from stream.state.fold import ORDERS, SESSIONS, TIME, deadline_ms, expire
from stream.state.row import Row


class Decider(Teller):
    """Evaluates rows of one partition, at their events, timers and versions."""

    def __init__(self, settings: EngineSettings, timeline: Timeline) -> None:
        super().__init__(settings)
        self.timeline = timeline
        self._again_ms = NEVER_MS

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
        if row.pace is not None and release(
            self, Moment(key, row, context, now_ms, "timer", at_ms)
        ):
            row.time_ms = now_ms
        pack = context.pack
        if pack is not None:
            parts = SESSIONS if ended else 0
            if row.orders is not None and row.orders.matured != matured:
                parts |= ORDERS
            self._decide_due(parts, due_ms, (key, row, context, now_ms, "timer", at_ms))
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
                flip_ms = self.decide_all((*about, "definition", None))
                now = moment._replace(context=context)
                for unit, names in too_many_of(pack, row):
                    self._leave(now, names, unit)
                    again_ms = self.decide_all((*about, "definition", None))
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
                flip_ms = self.decide_all((*about, "definition", None))
                row.timer_ms = min(row.timer_ms, flip_ms)
            elif context.kind == "population":
                # Where time turns something at this very instant, that is told of it as well.
                is_due = row.flip_ms <= now_ms
                decide = pack.decide_by_population if is_due else pack.decide_standing
                flip_ms = self._decide([decide], (*about, "model", None))
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

    def decide_all(self, about: About) -> int:
        """Decide every unit anew and tell the changes; the earliest later flip of a unit."""
        row, pack = about[1], about[2].pack
        assert pack is not None
        if len(row.bits) != len(pack.units):
            row.bits = [0] * len(pack.units)
        row.flips, row.flip_ms = {}, NEVER_MS
        return self._decide([pack.decide_everything], about)

    def decide_event(self, parts: int, about: About) -> int:
        """Decide what reads one of the parts that an event has changed of a row.

        The instant of a late event or timer is told as `at_ms` of `about`. The true instant of a
        change that comes of it is that one or later, and is told beside the change's own time.
        """
        _, row, context, _, _, _ = about
        assert context.pack is not None
        if not row.bits:
            row.flips = {}
        decide = context.pack.decide_event(row, parts, context.thresholds)
        return NEVER_MS if decide is None else self._decide((decide,), about)

    def _decide_touched(self, parts: int, about: About) -> None:
        """Decide what reads one of these parts, of a row whose timers have fired."""
        row, pack = about[1], about[2].pack
        assert pack is not None
        if len(row.bits) != len(pack.units):
            self.decide_all(about)
            return
        decide = pack.decide_touched(parts)
        if decide is not None:
            self._decide((decide,), about)

    def _decide_due(self, parts: int, due_ms: int, about: About) -> None:
        """Decide what time has turned by `due_ms`, and what reads one of these parts.

        Of a row that was packed only the earliest flip is known, and not whose it is.
        """
        row, pack = about[1], about[2].pack
        assert pack is not None
        if row.flip_ms > due_ms:
            self._decide_touched(parts, about)
            return
        row.flip_ms = NEVER_MS  # what is decided now finds the next one
        flips = row.flips
        if flips is None or len(row.bits) != len(pack.units):
            row.flips = {}
            self._decide_touched(parts | TIME, about)
            return
        due = [unit for unit, flip_ms in flips.items() if flip_ms <= due_ms]
        for unit in due:
            del flips[unit]
        self._decide(pack.decide_due(due, parts), about)
        row.flip_ms = min(flips.values()) if flips else NEVER_MS

    def _decide(self, decides: Iterable[Decide], about: About) -> int:
        """Decide, tell the changes, and give the earliest later flip of what is decided."""
        _, row, context, now_ms, _, _ = about
        if context.pack is not None and len(row.bits) != len(context.pack.units):
            return self.decide_all(about)
        flips = {} if row.flips is None else row.flips
        thresholds, turned = context.thresholds, self._turned
        self._again_ms = earliest_ms = NEVER_MS
        for decide in decides:
            flip_ms = decide(row, now_ms, thresholds, row.bits, flips, turned, about)
            earliest_ms = min(earliest_ms, flip_ms)
        earliest_ms = min(earliest_ms, self._again_ms)
        row.flip_ms = min(row.flip_ms, earliest_ms)
        if self.arbiter.heard is row:  # its wake-ups are the voice's own, and turn nothing
            earliest_ms = min(earliest_ms, self.speak(about))
        return earliest_ms

    def speak(self, about: About) -> int:
        """Start and withdraw actions; when to ask again, at the latest."""
        return self.arbiter.speak(about, self.effects, self.record_ms)

    def _turned(self, about: About, number: int, old: int, found: int, verdict: int) -> None:
        """Hear that a unit's verdict is another one than before, or may be, of a group."""
        key, row, context, now_ms, cause, at_ms = about
        assert context.pack is not None
        unit = context.pack.units[number]
        segments = row.shadows if unit.is_silent else row.segments
        if unit.exclusive and verdict < 0:
            if not any(
                clause.segment in segments and is_known_out(verdict, position)
                for position, clause in enumerate(unit.clauses)
            ):
                return
        elif (
            unit.exclusive
            and unit.clauses[verdict].segment in segments
            and (cause != "definition" or _is_alone(unit, verdict, segments))
        ):
            return
        if unit.stay is not None and self._waits(about, number, unit.stay, segments):
            return
        if cause == "event" and (old ^ found) & unit.consent_bits:
            cause = "consent"
        true_ms = at_ms and true_instant(unit, row, context.thresholds, verdict, (at_ms, now_ms))
        moment = Moment(key, row, context, now_ms, cause, true_ms)
        flip_ms = 0 if row.flips is None else row.flips.get(number, NEVER_MS)
        if not flip_ms or unit.stay is not None:
            _, flip_ms, _ = unit.evaluate(row, now_ms, context.thresholds)
        self._switch(moment, unit, verdict, (old, found), flip_ms)

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
            if row.flips is not None:
                row.flips[number] = min(row.flips.get(number, NEVER_MS), may_ms)
        return True

    def _switch(
        self, moment: Moment, unit: Unit, verdict: int, bits: tuple[int, int], flip_ms: int
    ) -> None:
        """Leave what no longer holds, then enter what does.

        Who leaves a segment of a group for another one is told the other's reasons as well.
        """
        row = moment.row
        values = unit.values(row, moment.now_ms, moment.context.thresholds)
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


def _is_alone(unit: Unit, position: int, segments: Mapping[str, int]) -> bool:
    """Whether of an exclusive group only the one at `position` is a membership."""
    others = unit.clauses[:position] + unit.clauses[position + 1 :]
    return not any(clause.segment in segments for clause in others)
