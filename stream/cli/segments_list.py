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


_WIDTHS = {
    "name": 18,
    "title": 10,
    "group": 7,
    "prio": 3,
    "action": 6,
    "channels": 10,
    "consent": 9,
    "version": 8,
}
"""Columns and how narrow they may become."""


def _print(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name, width_min in _WIDTHS.items():
        whole = name in ("name", "version")
        table.add_column(name, min_width=width_min, no_wrap=whole, overflow="fold")
    for each in found:
        cells = [
            each["name"],
            each["title"],
            each["group"] or "",
            str(each["priority"]),
            each["action"] if each["kind"] == "message" else f"{each['action']}: {each['kind']}",
            ", ".join(each["channels"]),
            each["consent"] or "",
            each["version"][:8],
        ]
        table.add_row(*map(Text, cells))
    console = Console()
    console.print(table)
    on = sum(each["action"] == "on" for each in found)
    console.print(f"{len(found)} definitions, {on} of their actions are on.")
