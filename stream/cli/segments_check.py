"""Whether definitions hold: one clear error, or what they are and what is hardly meant."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from stream.cli.failure import CommandFailedError
from stream.cli.segments_file import read_definitions_file
from stream.segments.lint import LintWarning, lint
from stream.segments.reading import Reading


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments check`."""
    parser = subparsers.add_parser(
        "check",
        help=__doc__,
        description="An error names file, line, field and, in a condition, the column. Without "
        "one, it says what each file holds, and warns of what is allowed and hardly meant. Exit "
        "codes: 0 the files hold; 1 they do, --strict is given, and there are warnings; 2 one "
        "does not.",
        epilog="example: shoal segments check --strict my-segments.yaml",
    )
    parser.add_argument("file", nargs="+", help="definitions, YAML")
    parser.add_argument("--strict", action="store_true", help="1 where there are warnings")
    parser.add_argument(
        "--today", metavar="DATE", help="to tell which reviews are overdue; default: today, UTC"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Check the files in turn; see the exit codes in the help."""
    today = _today(args.today)
    found = [(file, *_checked(file, today)) for file in args.file]
    if args.json:
        print(json.dumps([_built(*each) for each in found], indent=1, ensure_ascii=False))
    else:
        for file, reading, warnings in found:
            _print(file, reading, warnings)
    return 1 if args.strict and any(warnings for _, _, warnings in found) else 0


def _today(text: str | None) -> str:
    try:
        return str(datetime.now(UTC).date() if text is None else date.fromisoformat(text))
    except ValueError:
        raise CommandFailedError(
            f"--today {text}: is no date", "write one as in 2027-06-30", 2
        ) from None


def _checked(file: str, today: str) -> tuple[Reading, tuple[LintWarning, ...]]:
    if not Path(file).is_file():
        raise CommandFailedError(f"{file} is no file", "name a YAML file", 2)
    reading = read_definitions_file(file)
    return reading, lint(reading, today=today)


def _built(file: str, reading: Reading, warnings: tuple[LintWarning, ...]) -> dict[str, Any]:
    return {
        "file": file,
        "name": reading.pack.name,
        "segments": list(reading.definitions),
        "settings": len(reading.settings),
        "actions_on": [n for n, d in reading.definitions.items() if d.action.enabled],
        "warnings": [
            {"rule": w.rule, "segment": w.segment, "line": w.line, "message": w.message}
            for w in warnings
        ],
    }


def _print(file: str, reading: Reading, warnings: tuple[LintWarning, ...]) -> None:
    built = _built(file, reading, warnings)
    groups: dict[str, int] = {}
    for definition in reading.definitions.values():
        if definition.group is not None:
            groups[definition.group] = groups.get(definition.group, 0) + 1
    parts = [_counted(len(built["segments"]), "segment"), _counted(built["settings"], "setting")]
    parts += [f"group {name} of {count}" for name, count in groups.items()]
    parts.append(f"{_counted(len(built['actions_on']), 'action')} on")
    print(f"{file}: holds; {', '.join(parts)}; version {built['name']}")
    for warning in warnings:
        subject = "" if warning.segment is None else f"{warning.segment}: "
        print(f"{file}:{warning.line}: warning: {subject}{warning.message} ({warning.rule})")


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
