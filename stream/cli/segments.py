"""Definitions of segments: list, check, show, try on a history, see what the stream lacks."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

SUBCOMMANDS = (
    "list",
    "check",
    "show",
    "features",
    "readiness",
    "preview",
    "backtest",
    "diff",
    "publish",
    "backfill",
    "lift",
    "report",
    "forecast",
)
"""Each is `stream/cli/segments_NAME.py` with `add_parser(subparsers)` and `run(args)`."""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments` and what belongs to it."""
    parser = subparsers.add_parser(
        "segments",
        help=__doc__,
        description="Without --segments the definitions are the built-in pack.",
        epilog="example: shoal segments check my-segments.yaml && shoal segments list "
        "--segments my-segments.yaml",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name in SUBCOMMANDS:
        _module(name).add_parser(actions)


def run(args: argparse.Namespace) -> int:
    """Run the sub-command; exit codes: 0 ok, 1 something is wrong, 2 bad call or file."""
    return int(_module(args.action).run(args))


def _module(name: str) -> Any:
    return importlib.import_module(f"stream.cli.segments_{name}")
