"""The definitions of a file, one a line."""

from __future__ import annotations

import argparse
import json
from typing import Any

from stream.cli.segments_file import add_file_option, read_definitions_file
from stream.segments.reading import Reading


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments list`."""
    parser = subparsers.add_parser(
        "list", help=__doc__, description=__doc__, epilog="example: shoal segments list --json"
    )
    add_file_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the definitions; 2 where the file does not hold."""
    found = listed(read_definitions_file(args.segments))
    if args.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _print(found)
    return 0


def listed(reading: Reading) -> list[dict[str, Any]]:
    """What a list says of each definition, in the order of the file."""
    versions = reading.pack.versions
    return [
        {
            "name": name,
            "title": found.title or name,
            "group": found.group,
            "priority": found.priority,
            "action": "on" if found.action.enabled else "off",
            "kind": found.action.kind,
            "channels": list(found.action.channels),
            "consent": found.action.consent,
            "version": versions[name],
        }
        for name, found in reading.definitions.items()
    ]


_HEADINGS = ("name", "title", "group", "prio", "action", "channels", "consent", "version")
_NARROW = ("name", "group", "prio", "action", "channels", "consent")
"""Columns, and those that there is room for in a terminal of 80 characters."""

_ALL_FROM = 110
"""Characters a line from which all columns fit, the titles by words."""


def _print(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    headings = _HEADINGS if console.width >= _ALL_FROM else _NARROW
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=heading not in ("title", "action", "channels"))
    for each in found:
        kind = "" if each["kind"] == "message" else f": {each['kind']}"
        cells = {
            "name": each["name"],
            "title": each["title"],
            "group": each["group"] or "",
            "prio": str(each["priority"]),
            "action": each["action"] + kind,
            "channels": ", ".join(each["channels"]),
            "consent": each["consent"] or "",
            "version": each["version"][:8],
        }
        table.add_row(*(Text(cells[heading]) for heading in headings))
    console.print(table)
    if headings is _NARROW:
        console.print("Titles and versions: in a wider terminal, or with --json.")
    on = sum(each["action"] == "on" for each in found)
    console.print(f"{len(found)} definitions, {on} of their actions are on.")
