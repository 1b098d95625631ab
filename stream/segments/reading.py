"""A definitions file as it was written and what was understood: for those who explain it.

Deciding needs the compiled pack alone. Whoever checks, shows or measures definitions needs the
conditions' leaves, too, and the lines where things stand.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from msgspec import structs

from stream.events.kinds import CUSTOM, IDENTIFIED, named
from stream.events.records import Custom
from stream.features.catalogue import FEATURES
from stream.features.inventory import custom_event
from stream.features.needs import NEEDS, Carried, Events, Need
from stream.features.properties import OWN_PREFIX, PROPERTIES, TRAIT_PREFIX
from stream.features.registry import Feature
from stream.features.traits import trait_of
from stream.segments.conditions import Comparison, Condition, InSegment, Leaf, parse
from stream.segments.definition import Definition
from stream.segments.measures import Measure, Step
from stream.segments.pack import Pack, load_pack
from stream.segments.source import Source


class Reading:
    """A checked file.

    settings  named thresholds, as numbers; times are `Duration`, in milliseconds
    enter     name of a definition -> its condition; `exit` likewise, for those that have one
    made      the features that conditions make beside the catalogue's: traits and measures
    measures  what the made features are measured by, by key
    """

    def __init__(self, content: bytes, file: str) -> None:
        self.pack: Pack = load_pack(content, file)
        self.source = Source(content, file)
        document = self.source.document()
        self.settings: Mapping[str, float] = self.source.settings(document)
        self.enter: dict[str, Condition] = {}
        self.exit: dict[str, Condition] = {}
        self.places: dict[str, int] = {}
        self.made: dict[str, Feature] = {}
        self.measures: dict[str, Measure] = {}
        for at, definition in enumerate(document.segments):
            name = definition.name
            self.places[name] = at
            self.enter[name] = self._condition(definition.enter)
            if definition.exit is not None:
                self.exit[name] = self._condition(definition.exit)

    def _condition(self, text: str) -> Condition:
        found = parse(text, self.settings)
        self.made.update((feature.name, feature) for feature in found.features)
        self.measures.update((measure.key, measure) for measure in found.measures)
        return found

    def feature(self, name: str) -> Feature:
        """A feature of the catalogue, or one that a condition makes: a trait, a measure."""
        return FEATURES[name] if name in FEATURES else self.made[name]

    def need(self, name: str) -> Need:
        """What a feature needs of the stream; of one that a condition makes, derived from it."""
        if name in NEEDS:
            return NEEDS[name]
        measure = self.measures.get(self.made[name].measure)
        if measure is None:
            trait = TRAIT_PREFIX + (trait_of(name) or "")
            carried = Carried(trait, (IDENTIFIED,))
            return Need((IDENTIFIED,), ((IDENTIFIED,),), carry=((carried,),))
        need = _need_of(measure)
        if self.made[name].name.startswith("waited:"):  # who never sends the second waits in vain
            need = structs.replace(need, must=need.must[:1], should=need.must[1:])
        return need

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

    def above(self, name: str) -> tuple[str, ...]:
        """The members of its exclusive group that go before it: where one holds, it does not."""
        group = self.group(name)
        return group[: group.index(name)] if group else ()

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
        found += [name for name in (side.since, side.until, side.percentile) if name is not None]
    return tuple(dict.fromkeys(found))


_CUSTOM_NAME = re.compile(r"event\.name == ('.*'|\".*\")$")
_OWN = re.compile(r"event\.properties\.get\(('.*?'|\".*?\")\)")
_FIELD = re.compile(r"\b(event|item)\.(\w+)")


def _need_of(measure: Measure) -> Need:
    """The events that a measure listens to, and the properties that it asks of them."""
    steps = tuple((step, _events_of(step)) for step in measure.steps)
    feeds = tuple(dict.fromkeys(name for _, events in steps for name in events))
    carry = tuple(asked for step, events in steps for asked in _asked(step, events))
    return Need(feeds, tuple(events for _, events in steps), carry=carry)


def _events_of(step: Step) -> Events:
    if step.records == (Custom,):
        found = _CUSTOM_NAME.search(step.test)
        return (custom_event(ast.literal_eval(found[1])),) if found else (CUSTOM,)
    return tuple(name for kind in step.records for name in named(kind, step.test))


def _asked(step: Step, events: Events) -> tuple[tuple[Carried, ...], ...]:
    """Of each field that the step's filter or value reads, the property that fills it."""
    own = (ast.literal_eval(name) for name in _OWN.findall(f"{step.filter} {step.value}"))
    found: dict[str, None] = dict.fromkeys(OWN_PREFIX + name for name in own)
    for place, field in _FIELD.findall(f"{step.filter} {step.value}"):
        for name, known in PROPERTIES.items():
            if field in (known.event if place == "event" else known.item):
                found[name] = None
                break
    return ((tuple(Carried(name, events) for name in found)),) if found else ()
