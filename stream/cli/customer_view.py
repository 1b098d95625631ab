"""An explanation for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream.cli.backtest_tables import duration, output
from stream.clock import NEVER_MS, rfc3339
from stream.explain.explanation import Explanation, SegmentState
from stream.explain.leaves import LeafState
from stream.explain.voices import Action, Voices
from stream.explain.ways import Way

Shown = tuple[int, bool, str, str]
"""A change of the timeline: when, whether in, segment, cause."""

TIMELINE_MAX = 20
"""Latest changes that are shown; --json has all."""

_SIGNS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}


def as_json(found: Explanation) -> dict[str, Any]:
    """Everything, with instants as text."""
    return {
        "customer": found.customer,
        "at": rfc3339(found.now_ms),
        "definitions": found.definitions,
        "is_customer": found.is_customer,
        "first_seen": _instant(found.first_ms or None),
        "last_seen": _instant(found.last_ms or None),
        "events": found.events,
        "aliases": list(found.aliases),
        "actions": _actions_json(found.voices),
        "clusters": {name: rfc3339(at_ms) for name, at_ms in found.learned.items()},
        "segments": [_segment_json(state) for state in found.segments],
    }


def _actions_json(voices: Voices) -> dict[str, Any]:
    current = voices.current
    return {
        "current": None if current is None else _action_json(current),
        "suppressing": [_action_json(action) for action in voices.suppressing],
        "waiting": [
            {"segment": each.segment, "why": each.why, "not_before": _instant(each.not_before_ms),
             "valid_until": _instant(each.until_ms)}
            for each in voices.waits
        ],
    }  # fmt: skip


def _action_json(action: Action) -> dict[str, Any]:
    said = msgspec.to_builtins(action)
    said["since"] = _instant(said.pop("since_ms"))
    said["valid_until"] = _instant(said.pop("until_ms"))
    return {**said, "channels": list(action.channels)}


def _segment_json(state: SegmentState) -> dict[str, Any]:
    silent = state.silent
    return {
        "segment": state.segment,
        "title": state.title,
        "member": state.member,
        "since": _instant(state.since_ms),
        "verdict": {1: "in", -1: "out", 0: "as it is"}[state.verdict],
        "leaves": [_leaf_json(leaf) for leaf in state.leaves],
        "if_silent": None if silent is None else {
            "change": "entered" if silent.entered else "exited", "at": rfc3339(silent.at_ms)
        },
        "ways": [
            {"what": way.words, "turns_at": rfc3339(way.at_ms), "comparisons": list(way.turns)}
            for way in state.ways
        ],
        "waits_until": None if state.waits_ms is None else _until(state.waits_ms),
        "notes": list(state.notes),
        "version": state.version,
        "shadow": state.shadow,
        "group": state.group,
        "group_winner": state.winner,
        "holdout": state.holdout,
        "variant": state.variant,
    }  # fmt: skip


def _leaf_json(leaf: LeafState) -> dict[str, Any]:
    said = msgspec.to_builtins(leaf)
    said["turns_at"] = _instant(said.pop("turns_ms"))
    said["why_unknown"] = said.pop("why")
    return {"condition": said.pop("clause"), **said}


def _instant(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)


def _until(at_ms: int) -> str:
    return "never" if at_ms >= NEVER_MS else rfc3339(at_ms)


def print_explanation(found: Explanation, timeline: Sequence[Shown], *, in_full: bool) -> None:
    """Tables on standard output; `in_full` shows the comparisons of what is out, too."""
    console = output()
    told = (
        ""
        if found.is_customer is None
        else (", a customer by the definitions" if found.is_customer else ", not yet a customer")
    )
    _line(console, f"As of {_short(found.now_ms)} UTC: {found.events:,} events{told}", "bold")
    if found.aliases:
        _line(console, f"  also known by {len(found.aliases)} other ids")
    for name, at_ms in found.learned.items():
        _line(console, f"  in {name} since {_short(at_ms)}")
    for line in _action_lines(found.voices):
        _line(console, f"  {line}")
    for state in found.segments:
        if state.member or in_full:
            _print_state(console, state)
    outside = [state for state in found.segments if not state.member]
    if outside and not in_full:
        console.print(_outside(outside))
        _line(console, "--segment NAME shows the comparisons of one.")
    if timeline:
        _line(console, "\nWhat changed", "bold")
        for at_ms, entered, segment, cause in timeline[-TIMELINE_MAX:]:
            _line(console, f"  {_short(at_ms)}  {'+' if entered else '-'}{segment} by {cause}")
        if len(timeline) > TIMELINE_MAX:
            _line(console, f"  and {len(timeline) - TIMELINE_MAX:,} before (--json)")


def _action_lines(voices: Voices) -> list[str]:
    """What is said to the customer now, what is kept from them, and what waits."""
    current = voices.current
    lines = ["action now: none"] if current is None else [_action_line("action now", current)]
    lines += [_action_line("suppressed", action) for action in voices.suppressing]
    for each in voices.waits:
        starts = "" if each.not_before_ms is None else f", not before {_short(each.not_before_ms)}"
        lines.append(f"waits: the action of {each.segment} ({each.why}{starts})")
    return lines


def _action_line(word: str, action: Action) -> str:
    until = "" if action.until_ms is None else f" until {_short(action.until_ms)}"
    variant = "" if action.variant is None else f", variant {action.variant}"
    channels = ", ".join(action.channels)
    since = f"since {_short(action.since_ms)}{until}"
    return f"{word}: {channels}, by {action.segment}{variant}, {since}"


def _print_state(console: Console, state: SegmentState) -> None:
    where = f"in since {_short(state.since_ms)}" if state.since_ms is not None else "out"
    shadow = ", in shadow: nobody is told" if state.shadow else ""
    _line(console, f"\n{state.segment}: {where}{shadow}", "bold")
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("", "comparison", "value", "what would turn it"):
        table.add_column(heading, overflow="fold")
    for leaf in state.leaves:
        sign, style = _SIGNS[leaf.truth]
        text = leaf.leaf if leaf.clause == "enter" else f"exit: {leaf.leaf}"
        table.add_row(Text(sign, style), Text(text), Text(_value(leaf)), Text(_turning(leaf)))
    console.print(table)
    for line in state_lines(state):
        _line(console, f"  {line}")


def state_lines(state: SegmentState) -> list[str]:
    """What is said of a membership besides its comparisons."""
    lines: list[str] = []
    if state.silent is not None:
        word = "enters" if state.silent.entered else "exits"
        lines.append(f"{word} {_short(state.silent.at_ms)} if silent")
    word = "exits" if state.member else "enters"
    lines += [f"{word} with {way_words(way)}" for way in state.ways]
    if state.waits_ms is not None:
        due = "leave" if state.member else "enter"
        lines.append(f"due to {due}, and waits until {_until(state.waits_ms)}")
    lines += state.notes
    if state.holdout is not None:
        group = "global" if state.holdout == "global" else "segment's"
        lines.append(f"in the {group} control group: left alone by its action")
    elif state.variant is not None:
        lines.append(f"gets variant {state.variant} of its action")
    return lines


def way_words(way: Way) -> str:
    """What would have to happen, and when it would turn."""
    first = way.events[0].time_ms if way.events else way.at_ms
    return (
        way.words if way.at_ms <= first else f"{way.words}, then silence until {_short(way.at_ms)}"
    )


def _outside(states: list[SegmentState]) -> Table:
    table = Table(title="\nNot in", title_justify="left", box=SIMPLE_HEAD, show_edge=False,
                  pad_edge=False)  # fmt: skip
    table.add_column("segment", overflow="fold")
    table.add_column("why", overflow="fold")
    table.add_column("what would change it", overflow="fold")
    for state in states:
        lines = [line for line in state_lines(state) if line.startswith(("enters", "due"))]
        table.add_row(Text(state.segment), Text(_why_out(state)), Text("\n".join(lines)))
    return table


def _why_out(state: SegmentState) -> str:
    if state.winner is not None:
        return f"{state.winner} comes first" if state.verdict <= 0 else state.notes[0]
    entering = [leaf for leaf in state.leaves if leaf.clause == "enter"]
    wrong = [leaf for leaf in entering if leaf.truth is False]
    unknown = [f"{leaf.leaf} is unknown: {leaf.why}" for leaf in entering if leaf.truth is None]
    return "\n".join([f"not {leaf.leaf} [{_value(leaf)}]" for leaf in wrong] or unknown)


def _value(leaf: LeafState) -> str:
    value = leaf.value
    if leaf.why is not None and value is None:
        return leaf.why
    text = "" if value is None else str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = f"{value:,.2f}" if leaf.unit == "currency" else f"{value:,g}"
        if leaf.unit == "seconds":
            text = duration(round(value))
    return f"{text} ({leaf.why})" if leaf.why is not None else text


def _turning(leaf: LeafState) -> str:
    parts: list[str] = []
    if leaf.turns_ms is not None:
        parts.append(f"{_short(leaf.turns_ms)} if silent")
    if leaf.missing is not None:
        unit = "" if leaf.unit in ("count", "ratio", "number", "currency") else f" {leaf.unit}"
        amount = abs(leaf.missing)
        text = f"{amount:,.2f}" if leaf.unit == "currency" else f"{amount:,g}"
        parts.append(f"{text}{unit} {'more' if leaf.missing >= 0 else 'less'}")
    return " or ".join(parts)


def _short(at_ms: int) -> str:
    return rfc3339(at_ms)[:16].replace("T", " ")


def _line(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, soft_wrap=True)
