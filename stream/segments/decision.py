"""Units into one function: what an event can have changed is decided in a single pass.

For every set of units that is decided together, such as all that read what a page view changes,
one function is compiled from the units' own lines. It loads each feature once, and where the truth
of a unit's leaves is what it was at the last decision, nothing can turn and nothing more is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from stream.segments.compiler import Unit, feature_loads, run_source
from stream.state.row import Row

Turned = Callable[[Any, int, int, int, int, int], None]
"""Hears (about, unit, bits before, bits now, flip_ms, verdict) of a unit whose leaves changed."""

Decide = Callable[[Row, int, Mapping[str, int], list[int], Turned, Any], int]
"""decide(row, now_ms, thresholds, bits, turned, about): sets each unit's place in `bits`, calls
`turned` at once, so that later units see its changes, and gives the earliest instant at which time
alone turns a leaf of them, or NEVER_MS. `about` is passed on as it is."""


def compile_decision(units: Sequence[Unit], numbers: Iterable[int]) -> Decide:
    """The function that decides the units of these numbers, in this order; about 1 ms a unit."""
    chosen = [(number, units[number]) for number in numbers]
    lines = ["def decide(row, now, thresholds, bits, turned, about):"]
    lines += feature_loads(name for _, unit in chosen for name in unit.features)
    lines.append("    earliest = NEVER_MS")
    for number, unit in chosen:
        lines += _unit_lines(number, unit)
    lines.append("    return earliest")
    name = "+".join(unit.clauses[0].segment for _, unit in chosen)
    decide: Decide = run_source("\n".join(lines) + "\n", name)["decide"]
    return decide


def _unit_lines(number: int, unit: Unit) -> list[str]:
    lines = ["    flip = NEVER_MS", *unit.leaf_lines]
    if unit.is_timed:
        lines += ["    if flip < earliest:", "        earliest = flip"]
    return [
        *lines,
        f"    found = {unit.bits_code}",
        f"    old = bits[{number}]",
        "    if found != old:",
        f"        bits[{number}] = found",
        f"        verdict = {unit.verdict_code}",
        f"        turned(about, {number}, old, found, flip, verdict)",
    ]
