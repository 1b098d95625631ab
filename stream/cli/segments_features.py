"""What conditions can speak of: features by family, settings, units and functions."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from stream.cli.segments_file import add_file_option, read_definitions_file
from stream.events.kinds import KINDS as KNOWN_EVENTS
from stream.features.catalogue import FEATURES
from stream.features.needs import NEEDS
from stream.segments.describe import duration_words
from stream.segments.kinds import Duration
from stream.segments.language import EVENTS, FUNCTIONS, KINDS, OPERATORS, TIME_UNITS
from stream.segments.not_yet import NOT_YET


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments features`."""
    parser = subparsers.add_parser(
        "features",
        help=__doc__,
        description=__doc__,
        epilog="example: shoal segments features --segments my-segments.yaml",
    )
    add_file_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the registry; 2 where the definitions file, for its settings, does not hold."""
    found = vocabulary(read_definitions_file(args.segments).settings)
    if args.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _print(found)
    return 0


def vocabulary(settings: Mapping[str, float]) -> dict[str, Any]:
    """Everything that a condition can be written with."""
    families: dict[str, list[dict[str, Any]]] = {}
    for name, feature in FEATURES.items():
        need = NEEDS.get(name)
        families.setdefault(name.partition(".")[0], []).append(
            {
                "name": name,
                "unit": feature.unit,
                "about": feature.about,
                "can_be_unknown": feature.nullable,
                "events": list(need.feeds) if need else [],
                "by_time": need.by_time if need else None,
            }
        )
    return {
        "features": families,
        "kinds": KINDS,
        "settings": {
            name: duration_words(value) if isinstance(value, Duration) else value
            for name, value in settings.items()
        },
        "units": {name: duration_words(value) for name, value in TIME_UNITS.items()},
        "functions": FUNCTIONS,
        "operators": OPERATORS,
        "not_yet": NOT_YET,
        "events": EVENTS,
    }


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for family, features in found["features"].items():
        table = Table(title=family, title_justify="left", box=None, pad_edge=False)
        for name in ("feature", "unit", "what it means", "fed by"):
            table.add_column(name, no_wrap=name == "feature")
        for each in features:
            events = shortened(each["events"])
            if each["by_time"]:
                events += f"; and time: {each['by_time']}"
            table.add_row(*map(Text, (each["name"], each["unit"], each["about"], events)))
        console.print(table)
    for title in ("kinds", "settings", "units", "functions", "operators"):
        console.print(f"\n{title}", style="bold")
        for name, about in found[title].items():
            console.print(f"  {name}: {about}", highlight=False, markup=False)
    console.print("\nnot yet available", style="bold")
    for name, why in found["not_yet"].items():
        console.print(f"  {name}: {why}", highlight=False, markup=False)
    console.print("\nevents of measures, with their properties", style="bold")
    for name, properties in found["events"].items():
        console.print(f"  {name}: {', '.join(properties)}", highlight=False, markup=False)


def shortened(events: list[str], shown_max: int = 4) -> str:
    """The first few names, and how many more there are."""
    if len(events) == len(KNOWN_EVENTS):
        return "every event"
    more = len(events) - shown_max
    return ", ".join(events[:shown_max]) + (f" and {more} more" if more > 0 else "")
