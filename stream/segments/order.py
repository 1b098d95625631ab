"""The order in which definitions are decided: what asks for a segment comes after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class CycleError(ValueError):
    """Segments that ask for each other; `names` go round, the last one asks for the first."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(" -> ".join((*names, names[0])))
        self.names = names


def in_order(
    units: Sequence[Sequence[str]], asks: Mapping[str, Sequence[str]]
) -> list[Sequence[str]]:
    """The units, each after all that one of its segments asks for, else as they stand.

    Parameters
    ----------
    units
        Names of the segments that are decided together.
    asks
        Name -> the segments that its conditions ask for, of all units.

    Raises
    ------
    CycleError
        Where units ask for each other, or one for itself.

    >>> in_order([("a",), ("b",), ("c",)], {"a": ("c",)})
    [('c',), ('a',), ('b',)]
    >>> in_order([("a",), ("b",)], {"a": ("b",), "b": ("a",)})
    Traceback (most recent call last):
    stream.segments.order.CycleError: a -> b -> a
    """
    home = {name: number for number, unit in enumerate(units) for name in unit}
    done: dict[int, None] = {}
    path: dict[int, str] = {}

    def visit(number: int) -> None:
        for name in units[number]:
            path[number] = name
            for asked in asks.get(name, ()):
                other = home[asked]
                if other in path:
                    round_ = list(path.values())[list(path).index(other) :]
                    raise CycleError(tuple(round_))
                if other not in done:
                    visit(other)
        path.pop(number, None)
        done[number] = None

    for number in range(len(units)):
        if number not in done:
            visit(number)
    return [units[number] for number in done]
