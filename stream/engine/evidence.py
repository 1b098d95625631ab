"""Why a membership has turned: the leaves of its condition before and after, and the instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stream.engine.hysteresis import may_turn_ms
from stream.events.changes import Leaf
from stream.segments.compiler import is_known_out, said_of
from stream.segments.leaf_code import TRUE, UNKNOWN
from stream.segments.unit import Unit
from stream.state.row import Row


def true_instant(
    unit: Unit, row: Row, thresholds: Mapping[str, int], verdict: int, span_ms: tuple[int, int]
) -> int | None:
    """Since when within the span the verdict has held, unbroken to its end; None for its end.

    It is by all that is known of the row now: what is late counts from its own time on, and what
    else has come in the meantime as well. Before patience would have let it, nothing turns.
    """
    at_ms, now_ms = span_ms
    held = row.shadows if unit.is_silent else row.segments
    if unit.stay is not None:
        segment = unit.clauses[0].segment
        may_ms = may_turn_ms(row, unit.stay, segment, held)
        at_ms = max(at_ms, may_ms) if held.get(segment, 0) < may_ms <= now_ms else at_ms
    position = verdict
    if unit.exclusive and verdict < 0:
        names = enumerate(clause.segment for clause in unit.clauses)
        position = next(n for n, name in names if name in held and is_known_out(verdict, n))
    wanted = said_of(unit, verdict, position)
    since_ms: int | None = None
    while at_ms < now_ms:
        _, flip_ms, found = unit.evaluate(row, at_ms, thresholds)
        said = said_of(unit, found, position)
        if said == wanted:
            since_ms = at_ms if since_ms is None else since_ms
        elif said:
            since_ms = None
        at_ms = flip_ms
    return since_ms


def evidence_of(
    unit: Unit, positions: Iterable[int], bits: tuple[int, int], values: tuple[object, ...]
) -> tuple[Leaf, ...]:
    """The leaves that the clauses read, before and after."""
    before, after = bits
    texts, found = unit.texts, list[Leaf]()
    seen = 0
    for position in positions:
        for n in unit.clauses[position].leaves:
            if not seen & 1 << n:
                seen |= 1 << n
                leaf = Leaf(texts[n], _truth(before, n), _truth(after, n), values[n])  # type: ignore[arg-type]
                found.append(leaf)
    return tuple(found)


def _truth(bits: int, leaf: int) -> bool | None:
    known = bits >> (2 * leaf) & 3
    return None if known == UNKNOWN else known == TRUE
