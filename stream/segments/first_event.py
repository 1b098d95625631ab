"""What a customer's first event decides, and what it leaves as it is on an empty row.

Every unit has its bits from then on, and a segment may be entered because nothing of what it reads
has happened. But of a unit whose parts the event has not changed all is known beforehand: its
leaves are as on an empty row, and time turns none of them (presence.py). So where nobody enters by
it, it is not asked, and its bits are copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import msgspec

from stream.segments.conditions import InSegment
from stream.segments.decision import Decide, compile_decision
from stream.segments.presence import presence_code
from stream.segments.unit import Unit
from stream.state.row import Row


class FirstEvent(msgspec.Struct, frozen=True):
    """What events decide that change the same parts of an empty row.

    bits    of all units as on an empty row; 0 of the units that are asked
    decide  what decides those, or None
    silent  the measures of which the other units need that nothing is kept
    """

    bits: list[int]
    decide: Decide | None
    silent: frozenset[str]


def first_event(units: Sequence[Unit], parts: int) -> FirstEvent:
    """Of the first event of a customer, by the parts that it changes; 1 ms for a unit asked."""
    bits, asked, silent = [0] * len(units), list[int](), set[str]()
    settled: set[str] = set()
    for number, unit in enumerate(units):
        found = None if unit.parts & parts else _bits_of_nothing(unit, settled)
        if found is None:
            asked.append(number)
        else:
            bits[number] = found
            settled.update(clause.segment for clause in unit.clauses)
            silent.update(measure.key for measure in unit.measures)
    decide = compile_decision(units, asked) if asked else None
    return FirstEvent(bits, decide, frozenset(silent))


def _bits_of_nothing(unit: Unit, settled: AbstractSet[str]) -> int | None:
    """The unit's bits on an empty row; None where somebody enters by it, or it is not to be told.

    It may ask for segments that are settled, of which nobody is a member then.
    """
    own = [
        coded
        for leaf, coded in zip(unit.asked, unit.leaves, strict=True)
        if not isinstance(leaf, InSegment)
    ]
    if not unit.depends <= settled or presence_code(own) is None:
        return None
    found, _, verdict = unit.evaluate(Row(), 0, {})
    enters = verdict >= 0 if unit.exclusive else verdict > 0
    return None if enters else found
