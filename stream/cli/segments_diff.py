"""Two versions of the definitions over one history: what was edited, who would join, who leave."""

from __future__ import annotations

import argparse
import json
from typing import Any

import msgspec
from rich.console import Console

from stream.backtest.comparison import (
    SAME,
    Difference,
    Example,
    compare,
    edited_settings,
    edits,
)
from stream.backtest.stays import SegmentFigures
from stream.cli.backtest_history import (
    History,
    add_history_arguments,
    figures_of,
    notes_on,
)
from stream.cli.backtest_tables import (
    evidence_text,
    output,
    period,
    plain_table,
    print_remarks,
    spark_width,
    sparkline,
)
from stream.cli.event_files import checked_definitions
from stream.cli.segments_file import check_names
from stream.clock import rfc3339
from stream.segments.pack import Pack
from stream.shell.collector import calm_collector
from stream.simulation.relived import Relived

BUILT_IN = "built-in"

_DESCRIPTION = """\
Replays a history once under each of two definition files, as if each had been in force all along,
and sets the members at the end against each other: who would join and who would leave, with the
evidence, and by how much each segment's size differs per day. What became of a definition: new,
removed, changed, settings (its text is the same, a setting that it names is not), moved (within
its exclusive group) or same; one that is the same can still differ by a segment that it reads.
"""

_EPILOG = """\
examples:
  shoal segments diff my-segments.yaml edited.yaml history.jsonl.gz
  shoal segments diff built-in my-segments.yaml history.jsonl.gz --json

exit codes: 0 done; 2 called wrongly, a file is wrong, or there is no event in it
"""

_STORIES = {
    "entered": "joins, entered",
    "left": "leaves, left",
    "never": "leaves, never comes in now; entered before",
}


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments diff`."""
    parser = subparsers.add_parser(
        "diff",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("old", metavar="OLD", help=f"definitions, or {BUILT_IN}")
    parser.add_argument("new", metavar="NEW", help=f"definitions, or {BUILT_IN}")
    add_history_arguments(parser)
    parser.add_argument("--segment", metavar="NAME", nargs="+", help="show these only")
    parser.add_argument(
        "--examples", type=int, default=5, metavar="N", help="customers a segment (default 5)"
    )


def run(args: argparse.Namespace) -> int:
    """0 when the history was lived through twice, whether there is a difference or not."""
    calm_collector()
    old, new = (checked_definitions(None if f == BUILT_IN else f) for f in (args.old, args.new))
    history = History(args, runs=2)
    before = history.relive(old, "the old definitions", None)
    rejected = history.source.rejected.copy()
    after = history.relive(new, "the new definitions", None)
    history.source.rejected = rejected
    edited = edits(
        (before.pack.definitions, before.pack.versions),
        (after.pack.definitions, after.pack.versions),
    )
    if args.segment:
        check_names(args.segment, [edit.segment for edit in edited])
        edited = [edit for edit in edited if edit.segment in args.segment]
    found = compare(
        edited,
        (before.observer, _figures(before)),
        (after.observer, _figures(after)),
        args.examples,
    )
    settings = edited_settings(_settings(before.pack), _settings(after.pack))
    if args.json:
        _print_json(history, before, after, found, settings)
    else:
        _print(history, after, found, settings)
    return 0


def _figures(lived: Relived) -> dict[str, SegmentFigures]:
    return {f.segment: f for f in figures_of(lived, list(lived.pack.definitions))}


def _settings(pack: Pack) -> dict[str, Any]:
    """The settings, and what else a file says of all its segments."""
    document = pack.document
    about = {name: getattr(document, name) for name in ("customer", "timezone", "control")}
    return {**msgspec.to_builtins(about), **document.settings}


def _print_json(
    history: History,
    before: Relived,
    after: Relived,
    found: list[Difference],
    settings: dict[str, tuple[Any, Any]],
) -> None:
    described = history.described(after)
    described["definitions"] = {"old": before.pack.name, "new": after.pack.name}
    answer = {
        **described,
        "settings": {name: {"old": old, "new": new} for name, (old, new) in settings.items()},
        "segments": [_built_in(difference) for difference in found],
    }
    print(json.dumps(answer, indent=1, ensure_ascii=False))


def _built_in(found: Difference) -> dict[str, Any]:
    edit = found.edit
    shown: dict[str, Any] = {
        "segment": found.segment,
        "kind": edit.kind,
        "old_version": edit.old_version,
        "new_version": edit.new_version,
        "fields": {name: {"old": old, "new": new} for name, (old, new) in edit.fields.items()},
    }
    for name in Difference.__struct_fields__:
        if name not in {"segment", "edit", "joiners", "leavers"}:
            shown[name] = msgspec.to_builtins(getattr(found, name))
    for name in ("joiners", "leavers"):
        shown[name] = [_example(example) for example in getattr(found, name)]
    return shown


def _example(example: Example) -> dict[str, Any]:
    turn = example.turn
    return {
        "customer": example.customer,
        "story": example.story,
        "time": None if turn is None else rfc3339(turn.time_ms),
        "cause": None if turn is None else turn.cause,
        "evidence": [] if turn is None else msgspec.to_builtins(turn.evidence),
    }


def _print(
    history: History,
    after: Relived,
    found: list[Difference],
    settings: dict[str, tuple[Any, Any]],
) -> None:
    console = output()
    for name, (old, new) in settings.items():
        console.print(f"setting {name}: {old} -> {new}", markup=False)
    table = plain_table(f"Old against new: {period(after.begin_ms, after.end_ms)}")
    bars = spark_width(console.width, 79)
    table.add_column("text", no_wrap=True)
    for heading in ("members", "join", "leave", "entries", "exits"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("new-old", no_wrap=True)
    shown = [d for d in found if d.edit.kind != SAME or _differs(d)]
    for d in shown:
        table.add_row(
            d.segment,
            d.edit.kind,
            _moved(d.members_old, d.members_new),
            f"{d.joins:,}" if d.joins else "",
            f"{d.leaves:,}" if d.leaves else "",
            _moved(d.entries_old, d.entries_new),
            _moved(d.exits_old, d.exits_new),
            sparkline(d.net_size, bars) if any(d.net_size) else "",
        )
    unchanged = len(found) - len(shown)
    if unchanged:
        table.caption = f"{unchanged} more are the same, in text and in members"
    console.print(table)
    for d in shown:
        _print_one(console, d)
    print_remarks(history, notes_on(after))


def _differs(found: Difference) -> bool:
    return bool(found.joins or found.leaves or any(found.net_size)) or (
        (found.entries_old, found.exits_old) != (found.entries_new, found.exits_new)
    )


def _moved(old: int, new: int) -> str:
    return f"{new:,}" if old == new else f"{old:,}→{new:,}"


def _print_one(console: Console, found: Difference) -> None:
    """What was edited in a definition, and who it moves."""

    def line(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    if not (found.edit.fields or found.joiners or found.leavers):
        return
    line(f"\n{found.segment}")
    for field, (old, new) in found.edit.fields.items():
        line(f"  {field}: {old}")
        line(f"  {' ' * len(field)}→ {new}")
    for example in (*found.joiners, *found.leavers):
        turn = example.turn
        story = _STORIES[example.story]
        line(f"  {example.customer} {story}" + ("" if turn is None else _when(turn.time_ms)))
        if turn is not None:
            line(f"      {evidence_text(turn.evidence)}")


def _when(time_ms: int) -> str:
    return f" {rfc3339(time_ms)[:19]}Z"
