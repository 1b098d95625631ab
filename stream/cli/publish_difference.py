"""What publishing a definitions file would change: edits, settings, and measures that are new."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec
from rich.console import Console

from stream.backtest.comparison import SAME, Edit, edited_settings, edits
from stream.cli.backtest_tables import plain_table
from stream.clock import rfc3339
from stream.segments.describe import feature_words
from stream.segments.pack import Pack
from stream.segments.reading import Reading, features_of


class NewMeasure(msgspec.Struct, frozen=True):
    """What a condition asks of the past that rows do not keep yet.

    `whole_ms` is when its window has passed, counted from now; None for one of all time.
    """

    segment: str
    text: str
    whole_ms: int | None


class Difference(msgspec.Struct, frozen=True):
    """The definitions to be published against those in force."""

    old_name: str | None
    new_name: str
    edits: tuple[Edit, ...]
    settings: dict[str, tuple[Any, Any]]
    measures: tuple[NewMeasure, ...]


def difference(old: Pack | None, new: Reading) -> Difference:
    """Compare; without old ones everything is new, and nothing lacks its past."""
    before = ({}, {}) if old is None else (old.definitions, old.versions)
    found = edits(before, (new.pack.definitions, new.pack.versions))
    settings = edited_settings({} if old is None else _settings(old), _settings(new.pack))
    measures = () if old is None else tuple(_new_measures(old, new))
    return Difference(
        None if old is None else old.name, new.pack.name, tuple(found), settings, measures
    )


def _settings(pack: Pack) -> dict[str, Any]:
    """The settings, and what else a file says of all its segments."""
    document = pack.document
    rest = {
        name: msgspec.to_builtins(getattr(document, name))
        for name in document.__struct_fields__
        if name not in ("segments", "settings")
    }
    return {**rest, **document.settings}


def _new_measures(old: Pack, new: Reading) -> Iterable[NewMeasure]:
    now_ms = int(time.time() * 1000)
    for name in new.definitions:
        seen: set[str] = set()
        for leaf in new.leaves(name):
            for each in features_of(leaf):
                feature = new.feature(each)
                is_known = feature.measure in old.measures or feature.measure in seen
                if not feature.measure or is_known or not feature.is_lower_bound_at_first:
                    continue
                seen.add(feature.measure)
                whole_ms = now_ms + feature.reach_ms if feature.reach_ms else None
                yield NewMeasure(name, feature_words(new, each, leaf), whole_ms)


def print_difference(found: Difference, console: Console) -> None:
    """Tell it to a person."""
    old = "nothing" if found.old_name is None else found.old_name
    console.print(f"in force: {old}; to be published: {found.new_name}", highlight=False)
    changed = [edit for edit in found.edits if edit.kind != SAME]
    if changed:
        table = plain_table("Segments")
        table.add_column("what", no_wrap=True)
        table.add_column("how", overflow="fold")
        for edit in changed:
            table.add_row(edit.segment, edit.kind, _fields_text(edit))
        console.print(table)
    same = len(found.edits) - len(changed)
    console.print(f"{same} segments stay as they are" if changed else "no segment changes")
    for name, (before, after) in found.settings.items():
        console.print(f"setting {name}: {before} -> {after}", markup=False)
    if found.measures:
        table = plain_table("New measures: the past is missing at first")
        table.add_column("measure", overflow="fold")
        table.add_column("whole", no_wrap=True)
        for each in found.measures:
            whole = "by a backfill only" if each.whole_ms is None else rfc3339(each.whole_ms)[:16]
            table.add_row(each.segment, each.text, whole)
        console.print(table)
        console.print("until then counts prove `at least` alone; --backfill adds the past")


def _fields_text(edit: Edit) -> str:
    return "\n".join(f"{name}: {old} -> {new}" for name, (old, new) in edit.fields.items())


def in_json(found: Difference) -> dict[str, Any]:
    """The same for programs."""
    return {
        "definitions": {"old": found.old_name, "new": found.new_name},
        "settings": {name: {"old": a, "new": b} for name, (a, b) in found.settings.items()},
        "segments": [
            {
                "segment": edit.segment,
                "kind": edit.kind,
                "fields": {name: {"old": a, "new": b} for name, (a, b) in edit.fields.items()},
            }
            for edit in found.edits
        ],
        "measures": [
            {
                "segment": each.segment,
                "measure": each.text,
                "whole": None if each.whole_ms is None else rfc3339(each.whole_ms),
            }
            for each in found.measures
        ],
    }
