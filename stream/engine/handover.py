"""What the run that served until now has said, taken over by the run that serves from now on.

A run that catches up decides actions and tells nobody, so at the switch readers know those of the
former run alone. A `Handover` in the log of each customer to whom either has something to say puts
that right, at the same place in a replay.

1. What this run had started or let wait before it served is dropped: nobody knows of it.
2. What the former had started is as if it were started here, under the id that readers know. The
   arbiter then withdraws what is not valid any more, as always, and what waits may start.
3. What was told between the switch and the record stays, but of two messages the one of the higher
   priority, and of two suppressions of one membership the former's.
4. The caps know the former run's starts, and this one's that were told.
5. Of a customer who is none here, an alias or of before an erasure, all is withdrawn.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from stream.engine.arbiter import WAITING_MAX, About, Turn
from stream.engine.erasure import Erasure
from stream.engine.passage import Passage
from stream.engine.settings import HISTORIC_AFTER_MS
from stream.events.records import Handover
from stream.segments.voice import SUPPRESS
from stream.state.row import Row
from stream.state.row_parts import Spoken, Voice
from stream.state.shed import shed
from stream.state.voice import CHANNELS_MAX, STARTS_MAX, unpack_voice

CAUSE = "definition"
"""What decides has changed, as with new definitions."""


class Handovers:
    """Takes them into the rows of one partition."""

    def __init__(self, passage: Passage, erasure: Erasure) -> None:
        self.store = passage.store
        self.timers = passage.timers
        self.timeline = passage.timeline
        self.decider = passage.decider
        self.passage = passage
        self.erasure = erasure

    def take(self, key: bytes, record: Handover, clock_ms: int) -> None:
        """Take one in; it has no effect on anything but what is said."""
        self.decider.effects.counts.control += 1
        former, own = unpack_voice(record.voice), unpack_voice(record.own)
        erased_ms = self.erasure.erased_ms(key)
        row = self.store.get(key)
        if row is None:
            self._end_nobodys(key, former, max(clock_ms, record.time_ms), erased_ms)
            return
        if self.passage.is_open:
            self.passage.cross_row(key, row)
        timer_ms, now_ms = row.timer_ms, max(clock_ms, row.time_ms)
        self.store.touch(key, row)
        self.decider.advance(key, row, now_ms)
        if row.voice is None:
            row.voice = Voice()
        _drop_untold(row.voice, own)
        context = self.timeline.of(row.activation)
        self._end((key, row, context, now_ms, "erasure", None), _before(former, erased_ms))
        if row.forward_to is not None:
            self._end((key, row, context, now_ms, "merge", None), former)
        else:
            self._go_on((key, row, context, now_ms, CAUSE, None), former)
        if row.timer_ms != timer_ms:
            self.timers.schedule(key, row.timer_ms)

    def _end_nobodys(self, key: bytes, former: Voice, now_ms: int, erased_ms: int) -> None:
        """Withdraw what was said to whom this run does not know."""
        row = Row(activation=self.timeline.at(now_ms).number)
        count = len(former.suppressing) + (former.current is not None)
        said = self.erasure.count_said(key, count)
        # Without a number of its own, it goes between those of the two runs.
        row.voice = Voice(sequence=-count if said is None else said)
        context = self.timeline.of(row.activation)
        self._end((key, row, context, now_ms, "erasure", None), _before(former, erased_ms))
        self._end((key, row, context, now_ms, CAUSE, None), former)

    def _end(self, about: About, former: Voice) -> None:
        """Withdraw all that was started, for the cause that is its reason as well."""
        _, row, _, _, reason, _ = about
        assert row.voice is not None
        turn = self._turn(about, row.voice)
        for segment in sorted(former.suppressing):
            turn.withdraw(former.suppressing[segment], SUPPRESS, reason)
        if former.current is not None:
            turn.withdraw(former.current, "message", reason)
        if turn.said:
            row.time_ms = max(row.time_ms, turn.now_ms)
            self.decider.effects.actions += turn.said

    def _turn(self, about: About, voice: Voice) -> Turn:
        is_old = self.decider.record_ms - about[3] > HISTORIC_AFTER_MS
        return Turn(self.decider.arbiter.incarnation, about, voice, {}, is_old=is_old)

    def _go_on(self, about: About, former: Voice) -> None:
        """Take the voice over, and speak."""
        row = about[1]
        voice = row.voice
        assert voice is not None
        turn = self._turn(about, voice)
        for segment in sorted(former.suppressing):
            _adopt_suppression(turn, _adopted(former.suppressing[segment], voice))
        if former.current is not None:
            _adopt_message(turn, _adopted(former.current, voice))
        _merge_waiting(voice, former)
        _merge_starts(voice, former)
        row.timer_ms = min(row.timer_ms, turn.run(self.decider.effects))


def _before(former: Voice, erased_ms: int) -> Voice:
    """Split off what was said to whom the customer was before an erasure."""
    gone = Voice()
    if erased_ms < 0:
        return gone
    if former.current is not None and former.current.time_ms <= erased_ms:
        gone.current, former.current = former.current, None
    for segment, spoken in list(former.suppressing.items()):
        if spoken.time_ms <= erased_ms:
            gone.suppressing[segment] = former.suppressing.pop(segment)
    for channel, starts in list(former.starts.items()):
        former.starts[channel] = [at_ms for at_ms in starts if at_ms > erased_ms]
    former.starts = {channel: starts for channel, starts in former.starts.items() if starts}
    return gone


def _drop_untold(voice: Voice, own: Voice) -> None:
    """Forget what was decided while nobody was told; what came since then stays."""
    if voice.current is not None and voice.current.sequence <= own.sequence:
        voice.current = None
    suppressing, waiting = voice.suppressing.items(), voice.waiting.items()
    voice.suppressing = {s: one for s, one in suppressing if one.sequence > own.sequence}
    voice.waiting = {s: entry for s, entry in waiting if own.waiting.get(s) != entry}
    since: dict[str, list[int]] = {}
    for channel, starts in voice.starts.items():
        told = Counter(starts) - Counter(own.starts.get(channel, ()))
        if told:
            since[channel] = sorted(told.elements())
    voice.starts = since


def _adopted(spoken: Spoken, voice: Voice) -> Spoken:
    """As if it were the latest thing that this run said; its id is the former's."""
    return msgspec.structs.replace(spoken, sequence=voice.sequence)


def _adopt_suppression(turn: Turn, former: Spoken) -> None:
    """Let it hold; where one was told since, the former's does, if it is of the same membership."""
    holding, segment = turn.voice.suppressing, former.segment
    reason = None
    if segment in holding:
        reason = turn.reason_of_segment(former, suppresses=True)
        ends = holding[segment] if reason is None else former
        turn.withdraw(ends, SUPPRESS, reason or "outranked")
    if reason is None:
        holding[segment] = former


def _adopt_message(turn: Turn, former: Spoken) -> None:
    """Make it the current one, or what was told since, where that stands above it."""
    voice = turn.voice
    told, voice.current = voice.current, former
    if told is None:
        return
    reason = turn.reason_to_end(former)
    plays = turn.plan.plays
    if reason is None and told.segment in plays:
        outranks = plays[told.segment].priority > plays[former.segment].priority
        reason = "outranked" if outranks else None
    if reason is None:
        turn.withdraw(told, "message", "outranked")
    else:
        turn.withdraw_current(reason)
        voice.current = told


def _merge_waiting(voice: Voice, former: Voice) -> None:
    waiting = {**former.waiting, **voice.waiting}
    for segment in list(waiting)[: max(0, len(waiting) - WAITING_MAX)]:
        shed("actions_waiting")
        del waiting[segment]
    voice.waiting = waiting


def _merge_starts(voice: Voice, former: Voice) -> None:
    starts = voice.starts
    for channel, theirs in former.starts.items():
        if channel in starts or len(starts) < CHANNELS_MAX:
            starts[channel] = sorted([*theirs, *starts.get(channel, ())])[-STARTS_MAX:]
        else:
            shed("voice_channels")
