"""Why a membership has turned: the leaves of its condition before and after, and the instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stream.events.changes import Leaf
from stream.segments.compiler import Unit
from stream.segments.leaf_code import TRUE, UNKNOWN
from stream.state.row import Row


def true_instant(
    unit: Unit, row: Row, thresholds: Mapping[str, int], verdict: int, span_ms: tuple[int, int]
) -> int | None:
    """When within the span the verdict came true by time alone; None for its end."""
    at_ms, now_ms = span_ms
    while at_ms < now_ms:
        _, flip_ms, found = unit.evaluate(row, at_ms, thresholds)
        if found == verdict:
            return at_ms
        at_ms = flip_ms
    return None


def evidence_of(
    unit: Unit, positions: Iterable[int], bits: tuple[int, int], values: tuple[object, ...]
) -> tuple[Leaf, ...]:
    """The leaves that the clauses read, before and after."""
    before, after = bits
    leaves = dict.fromkeys(n for position in positions for n in unit.clauses[position].leaves)
    return tuple(
        [
            Leaf(unit.texts[n], _truth(before, n), _truth(after, n), values[n])  # type: ignore[arg-type]
            for n in leaves
        ]
    )


def _truth(bits: int, leaf: int) -> bool | None:
    known = bits >> (2 * leaf) & 3
    return None if known == UNKNOWN else known == TRUE
