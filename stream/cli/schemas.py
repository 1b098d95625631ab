"""JSON Schemas of the topics and the AsyncAPI document, from the code."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from stream.cli.failure import CommandFailedError
from stream.cli.schema_asyncapi import asyncapi
from stream.cli.schema_documents import schemas


def add_parser(subparsers: Any) -> None:
    """Declare `shoal schemas`."""
    parser = subparsers.add_parser(
        "schemas",
        help=__doc__,
        description="Writes what goes through each topic as JSON Schema (draft 2020-12), and an "
        "AsyncAPI 3.0 document that names them all.",
        epilog="example: shoal schemas --to schemas && git diff schemas",
    )
    parser.add_argument(
        "--to", type=Path, default=Path("schemas"), metavar="FOLDER", help="default: %(default)s"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; 1 when the folder is out of date"
    )


def run(args: argparse.Namespace) -> int:
    """Write or check the folder."""
    wanted = {name: text(document) for name, document in documents().items()}
    stale = stale_files(args.to, wanted)
    if args.check:
        if stale:
            raise CommandFailedError(
                f"out of date in {args.to}: {', '.join(stale)}", "run: shoal schemas"
            )
        return 0
    args.to.mkdir(parents=True, exist_ok=True)
    for name in stale:
        path = args.to / name
        if name in wanted:
            path.write_text(wanted[name], encoding="utf-8")
            print(f"wrote {path}")
        else:
            path.unlink()
            print(f"removed {path}")
    return 0


def documents() -> dict[str, dict[str, Any]]:
    """File name -> document."""
    return {**schemas(), "asyncapi.json": asyncapi()}


def text(document: dict[str, Any]) -> str:
    """The document as it stands in its file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def stale_files(folder: Path, wanted: dict[str, str]) -> list[str]:
    """Files that are missing, differ, or are not wanted any more."""
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in there | wanted if there.get(name) != wanted.get(name))
