"""Whole definitions at random: patience, calendars, groups, `each`, cascades in any order."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from stream.clock import NEVER_MS
from stream.segments.pack import load_pack
from stream.segments.source import DefinitionError
from tests.properties.interpreter import DAY, HOUR
from tests.properties.spoken import CATEGORIES, HEAD, Speaker
from tests.state.shopping import START_MS

REFUSED = (
    "divides by zero", "times as long", "compares a duration", "on both sides", "computes with",
    "compares a number with a duration", "asks for itself",
)  # fmt: skip


class Defined(NamedTuple):
    """One definition as it is meant: its texts, and when it may turn whatever they say.

    each  the text to enter as the file has it, where it is one of several values
    """

    name: str
    enter: str
    leave: str | None = None
    group: str | None = None
    begins_ms: int | None = None
    ends_ms: int | None = None
    stay_ms: int = 0
    cooldown_ms: int = 0
    again_ms: int = 0
    each: str | None = None


def defined(random: Random, count: int = 4) -> tuple[list[Defined], bytes]:
    """Definitions that hold, in the order of their file, and the file."""
    found: list[Defined] = []
    while len(found) < count:
        more = _more(random, found)
        written = [*found, *more]
        random.shuffle(written)
        try:
            load_pack(file_of(written))
        except DefinitionError as error:
            if not any(said in str(error) for said in REFUSED):
                raise
            continue
        found = written
    return found, file_of(found)


def _more(random: Random, known: list[Defined]) -> list[Defined]:
    """A definition, a group of two, or one that is each of two."""
    names = [one.name for one in known]
    random.shuffle(names)
    speaker, number = Speaker(random), len(known)
    said = speaker.condition(names)
    if names and random.random() < 0.25:
        asked = random.choice(["and", "and not", "or"])
        said = f"({said}) {asked} in_segment('{names[-1]}')"
    kind = random.random()
    if kind < 0.15:
        return [
            Defined(f"g{number}", said, group=f"group{number}"),
            Defined(f"h{number}", speaker.condition(names), group=f"group{number}"),
        ]
    leave = speaker.condition(names) if random.random() < 0.3 else None
    if kind < 0.3:
        within = random.choice(["", f", within={speaker.time()}"])
        text = f"({said}) {random.choice(['and', 'or'])} bought('{{CATEGORY}}'{within})"
        return [
            Defined(f"e{number}:{one}", text.replace("{CATEGORY}", one), leave, each=text)
            for one in random.sample(CATEGORIES, 2)
        ]
    return [_with_times(random, Defined(f"s{number}", said, leave))]


def _with_times(random: Random, plain: Defined) -> Defined:
    if random.random() < 0.35:
        plain = plain._replace(
            stay_ms=random.choice([0, 5, 70]) * HOUR,
            cooldown_ms=random.choice([0, 3, 100]) * HOUR,
            again_ms=random.choice([0, 0, 200 * HOUR, NEVER_MS]),
        )
    if random.random() < 0.25:
        begins_ms = START_MS + random.randrange(30 * 24) * HOUR + random.randrange(2) * 500
        plain = plain._replace(begins_ms=begins_ms)
    if random.random() < 0.25:
        after_ms = plain.begins_ms or START_MS + 3 * DAY
        plain = plain._replace(ends_ms=after_ms + random.randrange(1, 40 * 24) * HOUR)
    return plain


def file_of(written: list[Defined]) -> bytes:
    """The file, with conditions that go over several lines."""
    lines: list[str] = []
    for one in written:
        if one.each is not None:
            lines += _each(one, written)
            continue
        lines += _definition(one.name, one)
    return (HEAD + "\n".join(lines) + "\n").encode()


def _each(one: Defined, written: list[Defined]) -> list[str]:
    """What is each of some values stands where the first of them does."""
    stem, _, value = one.name.partition(":")
    same = [other.name for other in written if other.name.startswith(stem + ":")]
    values = [name.partition(":")[2] for name in same]
    if value != values[0]:
        return []
    lines = _definition(f"{stem}:{{CATEGORY}}", one._replace(enter=one.each or ""))
    return [lines[0], f"    each: {{CATEGORY: [{', '.join(values)}]}}", *lines[1:]]


def _definition(name: str, one: Defined) -> list[str]:
    lines = [f"  - name: '{name}'", "    purpose: p"]
    for field, said in (("enter", one.enter), ("exit", one.leave)):
        if said is not None:
            lines += [f"    {field}: |", *("      " + line for line in said.split("\n"))]
    for field, at_ms in (("valid_from", one.begins_ms), ("valid_until", one.ends_ms)):
        if at_ms is not None:
            instant = datetime.fromtimestamp(at_ms / 1000, UTC)
            lines.append(f"    {field}: '{instant.strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3]}Z'")
    if one.group is not None:
        lines.append(f"    group: {one.group}")
    for field, span_ms in (("min_stay", one.stay_ms), ("cooldown", one.cooldown_ms)):
        if span_ms:
            lines.append(f"    {field}: {span_ms // HOUR} * HOUR")
    if one.again_ms:
        per = "" if one.again_ms >= NEVER_MS else f" per {one.again_ms // HOUR} * HOUR"
        lines.append(f"    reentry: once{per}")
    return lines
