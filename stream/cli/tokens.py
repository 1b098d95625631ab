"""Tokens for the worker's HTTP pages: make one, and keep only its hash."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any

from stream.cli.failure import CommandFailedError
from stream.shell.environment import SettingError
from stream.shell.http_tokens import SCOPES, new_token, read_tokens

_SECRET_MODE = 0o640
"""Of the file that has the token itself: for its owner to write, for its group to read."""

_EPILOG = """\
examples:
  shoal tokens create prometheus --scope metrics --file http-tokens
  shoal tokens create probe --scope health --file http-tokens --out probe.token

Then start the worker with SHOAL_HTTP_TOKENS_FILE=http-tokens. Who asks shows the token in a header:
Authorization: Bearer TOKEN
"""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal tokens`."""
    parser = subparsers.add_parser(
        "tokens",
        help=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser(
        "create",
        help="make a token: it is shown once, and its hash is added to the file",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    create.add_argument("name", metavar="NAME", type=_name, help="whose it is, for the file")
    create.add_argument(
        "--scope", action="append", required=True, choices=SCOPES, help="may be given twice"
    )
    create.add_argument(
        "--file", required=True, type=Path, metavar="F", help="the file of hashes, made if absent"
    )
    create.add_argument(
        "--out", type=Path, metavar="F", help="write the token there instead of to stdout"
    )
    create.add_argument(
        "--unless-there", action="store_true", help="do nothing where the name has one already"
    )


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 1 a file cannot be written or the name has a token, 2 wrong usage."""
    try:
        known = read_tokens(args.file) if args.file.exists() else ()
    except SettingError as error:
        raise CommandFailedError(str(error), "correct it, or name another file", 2) from None
    if any(token.name == args.name for token in known):
        if args.unless_there:
            return 0
        raise CommandFailedError(
            f"{args.file} has a token named {args.name}", "choose another name, or take it out"
        )
    text, token = new_token(args.name, frozenset(args.scope))
    try:
        if args.out is not None:
            _write(args.out, text + "\n", os.O_EXCL)
        _write(args.file, token.line + "\n", os.O_APPEND)
    except OSError as error:
        raise CommandFailedError(
            f"cannot write {error.filename}: {error.strerror}", "name another file"
        ) from None
    if args.out is None:
        print(text)
    return 0


def _write(file: Path, text: str, how: int) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | how, _SECRET_MODE)
    with os.fdopen(handle, "w", encoding="ascii") as opened:
        opened.write(text)


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text):
        raise argparse.ArgumentTypeError("is 1 to 64 letters, digits and _ . -")
    return text
