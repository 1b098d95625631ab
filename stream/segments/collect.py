"""What the definitions in force keep of an event: one function for each record, compiled once.

`collect(row, event, now_ms)` lets the measures that listen to the record take it in, and gives the
record's bit of the row's parts where one of them did, else 0. Only what a measure asks for is
computed, and records that none listens to cost one look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import ZoneInfo

from stream.features.traits import flag_trait, number_trait, text_trait
from stream.segments.local_time import LocalClock
from stream.segments.measures import Measure, Step
from stream.state import windows
from stream.state.parts import event_part
from stream.state.room import millionths
from stream.state.row import Row

Collect = Callable[[Row, Any, int], int]

_SCOPE = {
    name: getattr(windows, name) for name in ("tally", "add_to_bucket", "add_value", "add_step")
} | {found.__name__: found for found in (number_trait, text_trait, flag_trait, millionths)}


def compile_collectors(measures: Iterable[Measure], zone: ZoneInfo) -> dict[type, Collect]:
    """The functions by type of record; 1 ms each."""
    lines: dict[type, list[str]] = {}
    for measure in measures:
        for number, step in enumerate(measure.steps):
            for record in step.records:
                lines.setdefault(record, []).extend(_lines(record, measure, step, number))
    return {record: _compiled(record, body, zone) for record, body in lines.items()}


def _compiled(record: type, body: list[str], zone: ZoneInfo) -> Collect:
    source = [
        "def collect(row, event, now_ms):",
        "    windows, time_ms = row.windows, event.time_ms",
    ]
    if any("local." in line for line in body):
        source.append("    local = local_time(time_ms)")
    source += ["    part = 0", *body, "    return part"]
    scope: dict[str, Any] = {**_SCOPE, "local_time": LocalClock(zone).at}
    code = compile("\n".join(source) + "\n", f"<collect {record.__name__}>", "exec")
    exec(code, scope)  # noqa: S102 text of our own making
    collect: Collect = scope["collect"]
    return collect


def _lines(record: type, measure: Measure, step: Step, number: int) -> list[str]:
    """Statements by which one measure takes in an event."""
    take = [f"part = {event_part(record)}", *_take(measure, step, number)]
    if step.items:
        body = [
            "found = 0",
            *(["total = 0"] if _adds(measure, step) else []),
            f"for item in {step.items}:",
            *_indented(_tested(step.filter, _each(measure, step))),
            "if found:",
            *_indented(take),
        ]
    else:
        if step.value:
            valued = [*_value(measure, step), *take]
            take = [f"value = {step.value}", "if value is not None:", *_indented(valued)]
        body = _tested(step.filter, take)
    return _indented(_tested(step.test, body))


def _adds(measure: Measure, step: Step) -> bool:
    return bool(step.value) and measure.kind in ("tally", "buckets")


def _each(measure: Measure, step: Step) -> list[str]:
    """What is done with an item that passes."""
    if not step.value:
        return ["found = 1"]
    inner = ["found = 1"]
    if measure.kind == "values":
        inner.append(_add_value(measure))
    elif _adds(measure, step):
        inner = ["found += 1", f"total += {_scaled(step)}", "shown = value"]
    return [f"value = {step.value}", "if value is not None:", *_indented(inner)]


def _value(measure: Measure, step: Step) -> list[str]:
    """Of an event without items: what is added up and shown."""
    return [f"total = {_scaled(step)}", "shown = value"] if _adds(measure, step) else []


def _scaled(step: Step) -> str:
    """The value as an integer: micros as they are, other numbers in millionths, texts nothing."""
    match step.kind:
        case "money":
            return "value"
        case "number":
            return "millionths(value)"
    return "0"


def _take(measure: Measure, step: Step, number: int) -> list[str]:
    key, span = repr(measure.key), measure.span
    kept = f"windows.get({key})"
    total = "total" if step.value else "0"
    values = ", found" if step.value and step.items else ""
    match measure.kind:
        case "tally":
            value = "shown" if step.value else "None"
            return [f"windows[{key}] = tally({kept}, time_ms, {total}, {value}{values})"]
        case "buckets":
            times = f"time_ms, now_ms, {span.within_ms + span.before_ms}, {span.resolution_ms}"
            return [f"windows[{key}] = add_to_bucket({kept}, {times}, {total}{values})"]
        case "values":
            return [] if step.items else [_add_value(measure)]
    first, second = measure.steps
    apart_ms = int(not set(first.records).isdisjoint(second.records))
    which = f"is_second={bool(number)}, within_ms={span.within_ms}, apart_ms={apart_ms}"
    return [f"windows[{key}] = add_step({kept}, time_ms, {which})"]


def _add_value(measure: Measure) -> str:
    key, resolution = repr(measure.key), measure.span.resolution_ms
    return f"windows[{key}] = add_value(windows.get({key}), time_ms, str(value), {resolution})"


def _tested(test: str, body: list[str]) -> list[str]:
    return [f"if {test}:", *_indented(body)] if test else body


def _indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]
