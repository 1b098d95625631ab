"""Segment definitions: YAML, checked with file, line and field, compiled once.

A pack is what one version of the definitions decides by. Its name is the hash of its text, and
each definition's version is the hash of its own content, so that an edit of one segment does not
rename the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from xxhash import xxh3_64_hexdigest

from stream.clock import NEVER_MS
from stream.events.records import CustomerEvent
from stream.features.catalogue import FEATURES
from stream.segments.collect import compile_collectors
from stream.segments.compiler import Rule, TooManyLeavesError, compile_unit, value_of
from stream.segments.decision import Decide, compile_decision
from stream.segments.definition import Consent, Definition, Document
from stream.segments.first_event import FirstEvent, first_event
from stream.segments.leaf_code import PAST_PREFIX
from stream.segments.local_time import zone_of
from stream.segments.order import CycleError, in_order
from stream.segments.quarantine import Limit, limit_of
from stream.segments.rules import CUSTOMER, rules_of
from stream.segments.source import Source
from stream.segments.unit import Unit
from stream.segments.voice import SIZE_PREFIX, Plan, is_member, voice_of
from stream.state.fold import PAST, STANDING, TIME
from stream.state.room import ROW_BYTES_MAX, bytes_max
from stream.state.row import Row

ENGINE_VERSION = 3
"""Version of the rules' meaning; a change of it is a new version of every definition."""


MEASURES_MAX = 128
"""Different measures of all definitions; 200 bytes each of a usual customer, and never more than
`room.ROW_BYTES_MAX` together."""

PACKS_MAX = 16
"""Versions of definitions kept ready, 3 MB each of the size of the built-in one; those in force are
held by who decides by them."""

_WORD = re.compile(r"[A-Za-z_]\w*")


class Told(NamedTuple):
    """What the changes of a segment carry, whoever the customer is."""

    version: str
    action: dict[str, Any]
    jitter_ms: int


class Pack:
    """Compiled definitions.

    definitions  in the order of the file, which is the order of exclusive groups
    units        what is decided together, in the order of evaluation
    percentiles  population features and the ranks that conditions ask for
    by_population  units that a population version can change, through other segments included
    measures     what rows keep of past events, by key
    sizes        segments that act from a size on -> the threshold that holds their size
    voice        what may be said to customers, how often and when
    quarantine   when a customer sends more than a person can
    told         segment -> what its changes carry
    collectors   for each record that some measure listens to, what keeps it
    """

    def __init__(
        self,
        name: str,
        document: Document,
        units: tuple[Unit, ...],
        rules: Sequence[Rule],
        settings: Mapping[str, float],
        plans: tuple[Plan, Limit],
    ) -> None:
        self.name = name
        self.document = document
        self.definitions = {d.name: d for d in document.segments}
        self.versions = {d.name: _version(d, settings, document) for d in document.segments}
        jitters = {rule.segment: rule.jitter_ms for rule in rules}
        self.told = {
            d.name: Told(
                self.versions[d.name],
                msgspec.to_builtins(d.action) if d.action.enabled else {},
                jitters.get(d.name, 0),
            )
            for d in document.segments
        }
        self.units = units
        self.measures = {m.key: m for unit in units for m in unit.measures}
        zone = zone_of(document.timezone)
        self.collectors = compile_collectors(self.measures.values(), zone)
        self.everything = tuple(range(len(units)))
        self.by_population = _by_population(units)
        self.sizes = {n: SIZE_PREFIX + n for n, d in self.definitions.items() if d.action.min_size}
        ranks: dict[str, set[float]] = {}
        for unit in units:
            for feature, rank in unit.population:
                ranks.setdefault(feature, set()).add(rank)
        self.percentiles = {feature: sorted(found) for feature, found in ranks.items()}
        self.population_parts = 0
        for feature in self.percentiles:
            self.population_parts |= FEATURES[feature].parts
        places = [(f, value_of(f)) for f in self.percentiles]
        self.population_values = (*places, *((key, is_member(n)) for n, key in self.sizes.items()))
        self.voice, self.quarantine = plans
        self.decide_everything = compile_decision(units, self.everything)
        self.decide_by_population = compile_decision(units, self.by_population)
        self.decide_standing = compile_decision(units, self.by_population, STANDING)
        self._touched: dict[int, Decide | None] = {}
        self._first: dict[int, FirstEvent] = {}
        self._alone: dict[tuple[int, int], Decide] = {}
        self._with_dependents = _with_dependents(units)

    def collect(self, row: Row, event: CustomerEvent, now_ms: int) -> int:
        """Keep what measures ask of an event; its bit of the row's parts where one did, else 0."""
        take = self.collectors.get(type(event))
        return 0 if take is None else take(row, event, now_ms)

    def touched(self, parts: int) -> tuple[int, ...]:
        """The units that read one of the row's parts."""
        return tuple(i for i in self.everything if self.units[i].parts & parts)

    def decide_event(self, row: Row, parts: int, thresholds: Mapping[str, int]) -> Decide | None:
        """What decides after an event that has changed these parts; None where nothing does.

        It begins the bits of a customer whose first event it is.
        """
        if row.bits:
            return self.decide_everything if parts & TIME else self.decide_touched(parts)
        if not self.units:
            return None
        row.flip_ms = NEVER_MS  # all is decided now, which finds the next one
        if row.events != 1 or row.first_ms < thresholds.get(PAST_PREFIX, 0):
            return self.decide_everything
        parts &= ~(TIME | PAST)  # on an empty row neither turns anything
        first = self._first.get(parts)
        if first is None:
            first = self._first[parts] = first_event(self.units, parts)
        if not first.silent.isdisjoint(row.windows):
            return self.decide_everything
        row.bits = first.bits.copy()
        return first.decide

    def decide_touched(self, parts: int) -> Decide | None:
        """What decides the units that read one of the row's parts; None where none does.

        For a row that was decided before, and whose timers have fired.
        """
        try:
            return self._touched[parts]
        except KeyError:
            numbers = self.touched(parts)
            decide = compile_decision(self.units, numbers, parts) if numbers else None
            self._touched[parts] = decide
            return decide

    def decide_due(self, due: Iterable[int], parts: int) -> list[Decide]:
        """What decides units that time may have turned, in this order.

        With them goes who asks for their segments, and who reads one of the row's parts.
        """
        numbers = {number for unit in due for number in self._with_dependents[unit]}
        if parts:
            numbers.update(self.touched(parts))
        return [self._decide_alone(number, parts | TIME) for number in sorted(numbers)]

    def _decide_alone(self, number: int, parts: int) -> Decide:
        try:
            return self._alone[number, parts]
        except KeyError:
            decide = self._alone[number, parts] = compile_decision(self.units, (number,), parts)
            return decide


def _by_population(units: tuple[Unit, ...]) -> tuple[int, ...]:
    moving: set[str] = set()
    found: list[int] = []
    for number, unit in enumerate(units):
        if unit.population or moving & unit.depends:
            found.append(number)
            moving.update(clause.segment for clause in unit.clauses)
    return tuple(found)


def _with_dependents(units: tuple[Unit, ...]) -> tuple[tuple[int, ...], ...]:
    """For each unit: itself, and all that a turn of its segments can turn."""
    found = [{number} for number in range(len(units))]
    for number in reversed(range(len(units))):
        own = {clause.segment for clause in units[number].clauses}
        for later in range(number + 1, len(units)):
            if own & units[later].depends:
                found[number] |= found[later]
    return tuple(tuple(sorted(numbers)) for numbers in found)


def pack_name(content: bytes) -> str:
    """The name of a version of the definitions: the hash of the text and of what it means."""
    return xxh3_64_hexdigest(b"%d\0%s" % (ENGINE_VERSION, content))


def _version(definition: Definition, settings: Mapping[str, float], document: Document) -> str:
    """The hash of what one segment means: its own fields, and the settings that it names."""
    texts = msgspec.json.encode(definition).decode()
    used = sorted(
        (name, float(settings[name])) for name in set(_WORD.findall(texts)) & settings.keys()
    )
    meaning = [ENGINE_VERSION, definition, used, document.timezone]
    if definition.needs is not None:
        meaning.append(document.consent_default)
        if document.consent != Consent():
            meaning.append(document.consent)
    return xxh3_64_hexdigest(msgspec.json.encode(meaning))


@lru_cache(PACKS_MAX)
def load_pack(content: bytes, file: str = "definitions") -> Pack:
    """The pack of a YAML text.

    Raises
    ------
    DefinitionError
        Naming file, line, field, and what to write instead.
    """
    source = Source(content, file)
    document = source.document()
    settings = source.settings(document)
    rules = rules_of(source, document, settings)
    voice = voice_of(source, document, settings)
    limit = limit_of(source, document, settings)
    units = _units(source, document, rules)
    return Pack(pack_name(content), document, units, rules, settings, (voice, limit))


def _units(source: Source, document: Document, rules: list[Rule]) -> tuple[Unit, ...]:
    """A unit for each definition, or for each group where its first definition stands."""
    by_name = {rule.segment: rule for rule in rules}
    places = {definition.name: at for at, definition in enumerate(document.segments)}
    together: dict[str, list[str]] = {}
    for definition in document.segments:
        group = definition.group
        own = f":{definition.name}" if group is None else group
        together.setdefault(own, []).append(definition.name)
    try:
        ordered = in_order(
            list(together.values()), {name: sorted(by_name[name].depends) for name in places}
        )
    except CycleError as cycle:
        raise source.error(
            ("segments", places[cycle.names[0]]),
            f"asks for itself: {cycle}; an exclusive group is decided at once; take one "
            "in_segment() out",
        ) from None
    units: list[Unit] = []
    parts: dict[str, int] = {}
    if CUSTOMER in by_name:
        units.append(compile_unit((by_name[CUSTOMER],), exclusive=False))
    for names in ordered:
        place = ("segments", places[names[0]])
        exclusive = document.segments[places[names[0]]].group is not None
        members = tuple(by_name[name] for name in names)
        try:
            unit = compile_unit(members, exclusive=exclusive, parts_of=parts)
        except TooManyLeavesError as error:
            raise source.error(place, f"{error}; ask for less") from None
        units.append(unit)
        parts.update((name, unit.parts) for name in names)
        _refuse_beyond_room(source, place, units)
    return tuple(units)


def _refuse_beyond_room(source: Source, place: tuple[str | int, ...], units: list[Unit]) -> None:
    """A row has room for so many measures, and for what they can grow to."""
    measures = {measure.key: measure for unit in units for measure in unit.measures}
    if len(measures) > MEASURES_MAX:
        raise source.error(
            place, f"needs more than {MEASURES_MAX} different measures of events; share some"
        )
    room = sum(
        bytes_max(m.kind, m.span.within_ms + m.span.before_ms, m.span.resolution_ms)
        for m in measures.values()
    )
    if room > ROW_BYTES_MAX:
        raise source.error(
            place,
            f"measures of events could need {room // 1024} KiB of a row that has "
            f"{ROW_BYTES_MAX // 1024}; share some, or use fewer distinct() and before=",
        )
