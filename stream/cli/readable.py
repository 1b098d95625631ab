"""Rows and records of the log as JSON that people can read: names, instants, amounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stream.clock import NEVER_MS, rfc3339
from stream.events.records import MICROS
from stream.state.dedupe import MessageIds

_INSTANTS: Final = frozenset({"segments", "shadows", "looks", "wishes", "products", "lines_since"})
"""Fields that map names to instants."""

_PAIRS: Final[Mapping[str, tuple[str, str]]] = {
    "targets": ("id", "at"),
    "ways": ("id", "since"),
    "consent": ("since", "agreed"),
    "past": ("entered", "left"),
}
"""Fields of pairs, and what these say."""

_TECHNICAL: Final = frozenset({"bits", "flips", "flip_ms", "activation", "buckets", "filled"})
"""What is derived from the rest and the definitions, and says nothing without them."""

_DURATIONS: Final = frozenset({"look_ms", "looked_ms", "last_gap_ms"})


def readable(struct: msgspec.Struct) -> dict[str, Any]:
    """A struct's fields by name, without those that are empty."""
    found: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if name in _TECHNICAL or value is None or value in ("", (), [], {}):
            continue
        plain = _plain(name)
        if plain != name and plain in struct.__struct_fields__:
            plain += "_at"  # when `traits` were last heard is another thing than what they are
        found[plain] = _value(name, value)
    return found


def _plain(name: str) -> str:
    return name.removesuffix("_ms").removesuffix("_micros")


def _value(name: str, value: Any) -> Any:
    said: Any
    match value:
        case bool() | str() | float():
            said = value
        case int():
            said = _number(name, value)
        case msgspec.Struct():
            said = readable(value)
        case MessageIds():
            said = "kept as hashes, to tell events that are sent twice"
        case bytes():
            said = f"{len(value)} bytes"
        case _ if name in _PAIRS:
            said = _pairs(name, value)
        case dict():
            inner = "time_ms" if name in _INSTANTS else ""
            said = {str(key): _value(inner, each) for key, each in value.items()}
        case _:
            said = [_value("", each) for each in value]
    return said


def _number(name: str, value: int) -> Any:
    if name.endswith("_micros"):
        return None if value < 0 else value / MICROS
    if not name.endswith("_ms"):
        return value
    if name in _DURATIONS:
        return f"{value / 1000:g} s"
    return rfc3339(value) if 0 < value < NEVER_MS else None


def _pairs(name: str, pairs: Any) -> Any:
    first, second = _PAIRS[name]

    def said(pair: tuple[Any, Any]) -> dict[str, Any]:
        return {
            what: _of_pair(what, each) for what, each in zip((first, second), pair, strict=True)
        }

    if isinstance(pairs, dict):
        return {key: said(pair) for key, pair in pairs.items()}
    return [said(pair) for pair in pairs]


def _of_pair(what: str, value: Any) -> Any:
    return _value("time_ms" if what in ("at", "since", "entered", "left") else what, value)
