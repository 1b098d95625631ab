"""A customer at an instant, definition by definition: in or out, why, and what would change it."""

from __future__ import annotations

import msgspec

from stream.clock import NEVER_MS, rfc3339
from stream.engine.context import OWN_PREFIXES
from stream.engine.hysteresis import may_turn_ms
from stream.engine.settings import EngineSettings
from stream.engine.timeline import Timeline
from stream.explain.ageing import Ageing, copied
from stream.explain.leaves import LeafState, leaf_state
from stream.explain.voices import Voices, voices_at
from stream.explain.ways import Place, Way, ways_of
from stream.segments.compiler import said_of
from stream.segments.conditions import Tree
from stream.segments.rules import CUSTOMER
from stream.segments.unit import Unit
from stream.state.row import Row

HORIZON_MS = 6 * 366 * 86_400_000
"""How far silence is followed: longer than the longest window."""


class Turn(msgspec.Struct, frozen=True):
    """A membership that time alone turns, next."""

    entered: bool
    at_ms: int


class SegmentState(msgspec.Struct, frozen=True):
    """One definition for one customer.

    member, since_ms  whether the customer is in it, and since when
    verdict           the engine's: 1 the conditions hold, -1 they say out, 0 as it is
    leaves            the comparisons, those to enter and those to leave
    silent            what time alone will do next
    ways              what events would turn it, confirmed on a copy
    waits_ms          a turn is due, and the rules of the stay hold it back until then; NEVER_MS:
                      for ever
    notes             group, stay, control group and what else decides
    """

    segment: str
    title: str | None
    member: bool
    since_ms: int | None
    verdict: int
    leaves: tuple[LeafState, ...]
    silent: Turn | None
    ways: tuple[Way, ...]
    waits_ms: int | None
    notes: tuple[str, ...]
    version: str
    shadow: bool = False
    group: str | None = None
    winner: str | None = None
    holdout: str | None = None
    variant: str | None = None


class Explanation(msgspec.Struct, frozen=True):
    """All of it; `definitions` is the name of the pack in force, `learned` memberships beside it.

    is_customer is None where the definitions do not say what a customer is; `voices` is what is
    said to them.
    """

    customer: str
    now_ms: int
    definitions: str
    segments: tuple[SegmentState, ...]
    learned: dict[str, int]
    is_customer: bool | None
    aliases: tuple[str, ...]
    first_ms: int
    last_ms: int
    events: int
    voices: Voices


def explain(
    settings: EngineSettings,
    timeline: Timeline,
    key: bytes,
    row: Row,
    now_ms: int,
    only: str | None = None,
) -> Explanation:
    """The customer at an instant that is not before the row's own time; about 50 ms for a pack.

    Parameters
    ----------
    row
        Stays as it is: what is due by `now_ms` happens to a copy.
    only
        One segment's name, to explain that one alone.
    """
    ageing = Ageing(settings, timeline)
    row = copied(row)
    ageing.silent(key, row, now_ms)
    context = timeline.of(row.activation)
    place = Place(key, row, context, max(now_ms, row.time_ms))
    silent = _silent_turns(ageing, place)
    pack = context.pack
    found: dict[str, SegmentState] = {}
    for unit in () if pack is None else pack.units:
        for position, clause in enumerate(unit.clauses):
            name = clause.segment
            if name != CUSTOMER and only in (None, name):
                found[name] = _state(ageing, place, unit, position, silent.get(name))
    names = () if pack is None else tuple(pack.definitions)
    is_asked = pack is not None and pack.document.customer is not None
    return Explanation(
        customer=key.decode(),
        now_ms=place.now_ms,
        definitions="" if pack is None else pack.name,
        segments=tuple(found[name] for name in names if name in found),
        learned={n: at for n, at in row.segments.items() if n.startswith(OWN_PREFIXES)},
        is_customer=CUSTOMER in row.shadows if is_asked else None,
        aliases=tuple(row.aliases),
        first_ms=row.first_ms,
        last_ms=row.last_ms,
        events=row.events,
        voices=voices_at(place),
    )


def _silent_turns(ageing: Ageing, place: Place) -> dict[str, Turn]:
    """The next turn of each segment by time alone."""
    turns: dict[str, Turn] = {}
    for change in ageing.lived(place.key, place.row, (), place.now_ms + HORIZON_MS):
        turns.setdefault(change.segment, Turn(change.entered, change.time_ms))
    return turns


def _state(
    ageing: Ageing, place: Place, unit: Unit, position: int, silent: Turn | None
) -> SegmentState:
    key, row, context, now_ms = place
    assert context.pack is not None
    name = unit.clauses[position].segment
    definition = context.pack.definitions[name]
    held = row.shadows if unit.is_silent else row.segments
    _, _, told = unit.evaluate(row, now_ms, context.thresholds)
    verdict = said_of(unit, told, position)
    winner = None
    if unit.exclusive:
        winner = next((c.segment for c in unit.clauses if c.segment in held), None)
    stamp = context.stamp_of(key.decode(), name)
    waits_ms, notes = _patience(place, unit, name, verdict)
    silent_ms = NEVER_MS if silent is None else silent.at_ms
    return SegmentState(
        segment=name,
        title=definition.title,
        member=name in held,
        since_ms=held.get(name),
        verdict=verdict,
        leaves=_leaves(place, unit, position),
        silent=silent,
        ways=ways_of(ageing, place, unit, position, silent_ms),
        waits_ms=waits_ms,
        notes=(*_group_notes(unit, position, winner), *notes),
        version=context.pack.versions[name],
        shadow=unit.is_silent,
        group=definition.group,
        winner=winner,
        holdout=stamp.holdout,
        variant=stamp.variant,
    )


def _leaves(place: Place, unit: Unit, position: int) -> tuple[LeafState, ...]:
    enter, leave = unit.trees[position]
    entering = _numbers(enter)
    leaving = [] if leave is None else [n for n in _numbers(leave) if n not in entering]
    row, now_ms, thresholds = place.row, place.now_ms, place.context.thresholds
    return tuple(
        leaf_state(unit, n, row, now_ms, thresholds, clause)
        for clause, numbers in (("enter", entering), ("exit", leaving))
        for n in numbers
    )


def _numbers(tree: Tree) -> list[int]:
    """The leaves of a tree, in the order in which they are written."""
    found: dict[int, None] = {}
    for part in tree.parts:
        found.update(dict.fromkeys([part] if isinstance(part, int) else _numbers(part)))
    return list(found)


def _group_notes(unit: Unit, position: int, winner: str | None) -> tuple[str, ...]:
    """Which member of the group the customer is in, and why it is that one."""
    if not unit.exclusive:
        return ()
    names = [clause.segment for clause in unit.clauses]
    name = names[position]
    if winner is None:
        return ("of its group nobody's condition is known to hold",)
    if winner == name:
        rest = f"; the {position} before it are not known to hold" if position else ""
        return (f"it is the first of its group that holds{rest}",)
    if names.index(winner) < position:
        return (f"{winner} comes before it in the group, and holds",)
    return (f"{winner} is the first of the group that holds",)


def _patience(
    place: Place, unit: Unit, name: str, verdict: int
) -> tuple[int | None, tuple[str, ...]]:
    """Until when a due turn waits, and what the rules of the stay say."""
    stay, row, now_ms = unit.stay, place.row, place.now_ms
    if stay is None:
        return None, ()
    held = row.shadows if unit.is_silent else row.segments
    may_ms = may_turn_ms(row, stay, name, held)
    if may_ms <= now_ms:
        return None, ()
    is_due = verdict < 0 if name in held else verdict > 0
    if name in held:
        note = f"stays until {rfc3339(may_ms)} at least (min_stay)"
    elif may_ms >= NEVER_MS:
        note = "has been in it, and is let in once only (reentry)"
    else:
        note = f"is not let in again before {rfc3339(may_ms)} (cooldown, reentry)"
    return (may_ms if is_due else None), (note,)
