"""What would change a membership: by silence, or by events, and by the fewest comparisons.

Comparisons that would have to turn are found by logic, the events that could turn them are
invented, and then the engine says on a copy of the row whether the segment turns, and when. What it
does not confirm is not told.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from stream.clock import DAY_MS
from stream.engine.context import Context
from stream.events.records import MICROS, CustomerEvent
from stream.explain.ageing import Ageing
from stream.explain.invented import SMALLEST, Invented, Inventor, joined
from stream.explain.leaves import Thresholds, missing_of, side_value, truth_of
from stream.explain.sufficient import Turns, turning_sets
from stream.segments.conditions import Comparison
from stream.segments.kinds import FLAG, NUMBER, TEXT
from stream.segments.unit import Unit
from stream.state.row import Row

SILENCE_MAX_MS = 366 * DAY_MS
"""How long after the events silence may take to bring the change about."""

TRIALS_MAX = 6
WAYS_MAX = 2


class Way(msgspec.Struct, frozen=True):
    """Something that would turn a membership, as the engine confirmed.

    words    what would have to happen now; "silence" for nothing
    at_ms    when the membership then turns: at once, or after silence
    turns    the comparisons that come out otherwise
    events   the events that stand for it, to check it by
    """

    words: str
    at_ms: int
    turns: tuple[str, ...]
    events: tuple[CustomerEvent, ...] = ()


class Place(NamedTuple):
    """A customer's row at an instant, and what decides there."""

    key: bytes
    row: Row
    context: Context
    now_ms: int


def ways_of(
    ageing: Ageing, place: Place, unit: Unit, position: int, silent_ms: int
) -> tuple[Way, ...]:
    """The ways by which events would make the customer enter the segment, or leave it.

    `silent_ms` is when silence does that; what comes about no sooner is none of the events' doing.
    """
    row, now_ms, thresholds = place.row, place.now_ms, place.context.thresholds
    segment = unit.clauses[position].segment
    entering = segment not in (row.shadows if unit.is_silent else row.segments)
    bits, _, _ = unit.evaluate(row, now_ms, thresholds)
    truths = {n: truth_of(bits, n) for n in range(len(unit.leaves))}
    found: list[Way] = []
    tried: list[tuple[str, ...]] = []
    for turns in turning_sets(unit, position, truths, entering=entering):
        made = joined(_inventions(place, unit, turns, thresholds) or ())
        words = tuple(each.words for each in made)
        if not made or words in tried:
            continue
        tried.append(words)
        texts = tuple(unit.texts[n] for n in turns)
        way = _least(ageing, place, (segment, entering, silent_ms), made, texts)
        if way is not None and way.words not in [other.words for other in found]:
            found.append(way)
        if len(found) >= WAYS_MAX or len(tried) >= TRIALS_MAX:
            break
    return tuple(found)


def _least(
    ageing: Ageing,
    place: Place,
    wanted: tuple[str, bool, int],
    made: list[Invented],
    texts: tuple[str, ...],
) -> Way | None:
    """The way with only those of the events that it takes.

    Events for one comparison may turn another one as well: an order of 2,000 is also one more
    order. What the way does without, and no later, is left out.
    """
    way = _tried(ageing, place, wanted, made, texts)
    if way is None:
        return None
    for each in list(made):
        others = [other for other in made if other is not each]
        fewer = [each.only(number) for number in range(each.least, len(each.events))]
        for rest in ([others] if others else []) + [[*others, one] for one in fewer if each.what]:
            found = _tried(ageing, place, wanted, rest, texts)
            if found is not None and found.at_ms <= way.at_ms:
                way, made = found, rest
                break
    return way


def _tried(
    ageing: Ageing,
    place: Place,
    wanted: tuple[str, bool, int],
    made: list[Invented],
    texts: tuple[str, ...],
) -> Way | None:
    """The way, where the engine says that it is one."""
    events = tuple(event for each in made for event in each.events)
    segment, entering, before_ms = wanted
    until_ms = min(place.now_ms + SILENCE_MAX_MS, before_ms - 1)
    for change in ageing.lived(place.key, place.row, events, until_ms):
        if (change.segment, change.entered) == (segment, entering):
            words = " and ".join(each.words for each in made)
            return Way(words, change.time_ms, texts, events)
    return None


def _inventions(
    place: Place, unit: Unit, turns: Turns, thresholds: Thresholds
) -> list[Invented] | None:
    """Events for each comparison that has to turn; None where one is beyond events.

    A comparison that silence turns after the events needs none of its own, nor does an instant that
    the events for another one set.
    """
    inventor = Inventor(place.row, place.now_ms)
    made: list[Invented] = []
    for number, want in turns.items():
        leaf = unit.asked[number]
        if not isinstance(leaf, Comparison):
            return None
        if (leaf.left.since and want == (leaf.op in (">=", ">"))) or leaf.left.until:
            continue
        one = _invention(inventor, place, unit, number, want, thresholds)
        if one is not None:
            made.append(one)
        elif not leaf.left.since:
            return None
    return made


def _invention(
    inventor: Inventor, place: Place, unit: Unit, number: int, want: bool, thresholds: Thresholds
) -> Invented | None:
    leaf, code = unit.asked[number], unit.leaves[number]
    assert isinstance(leaf, Comparison)
    side = leaf.left
    if side.since:
        return inventor.fresh(side.since)
    name = side.percentile or (side.features[0] if len(side.features) == 1 else None)
    if name is None:
        return None
    if side.kind in (FLAG, TEXT) or name.startswith("trait:"):
        return _said(inventor, leaf, name, side_value(leaf.right, code, place.row, 0), want=want)
    missing = missing_of(leaf, code, place.row, place.now_ms, thresholds)
    return None if missing is None else _numbered(inventor, unit, number, name, missing)


def _numbered(
    inventor: Inventor, unit: Unit, number: int, name: str, missing: float
) -> Invented | None:
    """Events that change a number by what is missing."""
    leaf = unit.asked[number]
    assert isinstance(leaf, Comparison)
    if missing < 0:
        return inventor.emptied() if name.startswith("cart.") else None
    feature = next(f for f in unit.leaves[number].features if f.name == name)
    if feature.unit == "micros" and (leaf.left.percentile or leaf.op in (">", "<=")):
        missing += SMALLEST / MICROS
    if feature.measure:
        measure = next(m for m in unit.measures if m.key == feature.measure)
        return inventor.measured(measure, missing, leaf.text)
    return inventor.raised(name, missing)


def _said(
    inventor: Inventor, leaf: Comparison, name: str, other: Any, *, want: bool
) -> Invented | None:
    """An event that sets a flag, a text or a trait."""
    is_equal = (leaf.op == "==") == want
    if leaf.left.kind == FLAG:
        wanted = other if is_equal else not other
        is_trait = name.startswith("trait:")
        return inventor.trait(name, wanted) if is_trait else inventor.flag(name, want=wanted)
    if leaf.left.kind == NUMBER and isinstance(other, int | float) and want:
        step = {">": 1, "<": -1}.get(leaf.op, 0)
        return None if leaf.op == "!=" else inventor.trait(name, other + step)
    if leaf.left.kind == TEXT and is_equal and name.startswith("trait:"):
        return inventor.trait(name, other)
    return None
