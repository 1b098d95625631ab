"""A definition in words: what it asks, when time alone turns it, what it hangs on.

Everything is derived from the parsed conditions and the registries, so that what is told is what
is decided.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from stream.features.traits import trait_of
from stream.segments.arithmetic import UNITS, Arithmetic
from stream.segments.conditions import Comparison, Leaf
from stream.segments.kinds import Duration
from stream.segments.language import KINDS
from stream.segments.measures import FUNCTIONS_OF_EVENTS
from stream.segments.reading import Reading, features_of
from stream.segments.sugar import expand

_WORDS = {"WEEK": "week", "DAY": "day", "HOUR": "hour", "MINUTE": "minute", "SECOND": "second"}


class Flip(msgspec.Struct, frozen=True):
    """An instant at which time alone turns a comparison: when, which one, of which definition."""

    when: str
    leaf: str
    segment: str


def duration_words(duration_ms: float) -> str:
    """A time in its own units; weeks are said in days.

    >>> duration_words(7 * 86_400_000), duration_words(5_400_000), duration_words(0)
    ('7 days', '1 hour 30 minutes', '0 seconds')
    """
    rest = round(duration_ms)
    parts: list[str] = []
    for unit in ("DAY", "HOUR", "MINUTE", "SECOND"):
        count, rest = divmod(rest, UNITS[unit])
        if count:
            parts.append(f"{count} {_WORDS[unit]}{'' if count == 1 else 's'}")
    if rest:
        parts.append(f"{rest} ms")
    return " ".join(parts) or "0 seconds"


def flips(reading: Reading, name: str) -> tuple[Flip, ...]:
    """The instants at which time alone can turn a comparison that decides about the definition.

    Those of segments that it names, and of its group's members above it, are among them.
    """
    found: list[Flip] = []
    for decider in deciders(reading, name):
        for leaf in reading.leaves(decider):
            if isinstance(leaf, Comparison):
                found += [Flip(when, leaf.text, decider) for when in _times(reading, leaf)]
        found += [Flip(when, text, decider) for when, text in _spells(reading, decider)]
    return tuple(dict.fromkeys(found))


def _spells(reading: Reading, name: str) -> list[tuple[str, str]]:
    """What the definition's own times hold back or bring about, and the field that says so."""
    definition = reading.definitions[name]
    said = {
        "valid_from": "{} at the shop, when it begins",
        "valid_until": "{} at the shop, when it ends",
        "min_stay": "{} after it was entered, when an exit that was due comes",
        "cooldown": "{} after it was left, when an entry that was due comes",
    }
    values = {field: getattr(definition, field) for field in said}
    found = [
        (words.format(values[f]), f"{f}: {values[f]}") for f, words in said.items() if values[f]
    ]
    if definition.reentry and definition.reentry.startswith("once per "):
        span = definition.reentry.removeprefix("once per ")
        found.append((f"{span} after it was entered", f"reentry: {definition.reentry}"))
    return found


def deciders(reading: Reading, name: str) -> tuple[str, ...]:
    """The definition, then all whose conditions decide about it, through others, too."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        each = waiting.pop(0)
        if each not in found:
            found[each] = None
            waiting += [*reading.depends(each), *reading.above(each)]
    return tuple(found)


def _times(reading: Reading, leaf: Comparison) -> list[str]:
    found: list[str] = []
    side = leaf.left
    if side.since:
        of = feature_words(reading, side.since, leaf)
        span = _span(leaf, reading.settings)
        late = "" if leaf.op in (">=", "<") else " and 1 ms"
        found.append(f"{span}{late} after {of}" if leaf.right.constant != 0 else f"at {of}")
    elif side.until:
        of = feature_words(reading, side.until, leaf)
        found.append(f"{_span(leaf, reading.settings)} before {of}")
    elif side.percentile:
        found.append(f"when the shop's {side.percentile} are counted anew, once a day")
    for name in features_of(leaf):
        by_time = reading.need(name).by_time
        if by_time is not None:
            found.append(f"{by_time} ({name})")
        if reading.feature(name).turns:
            found.append(f"as events come into or leave {feature_words(reading, name, leaf)}")
    return found


def feature_words(reading: Reading, name: str, leaf: Leaf) -> str:
    """A feature by its name; a measure of events as the condition writes it."""
    if name not in reading.made:
        return name
    if (trait := trait_of(name)) is not None:
        return f"trait({trait!r})"
    words = leaf.text
    for call in _measures(leaf.text):
        made = Arithmetic(leaf.text, reading.settings).feature(call).name
        if name == made or name.startswith(made + ":"):
            return ast.unparse(call)
        if name.split(":")[1:] == made.split(":")[1:]:  # whether, where it was asked when
            words = ast.unparse(call)
    return words


def _measures(text: str) -> Iterator[ast.Call]:
    """The calls of measures in a comparison, and of those that it writes shorter."""
    for written in ast.walk(ast.parse(text, mode="eval")):
        whole = expand(written) if isinstance(written, ast.expr) else written
        for node in [written] if whole is written else ast.walk(whole):
            match node:
                case ast.Call(func=ast.Name(id=word)) if word in FUNCTIONS_OF_EVENTS:
                    yield node


def _span(leaf: Comparison, settings: Mapping[str, float]) -> str:
    """How long after the instant: a time where it is fixed, else what it is computed by."""
    if leaf.right.constant is not None:
        return duration_words(leaf.right.constant)
    tree = ast.parse(leaf.text, mode="eval").body
    if not isinstance(tree, ast.Compare):
        return duration_words(0)
    sides = (tree.left, tree.comparators[0])
    other = next(side for side in sides if not _is_time_call(side))
    text = ast.unparse(other)
    used = [n.id for n in ast.walk(other) if isinstance(n, ast.Name) and n.id in settings]
    return text + "".join(f" ({n} is {setting_words(settings[n])})" for n in dict.fromkeys(used))


def _is_time_call(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("since", "until")
    )


def setting_words(value: float) -> str:
    """A setting as it would be said.

    >>> setting_words(4), setting_words(0.5), setting_words(Duration(3_600_000))
    ('4', '0.5', '1 hour')
    """
    return duration_words(value) if isinstance(value, Duration) else f"{value:g}"


def events_of(reading: Reading, name: str) -> tuple[str, ...]:
    """Names of the events that can change what decides about a definition."""
    features = (f for decider in deciders(reading, name) for f in reading.features(decider))
    return tuple(dict.fromkeys(event for f in features for event in reading.need(f).feeds))


def described(reading: Reading, name: str) -> dict[str, Any]:
    """Everything about one definition, ready for JSON."""
    definition = reading.definitions[name]
    group = reading.group(name)
    written: dict[str, Any] = msgspec.to_builtins(definition)
    return {
        "name": name,
        "definition": written,
        "conditions": {
            "enter": definition.enter,
            "exit": definition.exit or _default_exit(reading, name),
        },
        "features": _features(reading, name),
        "settings": {
            setting: setting_words(value)
            for setting, value in reading.settings.items()
            if any(_names(leaf, setting) for leaf in reading.leaves(name))
        },
        "time_flips": [msgspec.to_builtins(flip) for flip in flips(reading, name)],
        "group": {"name": definition.group, "members": list(group)} if group else None,
        "depends_on": list(reading.depends(name)),
        "needed_by": list(reading.dependents(name)),
        "events": list(events_of(reading, name)),
        "version": reading.pack.versions[name],
    }


def _default_exit(reading: Reading, name: str) -> str:
    if reading.definitions[name].group is not None:
        return "another segment of the group begins"
    return "it is known that the condition to enter does not hold"


def _features(reading: Reading, name: str) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for leaf in reading.leaves(name):
        for feature in features_of(leaf):
            known = reading.feature(feature)
            words = feature_words(reading, feature, leaf)
            kind = KINDS.get(known.unit, "")
            found[feature] = {
                "name": words, "unit": known.unit, "about": known.about, "kind": kind
            }  # fmt: skip
    return list(found.values())


def _names(leaf: Leaf, setting: str) -> bool:
    nodes = ast.walk(ast.parse(leaf.text, mode="eval"))
    return any(isinstance(node, ast.Name) and node.id == setting for node in nodes)
