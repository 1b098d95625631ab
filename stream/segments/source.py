"""The text of a definitions file with its line numbers: every error names file, line and field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import reduce
from keyword import iskeyword
from operator import getitem
from typing import Any, ClassVar

import msgspec
import yaml

from stream.segments.arithmetic import UNITS
from stream.segments.conditions import (
    Condition,
    InSegment,
    Leaf,
    parse,
    parse_number,
    place_of,
)
from stream.segments.definition import (
    Action,
    Consent,
    Control,
    Definition,
    Document,
    Quarantine,
    Success,
    Variant,
    Voice,
)
from stream.segments.each import EachError, expand_each
from stream.segments.kinds import NUMBER_MAX, ConditionError
from stream.segments.not_yet import why_not_yet

SEGMENTS_MAX = 200
NODES_MAX = 50_000
"""Values in a file, each alias counted: 200 segments have a few thousand."""


DEFINITIONS_BYTES_MAX = 1 << 20
"""Bytes of a file: what one record of the topic of definitions holds."""


class DefinitionError(ValueError):
    """A definitions file that does not hold; says file, line and field."""


_LONE = re.compile(r"[\ud800-\udfff]")
_PLACE = re.compile(r"\.(\w+)|\[(\d+)\]")
_FIELDS = {
    "": Document.__struct_fields__,
    "segments": Definition.__struct_fields__,
    "success": Success.__struct_fields__,
    "action": Action.__struct_fields__,
    "variants": Variant.__struct_fields__,
    "control": Control.__struct_fields__,
    "voice": Voice.__struct_fields__,
    "quarantine": Quarantine.__struct_fields__,
    "consent": Consent.__struct_fields__,
}


_VALUES = {"settings": (int, float, str), "categories": (str, list)}
"""Kinds of values in a mapping of the file's own names; texts in the others."""
_TAKEN = frozenset({*UNITS, "true", "false"})
_KEYS = frozenset({"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"})
_HINTS = {
    "matching regex": "a name is 1 to 100 letters, digits and _ . : - and not cluster:... or "
    "quarantine:...",
    "missing required": "write one",
    "Expected `str | array": "write a text, or a list of texts",
    "Expected `array": "write a list",
    "Expected `object": "write fields, each with its value",
    "Expected `str": "write a text, in quotes where it looks like something else",
    "Expected `int` >=": "write a whole number that is none below it",
    "Expected `float` ": "write a share from 0 to 0.5",
    "Expected `int | float | str`": "write a number, or a text such as 3 * DAY",
    "Expected `int": "write a whole number",
    "Expected `bool": "write true or false",
}
"""What to do about an error that begins so, or has these words."""


_FILE_HINT = "write `segments:` and a list of segments below"
_CONDITION_HINTS = {
    "is no feature": "`shoal segments features` lists what there is",
    "does not read": "write one like cart.items > 0 and orders.count >= 1",
    "operator that is not": "there are < <= > >= == !=",
    "is no number or duration": "write a number, or a time",
    "is a time": "write one like 30 * DAY",
}
_YAML_HINTS = {
    "mapping values": "put a text with a colon in quotes",
    "'\\t'": "indent by blanks",
    "special characters": "take them out",
    "another document": "keep one",
    "undefined alias": "write it out",
    "a value cannot be read": "write it plainly, or in quotes",
    "constructor for the tag": "take the tag out",
}
"""What to do where a problem has these words; else the YAML is to be mended."""


class _Loader(yaml.SafeLoader):
    """Leaves dates as the text that they are, and says where a value is none."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {  # type: ignore[misc]
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """The node's value; one that is none, such as a number of 5,000 digits, has a line."""
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(
                None, None, f"a value cannot be read ({str(error)[:60]})", node.start_mark
            ) from None


class Source:
    """The text with its line numbers."""

    def __init__(self, content: bytes, file: str) -> None:
        self.file = file
        self.lines: dict[tuple[str | int, ...], int] = {}
        self.origins: list[int] = []
        if len(content) > DEFINITIONS_BYTES_MAX:
            most = f"{DEFINITIONS_BYTES_MAX:,}"
            raise DefinitionError(
                f"{file}:1: has {len(content):,} bytes, and may have {most}; take comments or "
                "segments out"
            )
        try:
            loader = _Loader(content)
            root = loader.get_single_node()
            if isinstance(root, yaml.SequenceNode):
                self._mark(root, ("segments",))
            else:
                self._mark(root, ())
            self.tree: Any = None if root is None else loader.construct_document(root)
        except RecursionError:
            raise DefinitionError(f"{file}:1: is nested too deep; make it flat") from None
        except yaml.YAMLError as error:
            raise DefinitionError(f"{file}:{_yaml_problem(error, content)}") from None
        if isinstance(self.tree, list):
            self.tree = {"segments": self.tree}
        if isinstance(self.tree, dict) and isinstance(self.tree.get("segments"), list):
            try:
                expanded = expand_each(self.tree["segments"], SEGMENTS_MAX)
            except EachError as error:
                raise self.error(("segments", *error.path), str(error)) from None
            self.tree = {**self.tree, "segments": expanded[0]}
            self.origins = expanded[1]

    def _mark(self, node: yaml.Node | None, path: tuple[str | int, ...]) -> None:
        if node is None:
            return
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(self.lines) > NODES_MAX:
            raise self.error(
                path[:1], f"is one of more than {NODES_MAX} values; write fewer aliases"
            )
        if isinstance(node, yaml.ScalarNode) and _LONE.search(node.value):
            raise self.error(path, "holds half a character, which no UTF-8 has; take it out")
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                field = (*path, str(key.value) if isinstance(key, yaml.ScalarNode) else "?")
                if key.tag not in _KEYS:
                    self.lines[field] = key.start_mark.line + 1
                    raise self.error(field, "is no text, and a field's name is one; quote it")
                is_again = field in self.lines
                self.lines[field] = key.start_mark.line + 1
                if is_again:
                    raise self.error(field, "is written twice; keep one")
                self._mark(value, field)
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                self._mark(value, (*path, number))

    def line(self, path: tuple[str | int, ...]) -> int:
        """Where a field stands, or the nearest one around it that is written."""
        at = self._written(path)
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)

    def _written(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """The path of a segment's field as the file has it, where `each` makes many of one."""
        match path:
            case ("segments", int(at), *rest) if at < len(self.origins):
                return ("segments", self.origins[at], *rest)
        return path

    def error(self, path: tuple[str | int, ...], message: str) -> DefinitionError:
        field = ".".join(str(part) for part in self._written(path)) or "file"
        return DefinitionError(f"{self.file}:{self.line(path)}: {field}: {message}")

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
        for name, number in _PLACE.findall(place.partition("[...]")[0]):
            path.append(int(number) if number else name)
        if "[...]" in place:
            path = self._named(path, is_inner=not place.endswith("[...]`"))
        if "unknown field" in message:
            wrong = message.rsplit("`", 2)[1]
            named = [part for part in path if isinstance(part, str)]
            near = get_close_matches(wrong, _FIELDS[named[-1] if named else ""], 1)
            message += f"; did you mean {near[0]}?" if near else "; take it out"
            path.append(wrong)
        else:
            hints = (hint for words, hint in _HINTS.items() if words in message)
            hint = next(hints, "correct it")
            message += f"; {hint if path else _FILE_HINT}"
        return self.error(tuple(path), message)

    def _named(self, path: list[str | int], *, is_inner: bool) -> list[str | int]:
        """The path with the first name whose value, or what is in it, is of a wrong kind.

        The error leaves out the names of a mapping of the file's own.
        """
        allowed = (str,) if is_inner else _VALUES.get(str(path[-1]), (str,))
        for name, value in reduce(getitem, path, self.tree).items():
            parts = value if is_inner and isinstance(value, list) else [value]
            if any(isinstance(part, bool) or not isinstance(part, allowed) for part in parts):
                return [*path, name]
        return path

    def settings(self, document: Document) -> dict[str, float]:
        """Named thresholds as numbers; text is arithmetic such as `30 * DAY`."""
        found: dict[str, float] = {}
        for name, value in document.settings.items():
            if name in _TAKEN or not name.isidentifier() or iskeyword(name):
                at = ("settings", name)
                raise self.error(at, f"{name!r} cannot be written in a condition; rename it")
            if isinstance(value, str):
                number = self.number(("settings", name), value, found)
            else:
                number = value
            if not abs(number) < NUMBER_MAX:
                raise self.error(("settings", name), f"{number} is too large for a setting")
            found[name] = number
        return found

    def number(
        self, path: tuple[str | int, ...], text: str, settings: Mapping[str, float]
    ) -> float:
        """The number or duration of a text, in milliseconds."""
        try:
            return parse_number(text, settings)
        except ConditionError as error:
            raise self._unread(path, text, error) from None

    def condition(
        self,
        path: tuple[str | int, ...],
        text: str,
        settings: Mapping[str, float],
        known: Mapping[str, bool],
        *,
        shadow: bool = False,
    ) -> Condition:
        """The condition of a text; it may ask for the segments that are known, in shadow or not."""
        try:
            condition = parse(text, settings)
        except ConditionError as error:
            raise self._unread(path, text, error) from None
        return msgspec.structs.replace(
            condition,
            leaves=tuple(self._placed(path, it, known, shadow) for it in condition.leaves),
        )

    def _unread(
        self, path: tuple[str | int, ...], text: str, error: ConditionError
    ) -> DefinitionError:
        """A text that does not read, with the place in it and what to do."""
        message = str(error)
        if ";" not in message:
            hints = (hint for words, hint in _CONDITION_HINTS.items() if words in message)
            message += "".join(f"; {hint}" for hint in hints)
        return self.error(path, f"{place_of(text, error.column)}: {message}")

    def _placed(
        self, path: tuple[str | int, ...], leaf: Leaf, known: Mapping[str, bool], shadow: bool
    ) -> Leaf:
        """The leaf; a membership with the place where the row keeps it."""
        if not isinstance(leaf, InSegment):
            return leaf
        if path == ("customer",):
            message = "is settled before all segments; write what in_segment() stands for"
            raise self.error(path, message)
        if leaf.segment not in known and (missing := why_not_yet(leaf.segment)) is not None:
            raise self.error(path, missing)
        if leaf.segment not in known:
            near = get_close_matches(leaf.segment, known, 1, 0.4)
            hint = f"did you mean {near[0]!r}?" if near else "define it, or take it out"
            raise self.error(path, f"in_segment({leaf.segment!r}) names no segment; {hint}")
        if known[leaf.segment] and not shadow:
            raise self.error(
                path,
                f"in_segment({leaf.segment!r}) names one in shadow, for which only those in "
                "shadow may ask; tell of it, or put this one in shadow, too",
            )
        where = "shadows" if known[leaf.segment] else "segments"
        return msgspec.structs.replace(leaf, where=where)


def _yaml_problem(error: yaml.YAMLError, content: bytes) -> str:
    """Line, problem, and what to do; of bytes that are no text, the line on which they stand."""
    if isinstance(error, yaml.reader.ReaderError):
        before = content[: error.position]
        if error.encoding == "unicode":  # then the position counts characters
            text = content.decode("utf-8", "replace")[: error.position]
            before = text.encode("utf-8", "replace")
        line = before.count(b"\n") + 1
        problem = error.reason
        if error.encoding != "unicode":
            problem += f" (byte {error.position}); save the file as UTF-8"
    else:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "is not YAML"
    if ";" not in problem:
        hints = (hint for words, hint in _YAML_HINTS.items() if words in problem)
        problem += f"; {next(hints, 'mend the YAML')}"
    return f"{line}: {problem}"
