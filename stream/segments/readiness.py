"""Which definitions a shop's stream can decide, which only in part, which not at all, and why.

A feature is blind where the events or properties that it rests on do not come, degraded where some
do not. A definition is blind where nobody can ever enter it: with the comparisons of blind features
held at what an empty row makes of them, its condition cannot become true. It is degraded where it
can, but something that it reads is blind or degraded. So `orders.count >= 1 and cart.items <= 0`
still works, in part, for a stream without carts.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from stream.events.consent import CONSENT_UPDATED
from stream.events.kinds import CUSTOM, IDENTIFIED, KINDS, PAGE
from stream.features.inventory import Inventory
from stream.features.needs import Carried, Events, Need
from stream.features.properties import TRAIT_PREFIX, property_named
from stream.segments.conditions import Comparison, Condition, InSegment, Leaf, Tree
from stream.segments.exhaustive import NOW_MS
from stream.segments.leaf_code import PAST_PREFIX
from stream.segments.reading import Reading, features_of
from stream.state.consents import OBJECTIONS, TRAITS
from stream.state.fold import ACTIVITY, FOLDS
from stream.state.row import Row

WORKS, DEGRADED, BLIND = "works", "degraded", "blind"
CARRIED_MIN = 0.9
"""Share of events with a property from which on it counts as sent; some events never have it."""

Truths = frozenset[bool | None]
_ANY: Truths = frozenset({True, False, None})
_BITS = {0: None, 1: False, 3: True}


class Lack(msgspec.Struct, frozen=True):
    """What does not come as it should: how bad it is, what is so, and what to send, if that helps.

    A blind one alone need not make a definition blind: the other side of an `or` may do.
    """

    verdict: str
    why: str
    send: str


class Source(msgspec.Struct, frozen=True):
    """Something that a definition rests on, as the stream has it; `share` is of a property."""

    events: tuple[str, ...]
    property: str | None
    count: int
    share: float | None
    since_ms: int | None


class Readiness(msgspec.Struct, frozen=True):
    """A definition's verdict; `since_ms` is when the last of what it needs began to come."""

    name: str
    verdict: str
    since_ms: int | None
    lacks: tuple[Lack, ...]
    sources: tuple[Source, ...]


def readiness(reading: Reading, inventory: Inventory) -> tuple[Readiness, ...]:
    """The verdicts in the order of the file."""
    judge = _Judge(reading, inventory)
    return tuple(judge.definition(name) for name in reading.definitions)


def lacks_of(need: Need, inventory: Inventory) -> tuple[Lack, ...]:
    """What of a feature's need the stream does not have."""
    found = [_absent(BLIND, g) for g in need.must if not inventory.seen(g).count]
    if found:
        return tuple(found)
    found += [_absent(DEGRADED, g) for g in need.should if not inventory.seen(g).count]
    for verdict, choices in ((BLIND, need.carry), (DEGRADED, need.better)):
        for choice in choices:
            if any(inventory.seen(carried.events).count for carried in choice):
                found += _uncarried(verdict, choice, inventory)
    return tuple(found)


def _absent(verdict: str, events: Events) -> Lack:
    return Lack(verdict, f"no {_either(events)} came", f"{_either(events)} events")


def _uncarried(verdict: str, choice: Iterable[Carried], inventory: Inventory) -> list[Lack]:
    """A lack where the property that is carried most is carried too seldom."""
    best = max(choice, key=lambda carried: _reached(carried, inventory))
    reached = _reached(best, inventory)
    if reached >= CARRIED_MIN:
        return []
    events = tuple(name for name in best.events if inventory.seen((name,)).count)
    names = " or ".join(dict.fromkeys(carried.property for carried in choice))
    send = "; or ".join(dict.fromkeys(property_named(carried.property).about for carried in choice))
    if not reached:
        why = f"no {_either(events)} carries {names}"
        return [Lack(verdict, why, f"{send} (on {_either(events)})")]
    why = f"{reached:.0%} of {_either(events)} carry {best.property}"
    return [Lack(DEGRADED, why, f"{send} (on every {_either(events)})")]


def _reached(carried: Carried, inventory: Inventory) -> float:
    """Share of the events with the property; of one that comes with some only, whether it came."""
    share = inventory.share(carried.events, carried.property)
    return share if property_named(carried.property).always else float(share > 0)


def _either(events: Events) -> str:
    if len(events) == len(KINDS):
        return "event"
    if len(events) > 4:
        return ", ".join(events[:4]) + " or other"
    return " or ".join(events)


class _Judge:
    def __init__(self, reading: Reading, inventory: Inventory) -> None:
        self.reading = reading
        self.inventory = inventory
        self.found: dict[str, Readiness] = {}
        self.empty = _truths_of_an_empty_row(reading)

    def definition(self, name: str) -> Readiness:
        """The verdict of one definition, and of those that it names before it."""
        if name in self.found:
            return self.found[name]
        enter, leave = self.reading.enter[name], self.reading.exit.get(name)
        features = self.reading.features(name)
        lacks = [lack for f in features for lack in lacks_of(self.reading.need(f), self.inventory)]
        for other in self.reading.depends(name):
            verdict = self.definition(other).verdict
            if verdict != WORKS:
                lacks.append(Lack(DEGRADED, f"the segment {other} is {verdict}", ""))
        lacks += self._unseen(enter, features)
        unheard = self._unheard(name)
        verdict = BLIND
        if unheard:
            lacks += unheard
        elif True in self._truths(enter, enter.tree):
            if leave is not None and True not in self._truths(leave, leave.tree):
                lacks.append(Lack(DEGRADED, "nobody would ever leave", ""))
            verdict = DEGRADED if lacks else WORKS
        order = sorted(dict.fromkeys(lacks), key=lambda lack: lack.verdict)  # blind before degraded
        sources = self._sources(features)
        since = [s.since_ms for s in sources if s.since_ms is not None]
        self.found[name] = Readiness(
            name,
            verdict,
            max(since) if since and verdict != BLIND else None,
            tuple(order),
            sources,
        )
        return self.found[name]

    def _unheard(self, name: str) -> list[Lack]:
        """Where a definition needs consent, silence is a no, and nobody says anything."""
        needs = self.reading.definitions[name].needs
        document = self.reading.pack.document
        is_yes = document.consent_default == "allow"
        if needs is None or is_yes or needs.rpartition("/")[2] in OBJECTIONS:
            return []
        traits = (*TRAITS, *document.consent.traits)
        carrying = self.inventory.carrying
        if self.inventory.seen((CONSENT_UPDATED,)).count or any(
            carrying((IDENTIFIED,), TRAIT_PREFIX + trait).count for trait in traits
        ):
            return []
        return [Lack(BLIND, f"nobody says that they agree to {needs}", f"{CONSENT_UPDATED} events")]

    def _truths(self, condition: Condition, tree: Tree | int) -> Truths:
        """What a condition can be for some customer of this stream."""
        if isinstance(tree, int):
            return self._leaf(condition.leaves[tree])
        parts = [self._truths(condition, part) for part in tree.parts]
        if tree.op == "not":
            return frozenset(None if truth is None else not truth for truth in parts[0])
        return _joined(tree.op, parts)

    def _leaf(self, leaf: Leaf) -> Truths:
        if isinstance(leaf, InSegment):
            blind = self.definition(leaf.segment).verdict == BLIND
            return frozenset({False}) if blind else frozenset({True, False})
        if not isinstance(leaf, Comparison):
            return _ANY
        features = features_of(leaf)
        blind_ones = [name for name in features if self._is_blind(name)]
        if not blind_ones:
            return _ANY
        if len(blind_ones) == len(features):
            return frozenset({self.empty.get(leaf.text)})
        nullable = any(self.reading.feature(name).nullable for name in blind_ones)
        return frozenset({None}) if nullable else _ANY

    def _is_blind(self, feature: str) -> bool:
        lacks = lacks_of(self.reading.need(feature), self.inventory)
        return any(lack.verdict == BLIND for lack in lacks)

    def _unseen(self, enter: Condition, features: Iterable[str]) -> list[Lack]:
        """Who has none of what a condition asks for is only seen if something else is sent."""
        if self._of_empty(enter, enter.tree) is not True:
            return []
        fed = {event for name in features for event in self.reading.need(name).feeds}
        others = [name for name in _ACTIVITY if name not in fed]
        if not others or self.inventory.seen(others).count:
            return []
        why = "only those are seen who did what it rules out"
        return [Lack(DEGRADED, why, f"{_either((PAGE, 'Product Viewed'))} events")]

    def _of_empty(self, condition: Condition, tree: Tree | int) -> bool | None:
        if isinstance(tree, int):
            return self.empty.get(condition.leaves[tree].text)
        parts = [frozenset({self._of_empty(condition, part)}) for part in tree.parts]
        if tree.op == "not":
            (truth,) = parts[0]
            return None if truth is None else not truth
        (truth,) = _joined(tree.op, parts)
        return truth

    def _sources(self, features: Iterable[str]) -> tuple[Source, ...]:
        found: list[Source] = []
        for name in features:
            need = self.reading.need(name)
            found += [self._events(events) for events in (*need.must, *need.should)]
            for choice in (*need.carry, *need.better):
                found += [self._carried(carried) for carried in choice]
        return tuple(dict.fromkeys(found))

    def _events(self, events: Events) -> Source:
        seen = self.inventory.seen(events)
        came = tuple(name for name in events if name in self.inventory.events)
        return Source(came or events, None, seen.count, None, seen.first_ms if seen.count else None)

    def _carried(self, carried: Carried) -> Source:
        seen = self.inventory.carrying(carried.events, carried.property)
        share = round(self.inventory.share(carried.events, carried.property), 4)
        since = seen.first_ms if seen.count else None
        return Source(carried.events, carried.property, seen.count, share, since)


_ACTIVITY = tuple(
    name
    for name, kind in KINDS.items()
    if FOLDS[kind].parts & ACTIVITY and name not in (CUSTOM, IDENTIFIED)
)


def _joined(op: str, parts: list[Truths]) -> Truths:
    """All that `and` or `or` can give, of parts that are taken as independent."""
    decisive = op == "or"
    found: set[bool | None] = {not decisive}
    for part in parts:
        found = {_both(decisive, one, other) for one in found for other in part}
    return frozenset(found)


def _both(decisive: bool, one: bool | None, other: bool | None) -> bool | None:
    if decisive in (one, other):
        return decisive
    return None if None in (one, other) else not decisive


class _NothingKnown(dict[str, int]):
    """No percentile is known; measures are kept since 0."""

    def get(self, key: str, default: object = None) -> int | None:  # type: ignore[override]
        return 0 if key.startswith(PAST_PREFIX) else None


def _truths_of_an_empty_row(reading: Reading) -> dict[str, bool | None]:
    """Text of a comparison -> what it is for a customer of whom nothing is known."""
    found: dict[str, bool | None] = {}
    for unit in reading.pack.units:
        bits = unit.evaluate(Row(), NOW_MS, _NothingKnown())[0]
        for number, text in enumerate(unit.texts):
            found[text] = _BITS[bits >> 2 * number & 3]
    return found
