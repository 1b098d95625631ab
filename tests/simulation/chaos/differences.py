"""What is expected of a round, and a few words on where it is otherwise."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stream.state.codec import PackedRow
from stream.state.row import Row


class WrongError(AssertionError):
    """A round ended otherwise than it must."""


def expect(claim: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise WrongError(f"{claim}: {difference(found, wanted)}")


def difference(found: Any, wanted: Any) -> str:
    """A few of the things that differ."""
    if isinstance(found, Counter) and isinstance(wanted, Counter):
        return f"too many {_few(found - wanted)}, missing {_few(wanted - found)}"
    if isinstance(found, dict) and isinstance(wanted, dict):
        # What is in one of them alone, or in both and another thing.
        keys = [k for k in {**found, **wanted} if found.get(k) != wanted.get(k)]
        return "; ".join(_pair(k, found.get(k), wanted.get(k)) for k in keys[:3])
    if isinstance(found, list) and isinstance(wanted, list):
        pairs = enumerate(zip(found, wanted, strict=False))
        at, (one, other) = next(
            (n, p) for n, p in (*pairs, (-1, (None, None))) if p[0] != p[1] or n < 0
        )
        return f"{len(found)}, not {len(wanted)} of them; at {at}: {one!r}, not {other!r}"
    return f"{found!r}, not {wanted!r}"


def _pair(key: Any, found: Any, wanted: Any) -> str:
    """Two things that differ; of two rows, the fields that do."""
    if isinstance(found, Row) and isinstance(wanted, Row):
        names = [n for n in PackedRow.__struct_fields__ if getattr(found, n) != getattr(wanted, n)]
        parts = [f"{n} {getattr(found, n)!r}, not {getattr(wanted, n)!r}" for n in names]
        return f"{key!r}: {'; '.join(parts)}"
    if isinstance(found, list) and isinstance(wanted, list):
        return f"{key!r}: {difference(found, wanted)}"
    return f"{key!r}: {found!r}, not {wanted!r}"


def _few(counter: Counter[Any]) -> list[Any]:
    return list(counter.items())[:3]
