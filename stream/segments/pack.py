"""Segment definitions: YAML, checked with file, line and field, compiled once.

A pack is what one version of the definitions decides by. Its name is the hash of its text, and
each definition's version is the hash of its own content, so that an edit of one segment does not
rename the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

import msgspec
import yaml
from xxhash import xxh3_64_hexdigest

from stream.segments.compiler import Rule, Unit, compile_unit, value_of
from stream.segments.conditions import Condition, ConditionError, InSegment, parse

ENGINE_VERSION = 1
"""Version of the rules' meaning; a change of it is a new version of every definition."""

SEGMENTS_MAX = 200


class Success(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it shows that a segment earns its keep: an event within a time of the entry."""

    event: str
    value: str | None = None
    within: str | None = None


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    weight: int = 1
    incentive: str | None = None


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do for a member. `enabled` actions are on by default; at most five are."""

    channels: tuple[str, ...] = ()
    message: str | None = None
    consent: str | None = None
    kind: str = "message"
    enabled: bool = False
    variants: tuple[Variant, ...] = ()


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    purpose: str
    enter: str
    title: str | None = None
    exit: str | None = None
    priority: int = 50
    group: str | None = None
    review_by: str | None = None
    success: Success | None = None
    action: Action = Action()


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    segments: tuple[Definition, ...]
    settings: dict[str, int | float | str] = {}
    customer: str | None = None


class DefinitionError(ValueError):
    """A definitions file that does not hold; says file, line and field."""


class Pack:
    """Compiled definitions.

    definitions  in the order of the file, which is the order of exclusive groups
    units        what is decided together, in the order of evaluation
    percentiles  population features and the ranks that conditions ask for
    """

    def __init__(self, name: str, document: Document, units: tuple[Unit, ...]) -> None:
        self.name = name
        self.definitions = {d.name: d for d in document.segments}
        self.versions = {d.name: _version(d, document.settings) for d in document.segments}
        self.actions = {
            d.name: msgspec.to_builtins(d.action) if d.action.enabled else {}
            for d in document.segments
        }
        self.units = units
        self.everything = tuple(range(len(units)))
        self.by_population = tuple(i for i in self.everything if units[i].population)
        ranks: dict[str, set[float]] = {}
        for unit in units:
            for feature, rank in unit.population:
                ranks.setdefault(feature, set()).add(rank)
        self.percentiles = {feature: sorted(found) for feature, found in ranks.items()}
        self.population_values = tuple((f, value_of(f)) for f in self.percentiles)
        self._touched: dict[int, tuple[int, ...]] = {}

    def touched(self, parts: int) -> tuple[int, ...]:
        """The units that read one of the row's parts."""
        found = self._touched.get(parts)
        if found is None:
            found = tuple(i for i in self.everything if self.units[i].parts & parts)
            self._touched[parts] = found
        return found


def _version(definition: Definition, settings: Mapping[str, Any]) -> str:
    content = msgspec.json.encode([ENGINE_VERSION, definition, sorted(settings.items())])
    return xxh3_64_hexdigest(content)


@cache
def load_pack(content: bytes, file: str = "definitions") -> Pack:
    """The pack of a YAML text.

    Raises
    ------
    DefinitionError
        Naming file, line, field, and what to write instead.
    """
    source = _Source(content, file)
    document = source.document()
    settings = source.settings(document)
    seen: set[str] = set()
    rules: list[Rule] = []
    for at, definition in enumerate(document.segments):
        where = ("segments", at)
        if definition.name in seen:
            raise source.error((*where, "name"), f"segment {definition.name!r} is defined twice")
        enter = source.condition((*where, "enter"), definition.enter, settings, seen)
        leave = None
        if definition.exit is not None:
            if definition.group:
                raise source.error((*where, "exit"), "an exclusive group's segment has no exit: "
                                   "it ends when another one of the group begins")  # fmt: skip
            leave = source.condition((*where, "exit"), definition.exit, settings, seen)
        seen.add(definition.name)
        rules.append(Rule(definition.name, enter, leave))
    return Pack(xxh3_64_hexdigest(content), document, _units(document, rules))


def _units(document: Document, rules: list[Rule]) -> tuple[Unit, ...]:
    units: list[Unit] = []
    grouped: set[str] = set()
    for definition, rule in zip(document.segments, rules, strict=True):
        if definition.group is None:
            units.append(compile_unit((rule,), exclusive=False))
        elif definition.group not in grouped:
            grouped.add(definition.group)
            members = zip(document.segments, rules, strict=True)
            group = tuple(r for d, r in members if d.group == definition.group)
            units.append(compile_unit(group, exclusive=True))
    return tuple(units)


class _Source:
    """The text with its line numbers."""

    def __init__(self, content: bytes, file: str) -> None:
        self.file = file
        self.lines: dict[tuple[str | int, ...], int] = {}
        try:
            root = yaml.compose(content, Loader=yaml.SafeLoader)
            self.tree: Any = yaml.safe_load(content)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            problem = getattr(error, "problem", None) or "is not YAML"
            raise DefinitionError(f"{file}:{line}: {problem}; mend the YAML") from None
        if isinstance(self.tree, list):
            self.tree = {"segments": self.tree}
            self._mark(root, ("segments",))
        else:
            self._mark(root, ())

    def _mark(self, node: yaml.Node | None, path: tuple[str | int, ...]) -> None:
        if node is None:
            return
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._mark(value, (*path, str(key.value)))
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                self._mark(value, (*path, number))

    def error(self, path: tuple[str | int, ...], message: str) -> DefinitionError:
        at = path
        while at and at not in self.lines:
            at = at[:-1]
        field = ".".join(str(part) for part in path) or "file"
        return DefinitionError(f"{self.file}:{self.lines.get(at, 1)}: {field}: {message}")

    def document(self) -> Document:
        try:
            document = msgspec.convert(self.tree, Document, strict=True)
        except msgspec.ValidationError as error:
            raise self._located(str(error)) from None
        if len(document.segments) > SEGMENTS_MAX:
            raise self.error(("segments",), f"has more than {SEGMENTS_MAX} segments; keep few")
        return document

    def _located(self, text: str) -> DefinitionError:
        message, _, place = text.partition(" - at `$")
        path: list[str | int] = []
        for part in place.rstrip("`").replace("[", ".[").split("."):
            if part.startswith("[") and part[1:-1].isdigit():
                path.append(int(part[1:-1]))
            elif part:
                path.append(part)
        if "unknown field" in message:
            wrong = message.rsplit("`", 2)[1]
            near = get_close_matches(wrong, Definition.__struct_fields__, 1)
            message += f"; did you mean {near[0]}?" if near else "; take it out"
            path.append(wrong)
        return self.error(tuple(path), message)

    def settings(self, document: Document) -> dict[str, float]:
        """Named thresholds as numbers; text is arithmetic such as `30 * DAY`."""
        found: dict[str, float] = {}
        for name, value in document.settings.items():
            number: float | None
            if isinstance(value, str):
                leaf = self.condition(("settings", name), f"0 < {value}", found, set()).leaves[0]
                number = None if isinstance(leaf, InSegment) else leaf.right.constant
                if number is None:
                    raise self.error(("settings", name), "a setting is a number or a duration")
            else:
                number = value
            found[name] = number
        return found

    def condition(
        self, path: tuple[str | int, ...], text: str, settings: Mapping[str, float], known: set[str]
    ) -> Condition:
        try:
            condition = parse(text, settings)
        except ConditionError as error:
            raise self.error(path, f"column {error.column + 1}: {error}") from None
        for leaf in condition.leaves:
            if isinstance(leaf, InSegment) and leaf.segment not in known:
                raise self.error(
                    path, f"in_segment({leaf.segment!r}) must name a segment defined above it"
                )
        return condition
