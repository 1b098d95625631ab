"""Definitions in any number: the built-in pack again and again, each time with other thresholds."""

from __future__ import annotations

import re
from itertools import count, islice
from typing import Any

import yaml

from stream.segments.source import Source
from stream.shell.definition_file import read_definitions

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_RANK = re.compile(r"(percentile\([^)]*\)\s*[<>]=?\s*)0\.(\d+)")


def pack_size() -> int:
    """Definitions of the built-in pack."""
    return len(_built_in()["segments"])


def pack_of(definitions: int) -> bytes:
    """The text of a file with so many definitions; none is another's copy.

    The first ones are the built-in pack's. What follows are its definitions under other names, in
    exclusive groups of their own, with thresholds of their own.
    """
    pack = _built_in()
    settings: dict[str, Any] = {}
    segments: list[dict[str, Any]] = []
    for turn in count():
        wanted = list(islice(pack["segments"], definitions - len(segments)))
        if not wanted:
            break
        settings |= {
            _named(name, turn): _moved(value, turn) for name, value in pack["settings"].items()
        }
        segments += [_definition(one, pack["settings"], turn) for one in wanted]
    return yaml.safe_dump({"settings": settings, "segments": segments}, sort_keys=False).encode()


def _built_in() -> dict[str, Any]:
    """The built-in pack; of a definition for several values, each one of them."""
    pack: dict[str, Any] = Source(read_definitions(None), "pack.yaml").tree
    return pack


def _named(name: str, turn: int) -> str:
    return f"{name}_{turn + 1}" if turn else name


def _moved(value: Any, turn: int) -> Any:
    """A setting a little further: 4 as 5, `30 * DAY` as `31 * DAY`."""
    if isinstance(value, str):
        return _NUMBER.sub(lambda found: f"{float(found[0]) + turn:g}", value, count=1)
    return value + turn


def _definition(one: dict[str, Any], settings: dict[str, Any], turn: int) -> dict[str, Any]:
    found = {**one, "name": _named(one["name"], turn)}
    if one.get("group"):
        found["group"] = _named(one["group"], turn)
    for field in ("enter", "exit"):
        if field in one:
            found[field] = _condition(str(one[field]), settings, turn)
    return found


def _condition(text: str, settings: dict[str, Any], turn: int) -> str:
    if not turn:
        return text
    for name in settings:
        text = re.sub(rf"(?<![\w.]){name}(?![\w.(])", _named(name, turn), text)
    return _RANK.sub(lambda found: f"{found[1]}{float('0.' + found[2]) - turn / 100:g}", text)
