"""What is said to a customer at an instant, what is kept from being said, and what waits."""

from __future__ import annotations

import msgspec

from stream.clock import NEVER_MS
from stream.engine.arbiter import waiting
from stream.explain.ways import Place
from stream.segments.voice import SUPPRESS
from stream.state.row_parts import Spoken


class Action(msgspec.Struct, frozen=True):
    """An action that was started, and not withdrawn since; `until_ms` None: until the exit."""

    segment: str
    kind: str
    channels: tuple[str, ...]
    since_ms: int
    until_ms: int | None
    variant: str | None
    message: str | None


class Waiting(msgspec.Struct, frozen=True):
    """An action that its segment's entry has asked for, and that has not started.

    why        min_size, jitter, consent, suppressed, cap, quiet_hours or outranked
    not_before_ms  when time alone takes that away; None: it does not
    until_ms   when it is not worth starting any more; None: at the exit
    """

    segment: str
    why: str
    not_before_ms: int | None
    until_ms: int | None


class Voices(msgspec.Struct, frozen=True):
    """The one message that is current, suppressions that hold, and what waits."""

    current: Action | None = None
    suppressing: tuple[Action, ...] = ()
    waits: tuple[Waiting, ...] = ()


def voices_at(place: Place) -> Voices:
    """What the arbiter has decided for a row that stands at the instant."""
    key, row, context, now_ms = place
    voice = row.voice
    if voice is None:
        return Voices()

    def action(spoken: Spoken, kind: str) -> Action:
        segment = spoken.segment
        return Action(
            segment, kind, spoken.channels, spoken.time_ms, _ends(spoken.until_ms),
            context.stamp_of(key.decode(), segment).variant,
            context.told_of(segment).action.get("message"),
        )  # fmt: skip

    return Voices(
        None if voice.current is None else action(voice.current, "message"),
        tuple(action(voice.suppressing[s], SUPPRESS) for s in sorted(voice.suppressing)),
        tuple(
            Waiting(segment, why, not_before_ms, _ends(voice.waiting[segment][1]))
            for segment, why, not_before_ms in waiting((key, row, context, now_ms, "timer", None))
        ),
    )


def _ends(until_ms: int) -> int | None:
    return until_ms if until_ms < NEVER_MS else None
