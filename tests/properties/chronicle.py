"""What a customer is a member of, worked out plainly: by going through all instants of a life.

At each instant at which anything could turn, every condition is asked anew of the plain interpreter
over all events. Nothing is kept of an event but the event itself, no flip is derived, no row is
packed: it is what the engine's timers have to come to.
"""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

from stream.clock import NEVER_MS
from tests.properties.defined import Defined
from tests.properties.interpreter import Happened, Interpreter, all_of, any_of
from tests.properties.spoken import SETTINGS
from tests.state.shopping import MICROS

BERLIN = ZoneInfo("Europe/Berlin")
TOP = 15
"""Revenue above which a customer is among the top tenth."""


UNSURE = -1


class Told(NamedTuple):
    """A turn of a membership; `at_ms` is since when it has been so, where that is before it.

    `UNSURE` stands for an instant before it that the row could not know any more.
    """

    segment: str
    entered: bool
    time_ms: int
    cause: str
    at_ms: int | None = None


class Chronicle:
    """One customer's life as far as it is known.

    events   that are known, in the order in which they came
    members  segment -> since when
    turns    all that have been
    flips    instants at which time or an event gave a definition another truth
    past     segment -> when it was last entered and left
    """

    def __init__(self, definitions: list[Defined]) -> None:
        self.units = _in_order(definitions)
        self.events: list[Happened] = []
        self.members: dict[str, int] = {}
        self.turns: list[Told] = []
        self.flips: set[int] = set()
        self.now_ms = 0
        self.past: dict[str, tuple[int, int]] = {}
        self._agenda: set[int] = set()
        self._said: dict[str, list[int]] = {}
        self._late_ms: int | None = None
        self._asks_for_gone = False

    def advance(self, until_ms: int) -> None:
        """Let time pass: at each instant at which something could turn, everything is asked."""
        while due := [at for at in self._agenda if self.now_ms < at <= until_ms]:
            self.decide(min(due), "timer")
        self.now_ms = max(self.now_ms, until_ms)

    def hear(self, event: Happened, own_ms: int = 0) -> None:
        """Take an event in, at its time or, where the customer is past it, at the customer's own.

        Between that and now nothing has turned: what the event makes turn there comes of `advance`.
        """
        if event.time_ms > self.now_ms:
            self.advance(event.time_ms if self.events else 0)
            self.now_ms = event.time_ms
        else:
            self.now_ms = max(event.time_ms, own_ms)
        self._late_ms = event.time_ms if event.time_ms < self.now_ms else None
        self.events.append(event)
        self.decide(self.now_ms, "event")
        self._late_ms = None

    def decide(self, now_ms: int, cause: str) -> None:
        """Ask every definition at this instant, those first that others ask for."""
        self.now_ms = now_ms
        self._agenda = set()
        for unit in self.units:
            said = self._ask(unit, now_ms)
            if self._said.get(unit[0].name) != said:
                self._said[unit[0].name] = said
                self.flips.add(now_ms)
            turning = [
                n for n, one in enumerate(unit) if said[n] and (said[n] > 0) != self.has(one)
            ]
            if not turning:
                continue
            may_ms = self._may_turn_ms(unit[0])
            if may_ms > now_ms:
                self._agenda.add(may_ms)
                continue
            # Who changes over in a group does it for the reasons of the one that takes over.
            decisive = next((n for n in turning if said[n] > 0), turning[0])
            at_ms = self._since(unit, decisive, said[decisive], may_ms)
            for n in turning:
                self.switch(unit[n].name, cause, at_ms)

    def has(self, one: Defined) -> bool:
        return one.name in self.members

    def switch(self, name: str, cause: str, at_ms: int | None = None) -> None:
        """Turn a membership over."""
        entered = name not in self.members
        before = self.past.get(name, (0, 0))
        if entered:
            self.members[name] = self.now_ms
            self.past[name] = self.now_ms, before[1]
        else:
            del self.members[name]
            self.past[name] = before[0], self.now_ms
        self.turns.append(Told(name, entered, self.now_ms, cause, at_ms))

    def take_over(self, other: Chronicle, now_ms: int) -> None:
        """Be the one person that both are from now on; `other` leaves what it is a member of.

        What the other was in goes on where it holds and may: no leaving, and no second entry.
        """
        self.advance(now_ms)
        entered = {name: other.past[name][0] for name in other.members}
        for name in sorted(other.members):
            other.now_ms = now_ms
            other.switch(name, "merge")
        self.events += other.events
        for name, (entered_ms, left_ms) in other.past.items():
            if name not in entered and name not in self.members:
                before = self.past.get(name, (0, 0))
                self.past[name] = max(before[0], entered_ms), max(before[1], left_ms)
        own = dict(self.past)
        self.decide(now_ms, "merge")
        rules = {one.name: one for unit in self.units for one in unit}
        for name, entered_ms in entered.items():
            before = own.get(name, (0, 0))
            if name in self.members:
                self.past[name] = min(self.past[name][0], entered_ms), before[1]
            elif self._may_turn_ms(rules[name]) <= now_ms:
                self.past[name] = max(before[0], entered_ms), now_ms

    def _ask(self, unit: list[Defined], clock_ms: int) -> list[int]:
        """What a unit says of all that is known when the clock is there; notes when to ask again.

        Of each definition 1 for in, -1 for out, 0 where neither is known; of a group only the first
        one that holds is in, and the others are out.
        """
        plain = Interpreter(
            self.events, clock_ms, SETTINGS, BERLIN, lambda name: name in self.members,
            TOP * MICROS, known_ms=self.now_ms,
        )  # fmt: skip
        said = [verdict_of(one, plain) for one in unit]
        self._asks_for_gone |= plain.asks_for_gone
        self._agenda |= {mark + by for mark in plain.marks for by in (0, 1)}
        self._agenda |= {at for one in unit for at in (one.begins_ms, one.ends_ms) if at}
        if unit[0].group is None or 1 not in said:
            return said
        return [1 if n == said.index(1) else -1 for n in range(len(said))]

    def _since(self, unit: list[Defined], at: int, said: int, may_ms: int) -> int | None:
        """Since when a late event's news has been so, by all that is known now and unbroken."""
        if self._late_ms is None:
            return None
        self._asks_for_gone = False
        kept, self._agenda = self._agenda, set()
        at_ms, since_ms = max(self._late_ms, may_ms), None
        while at_ms < self.now_ms:
            found = self._ask(unit, at_ms)[at]
            if found == said:
                since_ms = at_ms if since_ms is None else since_ms
            elif found:
                since_ms = None
            at_ms = min([at for at in self._agenda if at > at_ms], default=self.now_ms)
        self._agenda = kept
        return UNSURE if self._asks_for_gone else since_ms

    def _may_turn_ms(self, one: Defined) -> int:
        """From when on its membership may turn."""
        if one.name in self.members:
            return self.members[one.name] + one.stay_ms if one.stay_ms else 0
        entered_ms, left_ms = self.past.get(one.name, (0, 0))
        again_ms = left_ms + one.cooldown_ms if left_ms and one.cooldown_ms else 0
        if entered_ms and one.again_ms:
            again_ms = max(again_ms, min(entered_ms + one.again_ms, NEVER_MS))
        return again_ms


def verdict_of(one: Defined, plain: Interpreter) -> int:
    """1 for in, -1 for out, 0 where neither is known."""
    now_ms = plain.now_ms
    begun = one.begins_ms is None or now_ms >= one.begins_ms
    ended = one.ends_ms is not None and now_ms >= one.ends_ms
    entering = all_of([plain.of(one.enter), begun, not ended])
    leaving = entering is False
    if one.leave is not None:
        leaving = any_of([plain.of(one.leave), ended]) is True
    return -1 if leaving else 1 if entering else 0


def _in_order(definitions: list[Defined]) -> list[list[Defined]]:
    """What is decided together, each after all that it asks for."""
    together: dict[str, list[Defined]] = {}
    for one in definitions:
        together.setdefault(one.group or one.name, []).append(one)
    found: dict[str, list[Defined]] = {}
    while len(found) < len(together):
        settled = {one.name for unit in found.values() for one in unit}
        for key, unit in together.items():
            texts = " ".join(f"{one.enter} {one.leave}" for one in unit)
            asks = {one.name for one in definitions if f"in_segment('{one.name}')" in texts}
            if asks <= settled:
                found.setdefault(key, unit)
    return list(found.values())
