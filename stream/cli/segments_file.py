"""The definitions file that a sub-command of `shoal segments` is given."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from stream.cli.failure import CommandFailedError
from stream.segments.reading import Reading
from stream.segments.source import DefinitionError
from stream.shell.definition_file import read_definitions


def add_file_option(parser: argparse.ArgumentParser) -> None:
    """Declare --segments."""
    parser.add_argument("--segments", metavar="F", help="definitions (default: the built-in pack)")


def read_definitions_file(path: str | None) -> Reading:
    """The definitions of a file, or of the built-in pack, with what they were written as.

    Raises
    ------
    CommandFailedError
        Exit code 2: the file is not there, or does not hold.
    """
    try:
        content = read_definitions(None if path is None else Path(path))
        return Reading(content, "the built-in pack" if path is None else path)
    except OSError as error:
        raise CommandFailedError(
            f"cannot read {path}: {error.strerror}", "name a file", 2
        ) from None
    except DefinitionError as error:
        raise CommandFailedError(str(error), "then check again", 2) from None


def check_names(asked: Iterable[str], known: Iterable[str]) -> None:
    """End with code 2 where a segment is asked for that there is not."""
    there = list(known)
    for name in asked:
        if name not in there:
            near = get_close_matches(name, there, 1)
            then = f"did you mean {near[0]}?" if near else f"there are {', '.join(there)}"
            raise CommandFailedError(f"there is no segment {name!r}", then, 2)
