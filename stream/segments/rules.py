"""From a checked document to rules that compile: conditions, validity, stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from stream.clock import NEVER_MS, InvalidTimeError, instant_ms
from stream.segments.compiler import Rule
from stream.segments.conditions import Calendar, Condition, Tree
from stream.segments.consent import gated, meanings_of
from stream.segments.definition import Definition, Document
from stream.segments.kinds import Duration
from stream.segments.local_time import zone_of
from stream.segments.source import Source
from stream.segments.stay import Stay

CUSTOMER = ":customer"
"""The membership that says what counts as a customer; no segment can have this name."""

Path = tuple[str | int, ...]

_ONCE = re.compile(r"once(?:\s+per\s+(?P<time>.+))?", re.DOTALL)


def zone_of_shop(source: Source, document: Document) -> ZoneInfo:
    """The shop's time zone.

    Raises
    ------
    DefinitionError
        For a name that is none.
    """
    try:
        return zone_of(document.timezone)
    except ValueError as error:
        raise source.error(("timezone",), str(error)) from None


def rules_of(source: Source, document: Document, settings: Mapping[str, float]) -> list[Rule]:
    """A rule for each definition, in the order of the file, after the one for customers.

    Raises
    ------
    DefinitionError
        Naming file, line, field, and what to write instead.
    """
    zone = zone_of_shop(source, document)
    rules: list[Rule] = []
    meanings = meanings_of(source, document)
    if document.customer is not None:
        asked = source.condition(("customer",), document.customer, settings, {})
        rules.append(Rule(CUSTOMER, asked, None, is_silent=True))
    seen: dict[str, Definition] = {}
    kept = {one.name: one.shadow for one in document.segments}
    for at, definition in enumerate(document.segments):
        where = ("segments", at)
        if definition.name in seen:
            raise source.error(
                (*where, "name"),
                f"segment {definition.name!r} is defined twice; rename one, or take it out",
            )
        _refuse_in_group(source, where, definition, seen)
        rule = _rule(source, where, definition, settings, kept, zone)
        needs, default = definition.needs, document.consent_default
        rules.append(gated(source, where, rule, needs, default, meanings))
        if definition.success is not None and definition.success.within is not None:
            _time(source, (*where, "success", "within"), definition.success.within, settings)
        seen[definition.name] = definition
    return rules


def _rule(
    source: Source,
    where: Path,
    definition: Definition,
    settings: Mapping[str, float],
    known: Mapping[str, bool],
    zone: ZoneInfo,
) -> Rule:
    shadow = definition.shadow
    enter = source.condition((*where, "enter"), definition.enter, settings, known, shadow=shadow)
    leave = None
    if definition.exit is not None:
        leave = source.condition((*where, "exit"), definition.exit, settings, known, shadow=shadow)
    begins = _instant(source, (*where, "valid_from"), definition.valid_from, zone)
    ends = _instant(source, (*where, "valid_until"), definition.valid_until, zone)
    if begins is not None and ends is not None and ends.at_ms <= begins.at_ms:
        raise source.error((*where, "valid_until"), "is not after valid_from; move it")
    if begins is not None:
        enter = _joined("and", enter, begins)
    if ends is not None:
        enter = _joined("and", enter, ends, is_negated=True)
        leave = None if leave is None else _joined("or", leave, ends)
    return Rule(
        definition.name,
        enter,
        leave,
        stay=_stay(source, where, definition, settings),
        is_silent=shadow,
        jitter_ms=_time(source, (*where, "jitter"), definition.jitter, settings),
    )


def _refuse_in_group(
    source: Source, where: Path, definition: Definition, seen: Mapping[str, Definition]
) -> None:
    """An exclusive group always has its first one that holds, and nothing else decides."""
    if definition.group is None:
        return
    for field in ("exit", "min_stay", "cooldown", "reentry"):
        if getattr(definition, field) is not None:
            raise source.error(
                (*where, field),
                f"an exclusive group's segment has no {field}: it ends when another one of the "
                "group begins; take it out",
            )
    for other in seen.values():
        if other.group == definition.group and other.shadow != definition.shadow:
            raise source.error(
                (*where, "shadow"), "an exclusive group is in shadow as a whole; write it at all"
            )


def _joined(
    op: str, condition: Condition, leaf: Calendar, *, is_negated: bool = False
) -> Condition:
    """The condition with one more leaf."""
    number = len(condition.leaves)
    part: Tree | int = Tree("not", (number,)) if is_negated else number
    return Condition(
        Tree(op, (condition.tree, part)),
        (*condition.leaves, leaf),
        condition.features,
        condition.measures,
    )


def _instant(source: Source, path: Path, text: str | None, zone: ZoneInfo) -> Calendar | None:
    """A day's first instant at the shop, or an instant."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-27"):
            begins = datetime.combine(date.fromisoformat(text), time(), zone)
            at_ms = int(begins.timestamp()) * 1000
        else:
            at_ms = instant_ms(text)
    except (ValueError, InvalidTimeError, OverflowError):
        raise source.error(
            path, f"{text!r} is no day or time; write 2026-11-27 or 2026-11-27T09:00:00Z"
        ) from None
    return Calendar(f"{path[-1]} {text}", at_ms)


def _stay(
    source: Source, where: Path, definition: Definition, settings: Mapping[str, float]
) -> Stay | None:
    again_ms = 0
    if definition.reentry not in (None, "always"):
        found = _ONCE.fullmatch(definition.reentry or "")
        if found is None:
            raise source.error(
                (*where, "reentry"),
                f"{definition.reentry!r} is no policy; write always, once, or once per 90 * DAY",
            )
        again_ms = NEVER_MS
        if found["time"] is not None:
            again_ms = _time(source, (*where, "reentry"), found["time"], settings)
    stay = Stay(
        _time(source, (*where, "min_stay"), definition.min_stay, settings),
        _time(source, (*where, "cooldown"), definition.cooldown, settings),
        again_ms,
    )
    return None if stay == Stay() else stay


def _time(source: Source, path: Path, text: str | None, settings: Mapping[str, float]) -> int:
    """Milliseconds of a duration; `0s` and such are written as in the examples, too."""
    if text is None:
        return 0
    if text.strip() in ("0", "0s"):
        return 0
    number = source.number(path, text, settings)
    if not isinstance(number, Duration) or number < 0:
        raise source.error(path, f"{text!r} is no time; write one like 3 * DAY")
    return int(number)
