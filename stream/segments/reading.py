"""A definitions file as it was written and what was understood: for those who explain it.

Deciding needs the compiled pack alone. Whoever checks, shows or measures definitions needs the
conditions' leaves, too, and the lines where things stand.
"""

from __future__ import annotations

from collections.abc import Mapping

from stream.segments.conditions import Comparison, Condition, InSegment, Leaf
from stream.segments.definition import Definition
from stream.segments.pack import Pack, load_pack
from stream.segments.source import Source


class Reading:
    """A checked file.

    settings  named thresholds, as numbers; times are `Duration`, in milliseconds
    enter     name of a definition -> its condition; `exit` likewise, for those that have one
    """

    def __init__(self, content: bytes, file: str) -> None:
        self.pack: Pack = load_pack(content, file)
        self.source = Source(content, file)
        document = self.source.document()
        self.settings: Mapping[str, float] = self.source.settings(document)
        self.enter: dict[str, Condition] = {}
        self.exit: dict[str, Condition] = {}
        self.places: dict[str, int] = {}
        known: set[str] = set()
        for at, definition in enumerate(document.segments):
            where = ("segments", at)
            name = definition.name
            self.places[name] = at
            self.enter[name] = self._condition((*where, "enter"), definition.enter, known)
            if definition.exit is not None:
                self.exit[name] = self._condition((*where, "exit"), definition.exit, known)
            known.add(name)

    def _condition(self, path: tuple[str | int, ...], text: str, known: set[str]) -> Condition:
        return self.source.condition(path, text, self.settings, known)

    @property
    def definitions(self) -> dict[str, Definition]:
        """By name, in the order of the file."""
        return self.pack.definitions

    def line(self, name: str, *fields: str) -> int:
        """The line where a definition, or the nearest of its fields, stands."""
        return self.source.line(("segments", self.places[name], *fields))

    def leaves(self, name: str) -> tuple[Leaf, ...]:
        """All comparisons of a definition, each once."""
        conditions = [self.enter[name], *([self.exit[name]] if name in self.exit else [])]
        return tuple(dict.fromkeys(leaf for found in conditions for leaf in found.leaves))

    def features(self, name: str) -> tuple[str, ...]:
        """The features that its conditions read, those of segments that they name left out."""
        return tuple(dict.fromkeys(f for leaf in self.leaves(name) for f in features_of(leaf)))

    def depends(self, name: str) -> tuple[str, ...]:
        """The segments that its conditions ask for."""
        found = [leaf.segment for leaf in self.leaves(name) if isinstance(leaf, InSegment)]
        return tuple(dict.fromkeys(found))

    def dependents(self, name: str) -> tuple[str, ...]:
        """The segments whose conditions ask for it."""
        return tuple(other for other in self.definitions if name in self.depends(other))

    def group(self, name: str) -> tuple[str, ...]:
        """The members of its exclusive group in their order; none where it is in none."""
        group = self.definitions[name].group
        if group is None:
            return ()
        return tuple(n for n, found in self.definitions.items() if found.group == group)


def features_of(leaf: Leaf) -> tuple[str, ...]:
    """The features that a comparison reads."""
    if not isinstance(leaf, Comparison):
        return ()
    found: list[str] = []
    for side in (leaf.left, leaf.right):
        found += side.features
        found += [name for name in (side.since, side.percentile) if name is not None]
    return tuple(dict.fromkeys(found))
