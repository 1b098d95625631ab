"""Units into one function: what an event can have changed is decided in a single pass.

For every set of parts that an event changes, one function is compiled from the units' own lines. It
evaluates the leaves that read one of those parts, and loads each feature once. A leaf that reads
none of them has the truth of the last decision, which `bits` holds: its timers have fired before
the event. Where no leaf turns, no unit can, and nothing more is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stream.features.registry import Feature
from stream.segments.compiler import bits_code, run_source
from stream.segments.leaf_code import TRUE, feature_loads, past_loads
from stream.segments.presence import PRELUDE, presence_code
from stream.segments.unit import Unit
from stream.state.fold import TIME
from stream.state.row import Row

Turned = Callable[[Any, int, int, int, int], None]
"""Hears (about, unit, bits before, bits now, verdict) of a unit that may now be in or out."""

Decide = Callable[[Row, int, Mapping[str, int], list[int], dict[int, int], Turned, Any], int]
"""decide(row, now_ms, thresholds, bits, flips, turned, about): sets each unit's place in `bits`,
calls `turned` at once, so that later units see its changes, and gives the earliest instant at which
time alone turns a leaf of them, or NEVER_MS.

Before it calls, it sets `flips[unit]` to the unit's own such instant, or deletes it where there is
none; 0 where it has read some of the leaves that time can turn, and others not. `about` is passed
on as it is.
"""


def compile_decision(
    units: Sequence[Unit], numbers: Sequence[int], parts: int | None = None
) -> Decide:
    """The function that decides the units of these numbers, in this order; about 1 ms a unit.

    It evaluates the leaves that read one of `parts`, or all. The others must have the truth that is
    in `bits`, and the row must be woken before time turns one of them. Where all are asked, or what
    time can turn, units are passed over whose leaves are as on an empty row.
    """
    features: list[Feature] = []
    lines: list[str] = []
    spares = parts is None or bool(parts & TIME)
    for number in numbers:
        unit = units[number]
        read = [n for n, leaf in enumerate(unit.leaves) if parts is None or leaf.parts & parts]
        own = [feature for n in read for feature in unit.leaves[n].features]
        code = _unit_lines(number, unit, read)
        whole = len(read) == len(unit.leaves)
        # What an event took from the row is only seen where all of the unit is set by its lack.
        emptied = not whole and any(unit.leaves[n].parts & (parts or 0) & ~TIME for n in read)
        present = presence_code(unit.leaves[n] for n in read) if spares and not emptied else None
        if not present:
            features += own
            lines += code
        else:
            lines += [f"    if {present}:", *_deeper(feature_loads(own, code)), *_deeper(code)]
            if whole:
                lines += ["    else:", *_deeper(_empty_lines(number, unit))]
    source = [
        "def decide(row, now, thresholds, bits, flips, turned, about):",
        *(PRELUDE if spares else ()),
        *past_loads(lines),
        *feature_loads(features, lines),
        "    earliest = NEVER_MS",
        *lines,
        "    return earliest",
        "",
    ]
    name = "+".join(units[number].clauses[0].segment for number in numbers)
    decide: Decide = run_source("\n".join(source), name)["decide"]
    return decide


def _unit_lines(number: int, unit: Unit, read: Sequence[int]) -> list[str]:
    """Evaluate the unit's leaves of these numbers and, where one has turned, its verdict."""
    others = [n for n in range(len(unit.leaves)) if n not in read]
    kept = [f"(old & {sum(TRUE << 2 * n for n in others)})"] if others else []
    return [
        *_leaf_lines(number, unit, read),
        f"    old = bits[{number}]",
        f"    found = {' + '.join([*kept, *([bits_code(read)] if read else [])])}",
        "    if found != old:",
        f"        bits[{number}] = found",
        *(f"        l{n} = old & {TRUE << 2 * n}" for n in others),
        f"        verdict = {unit.verdict_code}",
        f"        if {_turns(unit)}:",
        f"            turned(about, {number}, old, found, verdict)",
    ]


def _turns(unit: Unit) -> str:
    """Whether a verdict is another one than before; of a group the engine knows."""
    if unit.exclusive:
        return "verdict != -1"
    held = f"{unit.clauses[0].segment!r} in row.{'shadows' if unit.is_silent else 'segments'}"
    return f"verdict and (verdict > 0) != ({held})"


def _leaf_lines(number: int, unit: Unit, read: Sequence[int]) -> list[str]:
    """Evaluate these leaves, and note when time turns one."""
    lines = [line for n in read for line in unit.leaves[n].lines]
    timed = [n for n, leaf in enumerate(unit.leaves) if leaf.is_timed]
    if not any(n in read for n in timed):
        return lines
    lines = ["    flip = NEVER_MS", *lines]
    lower = ["    if flip < earliest:", "        earliest = flip"]
    if not all(n in read for n in timed):
        return [*lines, *lower, f"    flips[{number}] = 0"]
    return [
        *lines,
        "    if flip < NEVER_MS:",
        f"        flips[{number}] = flip",
        *_deeper(lower),
        f"    elif {number} in flips:",
        f"        del flips[{number}]",
    ]


def _empty_lines(number: int, unit: Unit) -> list[str]:
    """The unit as it is on an empty row."""
    found, _, verdict = unit.evaluate(Row(), 0, {})
    return [
        f"    if {number} in flips:",
        f"        del flips[{number}]",
        f"    if bits[{number}] != {found}:",
        f"        old, bits[{number}], verdict = bits[{number}], {found}, {verdict}",
        f"        if {_turns(unit)}:",
        f"            turned(about, {number}, old, {found}, verdict)",
    ]


def _deeper(lines: Sequence[str]) -> list[str]:
    return ["    " + line for line in lines]
