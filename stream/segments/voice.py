"""What may be said to customers, how often and when: the enabled actions of a definitions file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from stream.clock import DAY_MS, MINUTE_MS
from stream.events.consent import CHANNELS
from stream.segments.consent import meanings_of
from stream.segments.definition import Definition, Document
from stream.segments.kinds import Duration
from stream.segments.local_time import LocalClock, zone_of
from stream.segments.source import Source
from stream.state.consents import Meanings
from stream.state.row import Row
from stream.state.voice import CHANNELS_MAX, STARTS_MAX

SUPPRESS = "suppress"
KINDS = ("message", SUPPRESS)

SIZE_PREFIX = "#"
"""Before a segment's name: its size, among the histograms of partitions and the thresholds."""

CALM = frozenset({"onsite", "retargeting", "ads"})
"""Channels that wake nobody: quiet hours are not theirs."""

_STEP_MS = 15 * MINUTE_MS
"""Offsets of time zones are multiples of it, so full hours are at such instants."""

_CAP = re.compile(r"(?P<count>\d{1,3})\s+per\s+(?P<time>.+)", re.DOTALL)


class Play(msgspec.Struct, frozen=True):
    """The enabled action of a segment, as the arbiter needs it.

    purpose   legal purpose of a suppression; the consent that a message needs
    content   the action as it is told
    """

    segment: str
    kind: str
    priority: int
    channels: tuple[str, ...]
    consent: str | None
    purpose: str | None
    min_size: int
    content: dict[str, Any]

    @property
    def suppresses(self) -> bool:
        """Whether it keeps others from speaking, and says nothing itself."""
        return self.kind == SUPPRESS


class Plan:
    """All of it.

    plays           segment -> its action, for those that are on
    caps            channel -> how many starts in how many milliseconds
    allows_silence  whether who has said nothing of consent counts as agreeing
    meanings        what the shop's own categories and traits say of consent, if it has some
    """

    def __init__(
        self,
        plays: Mapping[str, Play],
        caps: Mapping[str, tuple[int, int]],
        quiet_hours: tuple[int, int] | None,
        clock: LocalClock,
        *,
        allows_silence: bool,
        meanings: Meanings | None = None,
    ) -> None:
        self.plays = plays
        self.caps = caps
        self.allows_silence = allows_silence
        self.meanings = meanings
        self._quiet_hours = quiet_hours
        self._clock = clock

    def loud_ms(self, channels: Iterable[str], at_ms: int) -> int:
        """The first instant from `at_ms` on at which nobody is disturbed by these channels.

        The hours are of the shop's clock: on the day on which one of them is skipped or comes
        twice, the night is shorter or longer.
        """
        if self._quiet_hours is None or CALM.issuperset(channels):
            return at_ms
        for _ in range(2 * DAY_MS // _STEP_MS):
            if not self._is_quiet(at_ms):
                return at_ms
            at_ms += _STEP_MS - at_ms % _STEP_MS
        return at_ms

    def _is_quiet(self, at_ms: int) -> bool:
        assert self._quiet_hours is not None
        begin, end = self._quiet_hours
        hour = self._clock.at(at_ms).hour
        return begin <= hour < end if begin < end else hour >= begin or hour < end


SILENCE = Plan({}, {}, None, LocalClock(zone_of("UTC")), allows_silence=False)
"""Where nothing is defined."""


def is_member(segment: str) -> Callable[[Row], int]:
    """Counts a row where it is a member."""
    return lambda row: int(segment in row.segments)


def voice_of(source: Source, document: Document, settings: Mapping[str, float]) -> Plan:
    """The plan of a document.

    Raises
    ------
    DefinitionError
        Naming file, line, field, and what to write instead.
    """
    caps: dict[str, tuple[int, int]] = {}
    if len(document.voice.caps) > CHANNELS_MAX:
        raise source.error(("voice", "caps"), f"names more than {CHANNELS_MAX} channels; keep few")
    for channel, text in document.voice.caps.items():
        caps[channel] = _cap(source, channel, text, settings)
    hours = document.voice.quiet_hours
    if hours is not None and hours[0] == hours[1]:
        raise source.error(("voice", "quiet_hours"), "begin and end at one hour; write two")
    plays: dict[str, Play] = {}
    for at, definition in enumerate(document.segments):
        if definition.action.kind not in KINDS:
            path = ("segments", at, "action", "kind")
            raise source.error(path, f"{definition.action.kind!r} is none; write message, suppress")
        play = _play(definition)
        if play is not None:
            plays[play.segment] = play
    clock = LocalClock(zone_of(document.timezone))
    return Plan(
        plays,
        caps,
        hours,
        clock,
        allows_silence=document.consent_default == "allow",
        meanings=meanings_of(source, document),
    )


def _cap(source: Source, channel: str, text: str, settings: Mapping[str, float]) -> tuple[int, int]:
    path = ("voice", "caps", channel)
    if channel not in CHANNELS:
        names = ", ".join(sorted(CHANNELS))
        raise source.error(path, f"{channel!r} is no channel of messages; there are {names}")
    found = _CAP.fullmatch(text.strip())
    if found is None or not 1 <= int(found["count"]) <= STARTS_MAX:
        raise source.error(
            path, f"{text!r} is no cap; write one like 2 per 7 * DAY, of at most {STARTS_MAX}"
        )
    per_ms = source.number(path, found["time"], settings)
    if not isinstance(per_ms, Duration) or per_ms <= 0:
        raise source.error(path, f"{found['time']!r} is no time; write one like 7 * DAY")
    return int(found["count"]), int(per_ms)


def _play(definition: Definition) -> Play | None:
    action = definition.action
    if not action.enabled or not action.channels or definition.shadow:
        return None
    return Play(
        definition.name,
        action.kind,
        definition.priority,
        action.channels,
        action.consent,
        action.purpose if action.kind == SUPPRESS else action.consent,
        action.min_size,
        msgspec.to_builtins(action),
    )
