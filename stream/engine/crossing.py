"""What a row lets go of when it crosses to other definitions."""

from __future__ import annotations

from collections.abc import Iterator

from stream.engine.context import OWN_PREFIXES
from stream.engine.versions import goes_on
from stream.segments.pack import Pack
from stream.segments.rules import CUSTOMER
from stream.segments.unit import Unit
from stream.state.row import Row


def no_longer_told(row: Row, pack: Pack) -> list[str]:
    """Memberships that the definitions no longer have, or have in shadow."""
    found = []
    for name in sorted(row.segments):
        definition = pack.definitions.get(name)
        if definition is None:
            if not name.startswith(OWN_PREFIXES):
                found.append(name)
        elif definition.shadow:
            found.append(name)
    return found


def too_many_of(pack: Pack, row: Row) -> Iterator[tuple[Unit, list[str]]]:
    """Of groups that newly exclude each other, the memberships after the first, if there are any.

    Where it is known which one holds, that was decided already.
    """
    for unit in pack.units:
        if unit.exclusive:
            held = row.shadows if unit.is_silent else row.segments
            names = [clause.segment for clause in unit.clauses if clause.segment in held][1:]
            if names:
                yield unit, names


def silent_of(row: Row) -> tuple[object, ...]:
    """What a version can change of a row without a word about it: a row is written for that, too,
    else it would be another one once it is restored.
    """
    silent = dict(row.shadows), row.windows, row.past, row.filled
    return (row.timer_ms, row.flip_ms, list(row.bits), *silent)


def forget_removed(row: Row, former: Pack | None, pack: Pack, members: dict[str, int]) -> None:
    """Keep no more of the past, and no more silent memberships, than the definitions ask for."""
    # What a row that has crossed already handed over to this one may be of a new measure.
    known = {} if former is None else former.measures
    ends = {k for k in known if not goes_on(former, pack, k)}
    row.windows = {k: v for k, v in row.windows.items() if k in pack.measures and k not in ends}
    row.filled = {k: v for k, v in row.filled.items() if k in pack.measures and k not in ends}
    row.past = {name: past for name, past in row.past.items() if name in pack.definitions}
    silent = {name for name, one in pack.definitions.items() if one.shadow}
    if pack.document.customer is not None:
        silent.add(CUSTOMER)
    for name in [name for name in row.shadows if name not in silent]:
        del row.shadows[name]
        members[name] -= 1
