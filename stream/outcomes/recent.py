"""Ids seen lately, in bounded memory: what is told twice counts once."""

from __future__ import annotations

from collections.abc import Hashable

RECENT_MAX = 200_000
"""Ids of one generation; two are kept, so the latest 200,000 at least are known. A tuple of an id
and a number takes about 150 bytes: 60 MB at most."""


class Recent:
    """The latest ids. A generation that is full becomes the old one, and the old one goes.

    >>> recent = Recent()
    >>> recent.is_news("a"), recent.is_news("a")
    (True, False)
    """

    def __init__(self, size_max: int = RECENT_MAX) -> None:
        self._size_max = size_max
        self._young: set[Hashable] = set()
        self._old: set[Hashable] = set()

    def is_news(self, name: Hashable) -> bool:
        """Whether the id was not seen lately; from now on it was."""
        if name in self._young or name in self._old:
            return False
        if len(self._young) >= self._size_max:
            self._old, self._young = self._young, set()
        self._young.add(name)
        return True
