"""Measures: what conditions ask of a customer's past events.

    count(EVENT, within=, before=, where=)            how many
    sum / avg(EVENT.PROPERTY, within=, before=, where=)
    distinct(EVENT.PROPERTY, within=, where=)         how many different values
    first / last(EVENT, where=)                       the instant of the first or latest one
    first / last(EVENT.PROPERTY, where=)              its value
    sequence(EVENT, then=EVENT, within=)              the instant of the latest pair
    sequence(EVENT, then=not EVENT, within=)          the instant at which the wait for it ended

`EVENT` is the specification's name, `"Order Completed"`, or one word, `order_completed`; a step of
a sequence may carry a filter, `order_completed(where=...)`. `within=90 * DAY` looks back that far
from now, `before=90 * DAY` from that long ago; without them all time counts. The row keeps what a
measure needs from the moment at which its definitions are in force; two conditions that ask for
the same share it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from difflib import get_close_matches

import msgspec
from xxhash import xxh3_64_hexdigest

from stream.events.vocabulary import (
    EVENT_BY_WORD,
    FLAG,
    MONEY,
    NUMBER,
    OWN,
    TEXT,
    EventKind,
    event_kind,
)
from stream.features.registry import Feature
from stream.segments.arguments import EXAMPLES, arguments
from stream.segments.filters import Filter, FilterParser
from stream.segments.kinds import ConditionError
from stream.state.parts import event_part
from stream.state.windows import BUCKETS_MAX, SPAN_BUCKETS_MAX, Span, resolution_ms

WITHIN_MAX_MS = 5 * 366 * 86_400_000
"""A window of five years; further back nothing is asked of a customer's behaviour."""

KEY_LENGTH = 8


class Step(msgspec.Struct, frozen=True):
    """An event that a measure listens to: code of its tests over `event`, `item` and `local`.

    records  the records that stand for it
    test     of the event, beside its record
    filter   of the event or of one of its items
    items    code of its items, where the filter or the value asks for them
    value    code of what is added up or told apart, or nothing
    kind     of the value
    """

    records: tuple[type, ...]
    test: str
    filter: str
    items: str
    value: str = ""
    kind: str = ""


class Measure(msgspec.Struct, frozen=True):
    """What is kept of a row's events under `key`, which is a hash of what it is.

    kind       tally, buckets, values or steps (state/windows.py)
    steps      one event, or the two of a sequence
    span       of a window; `within_ms` 0 is all time
    """

    key: str
    kind: str
    steps: tuple[Step, ...]
    span: Span

    @property
    def parts(self) -> int:
        """The events that can change it, as bits of the row's parts."""
        return _parts_of(self.steps)


class Read(msgspec.Struct, frozen=True):
    """One reading of a measure, as a feature of a row at an instant."""

    measure: Measure
    feature: Feature


class MeasureParser:
    """Reads the measures of one condition.

    Parameters
    ----------
    source
        The condition's text, for its errors.
    duration
        Reads the milliseconds of a constant duration.
    """

    def __init__(
        self,
        source: str,
        settings: Mapping[str, float],
        duration: Callable[[ast.expr], float],
    ) -> None:
        self._source = source
        self._settings = settings
        self._duration = duration
        self.reads: dict[str, Read] = {}

    def read(self, node: ast.Call) -> Feature:
        """The feature of a call.

        Raises
        ------
        ConditionError
            With the column of what is wrong, and what to write instead.
        """
        assert isinstance(node.func, ast.Name)
        function = node.func.id
        if function == "sequence":
            return self._known(_instant_of(*self._sequence(node)))
        return self._known(self._measure(function, node))

    def happened(self, node: ast.Call) -> Feature:
        """The flag of a sequence that stands by itself: it has happened, or its wait has ended.

        Raises
        ------
        ConditionError
            As `read`.
        """
        return self._known(_flag_of(*self._sequence(node)))

    def _known(self, found: Read) -> Feature:
        return self.reads.setdefault(found.feature.name, found).feature

    def _measure(self, function: str, node: ast.Call) -> Read:
        named = arguments(node, ("within", "before", "where"))
        if len(node.args) != 1:
            raise ConditionError(
                f"{function}() is of one event, as in {function}({EXAMPLES[function]})",
                node.col_offset,
            )
        name, event, attribute = self._event(node.args[0])
        needs_value = function in ("sum", "avg", "distinct")
        if needs_value and attribute is None:
            raise ConditionError(
                f"{function}() is of a property, as in {function}({EXAMPLES[function]})",
                node.args[0].col_offset,
            )
        if function == "count" and attribute is not None:
            raise ConditionError(
                f"count() is of an event; take .{attribute} away, or use distinct()",
                node.args[0].col_offset,
            )
        step = self._step(name, event, attribute, named.get("where"), node.args[0])
        if step.kind == OWN and function not in ("first", "last"):
            step = _own(step, NUMBER if function in ("sum", "avg") else TEXT)
        if function in ("sum", "avg") and step.kind in (TEXT, FLAG):
            raise ConditionError(f"{function}() of a {step.kind}; use distinct()", node.col_offset)
        span = self._span(named, function, node)
        match function:
            case "distinct":
                return _distinct(step, span)
            case "first" | "last":
                return _end(function, step)
        return _sum(function, step, span)

    def _sequence(self, node: ast.Call) -> tuple[Measure, bool]:
        """What a sequence keeps, and whether its second step is negated."""
        named = arguments(node, ("then", "within"))
        if len(node.args) != 1 or "then" not in named or "within" not in named:
            raise ConditionError(
                f"sequence() has two events and a time, as in sequence({EXAMPLES['sequence']})",
                node.col_offset,
            )
        second = named["then"]
        is_negated = False
        if isinstance(second, ast.UnaryOp) and isinstance(second.op, ast.Not):
            is_negated, second = True, second.operand
        steps = (self._filtered(node.args[0]), self._filtered(second))
        span = Span(self._time(named["within"]), 0, 0)
        return _measure("steps", steps, span), is_negated

    def _filtered(self, node: ast.expr) -> Step:
        """A step of a sequence: EVENT, or EVENT(where=...)."""
        where = None
        at = node
        if isinstance(node, ast.Call):
            where = arguments(node, ("where",)).get("where")
            if node.args:
                raise ConditionError("a step's filter is written where=...", node.col_offset)
            at = node.func
        name, event, attribute = self._event(at)
        if attribute is not None:
            raise ConditionError("a step is an event, without a property", at.col_offset)
        return self._step(name, event, None, where, node)

    def _event(self, node: ast.expr) -> tuple[str, EventKind, str | None]:
        """An event and, where one is written, its property."""
        attribute = None
        if isinstance(node, ast.Attribute):
            attribute = node.attr
            node = node.value
        match node:
            case ast.Constant(value=str(name)) if 0 < len(name) <= 256:
                return name, event_kind(name), attribute
            case ast.Name(id=word) if word in EVENT_BY_WORD:
                name = EVENT_BY_WORD[word]
                return name, event_kind(name), attribute
        text = ast.get_source_segment(self._source, node) or ""
        near = get_close_matches(text, EVENT_BY_WORD, 1, 0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConditionError(
            f"{text!r} is no event of the specification{hint}; an event of your own is written "
            'in quotes, "My Event"',
            node.col_offset,
        )

    def _step(
        self,
        name: str,
        event: EventKind,
        attribute: str | None,
        where: ast.expr | None,
        node: ast.expr,
    ) -> Step:
        parser = FilterParser(self._source, self._settings, name, event)
        found: Filter = parser.filter(where)
        value = kind = ""
        is_of_items = found.is_of_items
        if attribute is not None:
            wanted = parser.property(attribute, node)
            value, kind = wanted.code, wanted.kind
            is_of_items |= wanted.is_of_items
        return Step(
            event.records, event.test, found.code, event.items if is_of_items else "", value, kind
        )

    def _span(self, named: Mapping[str, ast.expr], function: str, node: ast.Call) -> Span:
        within = named.get("within")
        before = named.get("before")
        if within is None:
            if before is not None:
                raise ConditionError("before= needs a within=", before.col_offset)
            return Span(0, 0, 0)
        if function in ("first", "last"):
            raise ConditionError(
                f"{function}() is of all time; compare it, as in since(last(...)) <= 30 * DAY",
                within.col_offset,
            )
        within_ms = self._time(within)
        before_ms = 0 if before is None else self._time(before)
        if before_ms and function == "distinct":
            raise ConditionError("distinct() has no before=", node.col_offset)
        span = Span(within_ms, before_ms, resolution_ms(within_ms))
        if (within_ms + before_ms) // span.resolution_ms > SPAN_BUCKETS_MAX:
            raise ConditionError(
                f"before= is more than {SPAN_BUCKETS_MAX // BUCKETS_MAX - 1} times as long as "
                "within=; widen the window",
                node.col_offset,
            )
        return span

    def _time(self, node: ast.expr) -> int:
        milliseconds = self._duration(node)
        if not 1000 <= milliseconds <= WITHIN_MAX_MS:
            raise ConditionError("is a time from 1 * SECOND to five years", node.col_offset)
        return int(milliseconds)


FUNCTIONS_OF_EVENTS = frozenset({"count", "sum", "avg", "distinct", "first", "last", "sequence"})


def _own(step: Step, kind: str) -> Step:
    """A step of which a property of a shop's own event is added up, or told apart."""
    value = f"number_trait({step.value})" if kind == NUMBER else step.value
    return msgspec.structs.replace(step, value=value, kind=kind)


def _parts_of(steps: tuple[Step, ...]) -> int:
    parts = 0
    for step in steps:
        for record in step.records:
            parts |= event_part(record)
    return parts


def _measure(kind: str, steps: tuple[Step, ...], span: Span) -> Measure:
    said = [
        [*(record.__name__ for record in step.records), step.test, step.filter, step.value]
        for step in steps
    ]
    content = msgspec.json.encode([kind, said, span.within_ms + span.before_ms, span.resolution_ms])
    return Measure(xxh3_64_hexdigest(content)[:KEY_LENGTH], kind, steps, span)


def _read(measure: Measure, feature: Feature, *, is_partial: bool = True) -> Read:
    """The reading, which depends on what its measure listens to.

    `is_partial` says whether it is too low while a part of the past is missing. The latest of
    something is right as soon as there is one.
    """
    span = measure.span
    reach_ms = span.within_ms + span.before_ms + span.resolution_ms if span.within_ms else 0
    found = msgspec.structs.replace(
        feature,
        parts=measure.parts,
        measure=measure.key,
        reach_ms=reach_ms,
        is_lower_bound_at_first=is_partial,
    )
    return Read(measure, found)


def _instant_of(measure: Measure, is_negated: bool) -> Read:
    """When a sequence was last completed, or when the wait for its second step has ended."""
    kept = f"row.windows.get({measure.key!r})"
    name, code, turns = f"done:{measure.key}", f"done_ms_of({kept})", ""
    if is_negated:
        name, code = f"lapsed:{measure.key}", f"lapsed_ms_of({kept}, now)"
        turns = f"waits_until_ms({kept}, now)"
    about = "When the latest pair was complete, or when the wait for its second step had ended."
    feature = Feature(name, code, "instant", 0, about, nullable=True, turns=turns)
    return _read(measure, feature, is_partial=False)


def _flag_of(measure: Measure, is_negated: bool) -> Read:
    """Whether a sequence was ever completed, or the latest wait for its second step was in vain."""
    kept = f"row.windows.get({measure.key!r})"
    name, code, turns = f"happened:{measure.key}", f"(done_ms_of({kept}) is not None)", ""
    if is_negated:
        name, code = f"waited:{measure.key}", f"has_waited({kept}, now)"
        turns = f"waits_until_ms({kept}, now)"
    about = "A sequence was completed, or the wait for its second step was in vain."
    found = _read(measure, Feature(name, code, "flag", 0, about, turns=turns))
    # What was before it was kept is not known to be missing, ever.
    return Read(measure, msgspec.structs.replace(found.feature, reach_ms=0))


def _sum(function: str, step: Step, span: Span) -> Read:
    """count, sum or avg, of all time or of a window."""
    measure = _measure("buckets" if span.within_ms else "tally", (step,), span)
    kept = f"row.windows.get({measure.key!r})"
    turns = ""
    count, total = f"count_of({kept})", f"total_of({kept})"
    name = f"{function}:{measure.key}"
    if span.within_ms:
        window = f"{kept}, now, {span.within_ms}, {span.before_ms}, {span.resolution_ms}"
        count, total = f"count_within({window})", f"total_within({window})"
        turns = f"turns_ms({window})"
        name += f":{span.within_ms}:{span.before_ms}"
    match function:
        case "count":
            return _read(measure, Feature(name, count, "count", 0, "Events.", turns=turns))
        case "sum":
            return _read(measure, Feature(name, total, "micros", 0, "Sum.", turns=turns))
    unit = "micros" if step.kind == MONEY else "ratio"
    divided = f"{total} / number" if unit == "micros" else f"{total} / number / 1000000"
    code = f"({divided} if (number := {count}) else None)"
    return _read(measure, Feature(name, code, unit, 0, "Mean.", nullable=True, turns=turns))


def _distinct(step: Step, span: Span) -> Read:
    measure = _measure("values", (step,), span)
    window = f"row.windows.get({measure.key!r}), now, {span.within_ms}"
    turns = f"distinct_turns_ms({window})" if span.within_ms else ""
    name, about = f"distinct:{measure.key}:{span.within_ms}", "Different values, 64 at most."
    return _read(measure, Feature(name, f"distinct_of({window})", "count", 0, about, turns=turns))


def _end(function: str, step: Step) -> Read:
    measure = _measure("tally", (step,), Span(0, 0, 0))
    kept = f"row.windows.get({measure.key!r})"
    if not step.value:
        code, unit = f"{function}_ms_of({kept})", "instant"
    else:
        code = f"{function}_of({kept})"
        unit = {MONEY: "micros", TEXT: "text", FLAG: "flag", OWN: OWN}.get(step.kind, "ratio")
    about = f"The {'first' if function == 'first' else 'latest'} of its events."
    feature = Feature(f"{function}:{measure.key}", code, unit, 0, about, nullable=True)
    return _read(measure, feature, is_partial=function == "first")
