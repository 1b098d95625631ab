"""One definition for each of some values: `each: {CATEGORY: [tea, coffee]}` and `{CATEGORY}`.

    - name: interest:{CATEGORY}
      each: {CATEGORY: [Tea, Skin Care]}
      enter: count(product_viewed, within=30 * DAY, where=category == "{CATEGORY}") >= 3

is `interest:tea` and `interest:skin_care`. What stands in braces is replaced in every text of the
definition; in its name in small letters and by `_` where a name allows no other sign. With several
names there is a definition for every combination. All of them have the lines of the one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

Path = tuple[str | int, ...]

VALUE_MAX = 100
"""Characters of a value."""

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_PLACE = re.compile(r"\{([A-Z][A-Z0-9_]{0,39})\}")
_FORBIDDEN = re.compile(r"[\"'\\{}\x00-\x1f\x7f]")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_.:-]+")


class EachError(ValueError):
    """An `each` that does not hold; `path` is of its field below the list of segments."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


def expand_each(segments: list[Any], segments_max: int) -> tuple[list[Any], list[int]]:
    """The definitions, each for all of its values, and for each the place where it was written.

    Raises
    ------
    EachError
        Where `each` is no list of values by name, or a text names a value that it does not have.
    """
    found: list[Any] = []
    origins: list[int] = []
    for at, written in enumerate(segments):
        for definition in _definitions(at, written, segments_max):
            found.append(definition)
            origins.append(at)
        if len(found) > segments_max and isinstance(written, dict) and written.get("each"):
            raise EachError((at,), f"makes more than {segments_max} segments; keep few")
    return found, origins


def _definitions(at: int, written: Any, segments_max: int) -> Iterator[Any]:
    if not isinstance(written, dict):
        yield written
        return
    given = written.get("each") or {}
    if "each" in written:
        _check(at, given, segments_max)
    _check_places(at, written, given)
    if not given:
        yield {field: value for field, value in written.items() if field != "each"}
        return
    for values in product(*given.values()):
        chosen = dict(zip(given, values, strict=True))
        yield {
            field: _replaced(value, _slugs(chosen) if field == "name" else chosen)
            for field, value in written.items()
            if field != "each"
        }


def _check(at: int, given: Any, segments_max: int) -> None:
    if not isinstance(given, dict) or not given:
        raise EachError((at, "each"), "names values, as in each: {CATEGORY: [tea, coffee]}")
    for name, values in given.items():
        where = (at, "each", name)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise EachError(where, f"{name!r} is no name for values; write capitals: CATEGORY")
        if not isinstance(values, list) or not values:
            raise EachError(where, "needs a list of values, as in [tea, coffee]")
        for number, value in enumerate(values):
            if not isinstance(value, str) or not 0 < len(value) <= VALUE_MAX:
                message = f"{value!r} is no text of 1 to {VALUE_MAX} characters; quote it"
                raise EachError((*where, number), message)
            if _FORBIDDEN.search(value):
                message = f"{value!r} has a quote, brace or backslash; values have none"
                raise EachError((*where, number), message)
        if len(set(values)) < len(values):
            raise EachError(where, "has a value twice; keep one")
    if prod(len(values) for values in given.values()) > segments_max:
        message = f"has more than {segments_max} combinations; keep few"
        raise EachError((at, "each"), message)


def _check_places(at: int, written: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Every `{NAME}` has its values, and every name of them makes a name of its own."""
    for path, text in _texts(written, (at,)):
        for name in _PLACE.findall(text):
            if name not in given:
                message = f"{{{name}}} has no values; write each: {{{name}: [...]}}"
                raise EachError(path, message)
    segment = written.get("name", "")
    if isinstance(segment, str) and set("{}") & set(_PLACE.sub("", segment)):
        message = "a name is 1 to 100 letters, digits and _ . : - and {NAME} of an each; rename it"
        raise EachError((at, "name"), message)
    named = _PLACE.findall(str(segment))
    for name, values in given.items():
        if name not in named and len(values) > 1:
            message = f"gives several segments one name; write {{{name}}} into it"
            raise EachError((at, "name"), message)


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name != "each":
                yield from _texts(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, number))


def _replaced(value: Any, chosen: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACE.sub(lambda place: chosen[place[1]], value)
    if isinstance(value, dict):
        return {name: _replaced(inner, chosen) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, chosen) for inner in value]
    return value


def _slugs(chosen: Mapping[str, str]) -> dict[str, str]:
    return {name: _NOT_IN_NAMES.sub("_", value.lower()) for name, value in chosen.items()}
