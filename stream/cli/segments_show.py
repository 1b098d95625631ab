"""Everything about one definition, in words."""

from __future__ import annotations

import argparse
import json
from difflib import get_close_matches
from typing import Any

from stream.cli.failure import CommandFailedError
from stream.cli.segments_file import add_file_option, read_definitions_file
from stream.segments.describe import described


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments show`."""
    parser = subparsers.add_parser(
        "show",
        help=__doc__,
        description="Tells what a definition is for, what it asks and of which events, when time "
        "alone turns it, and what hangs on it.",
        epilog="example: shoal segments show abandoned_cart",
    )
    parser.add_argument("name", help="of a definition (shoal segments list)")
    add_file_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print it; 2 where there is no such definition."""
    reading = read_definitions_file(args.segments)
    if args.name not in reading.definitions:
        near = get_close_matches(args.name, reading.definitions, 1)
        then = f"did you mean {near[0]}?" if near else "shoal segments list names them"
        raise CommandFailedError(f"there is no definition {args.name!r}", then, 2)
    found = described(reading, args.name)
    if args.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _print(found)
    return 0


_SAID_APART = {"name", "title", "purpose", "enter", "exit", "group", "success", "action"}


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    written = found["definition"]
    console.print(f"{written.get('title') or found['name']} ({found['name']})", style="bold")
    console.print(written["purpose"])
    for title, lines in _sections(found):
        if lines:
            console.print(f"\n{title}", style="bold")
            for line in lines:
                console.print(f"  {line}", soft_wrap=True)
    console.print(f"\nversion {found['version']}")


def _sections(found: dict[str, Any]) -> list[tuple[str, list[str]]]:
    written = found["definition"]
    group = found["group"]
    return [
        ("Enters when", [found["conditions"]["enter"]]),
        ("Leaves when", [found["conditions"]["exit"]]),
        ("Settings", [f"{name} is {value}" for name, value in found["settings"].items()]),
        ("Reads", [f"{f['name']}: {f['about']} {_kind(f)}" for f in found["features"]]),
        ("Time alone turns it", [_flip(flip, found["name"]) for flip in found["time_flips"]]
         or ["never"]),
        ("Events that can change it", [", ".join(found["events"])] if found["events"] else []),
        ("Plan", _plan(written)),
        ("Also set", [f"{name}: {value}" for name, value in written.items()
                      if name not in _SAID_APART and value not in (None, False)]),
        ("Group", [f"{group['name']}: the first that holds of {', '.join(group['members'])}"]
         if group else []),
        ("Depends on", [", ".join(found["depends_on"])] if found["depends_on"] else []),
        ("Needed by", [", ".join(found["needed_by"])] if found["needed_by"] else []),
    ]  # fmt: skip


def _flip(flip: dict[str, str], name: str) -> str:
    where = "" if flip["segment"] == name else f" (of {flip['segment']})"
    return f"{flip['when']}: {flip['leaf']}{where}"


def _kind(feature: dict[str, str]) -> str:
    return f"({feature['unit']}: {feature['kind']})" if feature["unit"] else ""


def _plan(written: dict[str, Any]) -> list[str]:
    """What is done for a member, and how it shows that it helps."""
    action, success = written.get("action") or {}, written.get("success")
    lines: list[str] = []
    state = "on" if action.get("enabled") else "off"
    channels = ", ".join(action.get("channels", ())) or "no channel"
    lines.append(f"{action.get('kind', 'message')} by {channels}; the action is {state}")
    if action.get("message"):
        lines.append(f"message: {action['message']}")
    if action.get("consent"):
        lines.append(f"needs consent to {action['consent']}")
    for variant in action.get("variants", ()):
        extra = f", incentive {variant['incentive']}" if variant.get("incentive") else ""
        lines.append(f"variant {variant['name']}, weight {variant.get('weight', 1)}{extra}")
    if success:
        value = f", counting its {success['value']}" if success.get("value") else ""
        within = f" within {success['within']}" if success.get("within") else ""
        lines.append(f"success is {success['event']}{within}{value}")
    else:
        lines.append("no success is defined")
    return lines
