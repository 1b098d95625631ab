"""One voice: of all actions that a customer's segments ask for, the one that is current.

It hears of each membership that turns, and speaks at the same instant, after all of them. What it
says depends on the row, the definitions in force and the instant alone.

1. An entry asks for its action once, for as long as the change is valid; what is historic or
   initial asks for nothing, and neither does who is in a control group.
2. A message starts when its consent is given, a channel of it is open, its caps leave room, the
   quiet hours are over and its segment is large enough. Until then it waits; where time alone will
   do, the row wakes for it.
3. Of those that can start, the highest priority does, then the earliest entry. It ends the current
   message only where its priority is higher; what was ended does not start again.
4. The current message ends with its membership, its validity, its consent, its definition, or where
   a suppression begins on a channel of it.
5. A suppression asks for no consent, has no caps and no quiet hours, holds from the entry to the
   exit, and keeps messages off its channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from xxhash import xxh3_128_hexdigest

from stream.clock import NEVER_MS
from stream.engine.context import Context
from stream.engine.effects import Effects
from stream.engine.run_mark import sequence_base, started_id
from stream.engine.settings import HISTORIC_AFTER_MS
from stream.events.actions import ActionTurned
from stream.events.changes import SegmentChanged
from stream.segments.voice import SILENCE, SIZE_PREFIX, SUPPRESS, Plan, Play
from stream.state.consents import open_channels, words_of
from stream.state.row import Row
from stream.state.row_parts import Spoken, Voice
from stream.state.shed import shed
from stream.state.voice import free_ms, note_start

WAITING_MAX: Final = 16
"""Entries of one customer whose actions wait; beyond them the least one goes."""

WITHHELD = "consent"
"""Why a change carries no action."""

ANYWHERE = ""
"""The channel of an action that names none: it is enough to agree on one of them."""

_REASONS = frozenset({"consent", "definition", "erasure", "merge"})
"""Causes of an exit that its action's withdrawal names; all others are the exit itself."""

About = tuple[bytes, Row, Context, int, str, int | None]
"""What a decider's `Moment` is made of, before anything has turned: 0.03 us, where one costs
0.28."""


class Arbiter:
    """The rules over one row at a time.

    heard  the row of which something was heard that asks for an answer
    asked  segments of that row that were just entered, and whose action may start
    """

    def __init__(self, incarnation: str) -> None:
        self.incarnation = incarnation
        self.heard: Row | None = None
        self.exits: dict[str, str] = {}
        self.asked: list[str] = []

    def hear(self, row: Row, context: Context, change: SegmentChanged) -> None:
        """Take a membership that has turned."""
        segment, voice = change.segment, row.voice
        if self.heard is not row:
            self.exits, self.asked = {}, []
        if change.entered:
            play = _plan(context).plays.get(segment)
            if play is None or change.historic or change.initial or change.control:
                return
            if voice is None:
                voice = row.voice = Voice()
            until_ms = NEVER_MS if play.suppresses else change.valid_until_ms or NEVER_MS
            voice.waiting[segment] = (change.time_ms, until_ms, change.not_before_ms or 0)
            if len(voice.waiting) > WAITING_MAX:
                plays = _plan(context).plays
                shed("actions_waiting")
                del voice.waiting[max(voice.waiting, key=lambda one: _rank(voice, plays, one))]
            if change.withheld:
                return  # nothing can start by it until there is consent
            self.asked.append(segment)
        elif voice is None:
            return
        else:
            voice.waiting.pop(segment, None)
            if voice.current is None and not voice.suppressing:
                return
            self.exits[segment] = change.cause
        self.heard = row

    def speak(self, about: About, effects: Effects, record_ms: int) -> int:
        """Start and withdraw what is to be; when to ask again, at the latest."""
        voice = about[1].voice
        if voice is None:
            return NEVER_MS
        exits, asked = (self.exits, self.asked) if self.heard is about[1] else ({}, [])
        self.heard, self.exits, self.asked = None, {}, []
        is_old = record_ms - about[3] > HISTORIC_AFTER_MS
        turn = Turn(self.incarnation, about, voice, exits, is_old=is_old)
        wake_ms = turn.run(effects)
        for segment in asked:
            if segment in voice.waiting:
                effects.withheld.append((segment, turn.why_waiting(segment)))
        return wake_ms


class Turn:
    """One row at one instant.

    exits   segments that were just left, each with the cause
    is_old  it is told of so long after that nothing starts any more
    """

    def __init__(
        self, incarnation: str, about: About, voice: Voice, exits: dict[str, str], *, is_old: bool
    ) -> None:
        self.row = about[1]
        self.context = about[2]
        self.now_ms = about[3]
        self.cause = about[4]
        self.voice = voice
        self.plan = _plan(self.context)
        self.customer = about[0].decode()
        self.incarnation = incarnation
        self.exits = exits
        self.is_old = is_old
        self.said: list[ActionTurned] = []

    def run(self, effects: Effects) -> int:
        """All of the rules, in their order."""
        self.drop_stale()
        wake_ms = self.suppressions()
        voice = self.voice
        if voice.current is not None:
            reason = self.reason_to_end(voice.current)
            if reason is not None:
                self.withdraw_current(reason)
        wake_ms = min(wake_ms, self.messages())
        if voice.current is not None:
            wake_ms = min(wake_ms, voice.current.until_ms)
        voice.wake_ms = wake_ms
        if self.said:
            self.row.time_ms = max(self.row.time_ms, self.now_ms)
            effects.actions += self.said
        return wake_ms

    def drop_stale(self) -> None:
        """Forget what is not valid any more."""
        waiting, plays = self.voice.waiting, self.plan.plays
        for segment, (entered_ms, until_ms, _) in list(waiting.items()):
            if (
                until_ms <= self.now_ms
                or segment not in plays
                or self.row.segments.get(segment) != entered_ms
                or self.is_held_out(segment)
            ):
                del waiting[segment]

    def is_held_out(self, segment: str) -> bool:
        return self.context.stamp_of(self.customer, segment).holdout is not None

    def is_large_enough(self, play: Play) -> bool:
        """By the size as of the last closed day; before there is one, nothing is."""
        return self.context.thresholds.get(SIZE_PREFIX + play.segment, 0) >= play.min_size

    # -- suppressions -------------------------------------------------------------------------

    def suppressions(self) -> int:
        """Lift and begin them; when the next one begins by time alone."""
        voice, wake_ms = self.voice, NEVER_MS
        for segment in sorted(voice.suppressing):
            spoken = voice.suppressing[segment]
            reason = self.reason_of_segment(spoken, suppresses=True)
            if reason is not None:
                del voice.suppressing[segment]
                self.withdraw(spoken, "suppress", reason)
        for segment in sorted(voice.waiting):
            play, begins_ms = self.plan.plays[segment], voice.waiting[segment][2]
            if not play.suppresses or not self.is_large_enough(play):
                continue
            if begins_ms > self.now_ms:
                wake_ms = min(wake_ms, begins_ms)
            elif self.is_old:
                del voice.waiting[segment]
            else:
                voice.suppressing[segment] = self.start(play, play.channels)
        return wake_ms

    # -- messages -----------------------------------------------------------------------------

    def messages(self) -> int:
        """Start the best one that can; when by time alone another one may."""
        plays, voice = self.plan.plays, self.voice
        best: str | None = None
        times: dict[str, int] = {}
        for segment in voice.waiting:
            if not plays[segment].suppresses:
                times[segment] = self.start_ms(plays[segment])
                if times[segment] <= self.now_ms and (
                    best is None or _rank(voice, plays, segment) < _rank(voice, plays, best)
                ):
                    best = segment
        current = voice.current
        if best is not None and (
            current is None or plays[best].priority > plays[current.segment].priority
        ):
            if self.is_old:
                del voice.waiting[best]
                return self.messages()
            if current is not None:
                self.withdraw_current("outranked")
            self.start_message(plays[best])
            return self.messages()
        wake_ms = NEVER_MS
        for segment, at_ms in times.items():
            outranks = current is None or plays[segment].priority > plays[current.segment].priority
            if outranks and at_ms < voice.waiting[segment][1]:
                wake_ms = min(wake_ms, at_ms)
        return wake_ms

    def open_to(self, play: Play) -> tuple[str, ...]:
        """The channels that consent and suppressions leave to a message."""
        closed = {c for spoken in self.voice.suppressing.values() for c in spoken.channels}
        found = self.allowed(play, play.channels)
        return tuple(channel for channel in found if channel not in closed)

    def free_ms(self, channel: str) -> int:
        return free_ms(self.voice, channel, self.plan.caps.get(channel))

    def start_ms(self, play: Play) -> int:
        """From when on a message may start, by what is known now; never, where time does not do."""
        channels = self.open_to(play)
        if not channels or not self.is_large_enough(play):
            return NEVER_MS
        at_ms = max(self.now_ms, self.voice.waiting[play.segment][2])
        at_ms = max(at_ms, min(self.free_ms(channel) for channel in channels))
        return self.plan.loud_ms([c for c in channels if self.free_ms(c) <= at_ms], at_ms)

    def why_waiting(self, segment: str) -> str:
        """The first thing in the way of an action that waits."""
        play = self.plan.plays[segment]
        if not self.is_large_enough(play):
            return "min_size"
        if self.voice.waiting[segment][2] > self.now_ms:
            return "jitter"
        channels = self.open_to(play)
        if not channels:
            return "suppressed" if self.allowed(play, play.channels) else WITHHELD
        free = [c for c in channels if self.free_ms(c) <= self.now_ms]
        if not free:
            return "cap"
        return "quiet_hours" if self.plan.loud_ms(free, self.now_ms) > self.now_ms else "outranked"

    def allowed(self, play: Play, channels: tuple[str, ...]) -> tuple[str, ...]:
        """The channels that consent leaves to a message."""
        words = words_of(self.row, self.plan.meanings)
        return open_channels(words, channels, play.consent, self.plan.allows_silence)

    def start_message(self, play: Play) -> None:
        channels = tuple(c for c in self.open_to(play) if self.free_ms(c) <= self.now_ms)
        self.voice.current = self.start(play, channels)
        for channel in channels:
            note_start(self.voice, channel, self.now_ms)

    def reason_to_end(self, spoken: Spoken) -> str | None:
        """Why a message is not current any more; None: it is."""
        reason = self.reason_of_segment(spoken, suppresses=False)
        if reason is not None:
            return reason
        if spoken.until_ms <= self.now_ms:
            return "expired"
        play = self.plan.plays[spoken.segment]
        if len(self.allowed(play, spoken.channels)) < len(spoken.channels):
            return "consent"
        closed = {c for one in self.voice.suppressing.values() for c in one.channels}
        return None if closed.isdisjoint(spoken.channels) else "suppressed"

    def withdraw_current(self, reason: str) -> None:
        assert self.voice.current is not None
        self.withdraw(self.voice.current, "message", reason)
        self.voice.current = None

    # -- both ---------------------------------------------------------------------------------

    def reason_of_segment(self, spoken: Spoken, *, suppresses: bool) -> str | None:
        """Why its segment does not ask for it any more: left, edited, or held out."""
        segment = spoken.segment
        if self.row.segments.get(segment) != spoken.entered_ms:
            cause = self.exits.get(segment, self.cause)
            return cause if cause in _REASONS else "exited"
        play = self.plan.plays.get(segment)
        if play is None or play.suppresses != suppresses:
            return "definition"
        return "control" if self.is_held_out(segment) else None

    def start(self, play: Play, channels: tuple[str, ...]) -> Spoken:
        voice, segment = self.voice, play.segment
        entered_ms, until_ms, _ = voice.waiting.pop(segment)
        voice.sequence += 1
        version = self.context.told_of(segment).version
        facts = (segment, voice.sequence, self.now_ms, entered_ms, until_ms, version, channels)
        spoken = Spoken(*facts)
        self.said.append(
            ActionTurned(
                id=self.id_of(spoken),
                customer=self.customer,
                segment=segment,
                started=True,
                time_ms=self.now_ms,
                sequence=sequence_base(self.incarnation) + voice.sequence,
                definition=version,
                kind=play.kind,
                cause=self.cause,
                channels=channels,
                purpose=play.purpose,
                priority=play.priority,
                variant=self.context.stamp_of(self.customer, segment).variant,
                valid_until_ms=until_ms if until_ms < NEVER_MS else None,
                action={**play.content, "channels": channels},
            )
        )
        return spoken

    def withdraw(self, spoken: Spoken, kind: str, reason: str) -> None:
        voice = self.voice
        voice.sequence += 1
        started = self.id_of(spoken)
        self.said.append(
            ActionTurned(
                id=xxh3_128_hexdigest(f"{started}\0withdrawn\0{voice.sequence}".encode()),
                customer=self.customer,
                segment=spoken.segment,
                started=False,
                time_ms=self.now_ms,
                sequence=sequence_base(self.incarnation) + voice.sequence,
                definition=spoken.definition,
                kind=kind,
                cause=self.exits.get(spoken.segment, self.cause),
                channels=spoken.channels,
                reason=reason,
                of=started,
            )
        )

    def id_of(self, spoken: Spoken) -> str:
        """The same for the same start, whenever it is asked for."""
        return spoken.id or started_id(self.customer, self.incarnation, spoken)


def _plan(context: Context) -> Plan:
    return SILENCE if context.pack is None else context.pack.voice


def _rank(voice: Voice, plays: Mapping[str, Play], segment: str) -> tuple[int, int, str]:
    """Least is first: the highest priority, then the earliest entry."""
    play = plays.get(segment)
    return (-play.priority if play else 1, voice.waiting[segment][0], segment)


def offered(row: Row, context: Context, segment: str) -> tuple[dict[str, Any], str | None]:
    """The action that a change to a segment carries, and why it carries none.

    Only what consent leaves of its channels; what else may keep it, the arbiter knows.
    """
    action, plan = context.told_of(segment).action, _plan(context)
    if not action or action.get("kind") == SUPPRESS:
        return action, None
    play, words = plan.plays.get(segment), words_of(row, plan.meanings)
    named = (ANYWHERE,) if play is None else play.channels
    channels = open_channels(words, named, action.get("consent"), plan.allows_silence)
    if len(channels) < len(named):
        return ({**action, "channels": channels}, None) if channels else ({}, WITHHELD)
    return action, None


def waiting(about: About) -> list[tuple[str, str, int | None]]:
    """Actions that wait: segment, what is in the way, and when time alone takes that away."""
    found: list[tuple[str, str, int | None]] = []
    voice = about[1].voice
    if voice is not None:
        turn = Turn("", about, voice, {}, is_old=False)
        for segment in sorted(s for s in voice.waiting if s in turn.plan.plays):
            why = turn.why_waiting(segment)
            at_ms = turn.start_ms(turn.plan.plays[segment])
            if why == "jitter" and turn.plan.plays[segment].suppresses:
                at_ms = voice.waiting[segment][2]
            found.append((segment, why, at_ms if about[3] < at_ms < NEVER_MS else None))
    return found
