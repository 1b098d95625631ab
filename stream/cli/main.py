"""Finds the command's file, reads its arguments, runs it, and turns an error into one line.

A command is a module of this package that defines `add_parser`; GROUP_NAME is a part of the command
GROUP, which declares it. The list of commands comes from
the modules' sources alone, and only the command that is asked for is imported: `shoal --help`
stays fast, and a command that cannot be imported does not take the others along.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import NoReturn

import stream
from stream.cli.failure import CommandFailedError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


class _Parser(argparse.ArgumentParser):
    """Errors take one line, which names the help that shows how it is meant."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {message} (see: {self.prog} --help)\n")


def find_commands() -> dict[str, str]:
    """Name on the command line -> module, for every command there is; imports none of them."""
    package = importlib.util.find_spec("stream.cli")
    places = package.submodule_search_locations if package else None
    modules = sorted(info.name for info in pkgutil.iter_modules(places))
    found = [name for name in modules if "\ndef add_parser(" in _source(f"stream.cli.{name}")]
    return {
        module.rstrip("_").replace("_", "-"): f"stream.cli.{module}"
        for module in found
        # `segments_list` is a part of the command `segments`.
        if module.partition("_")[0] not in set(found) - {module}
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done, 1 it failed, 2 called wrongly, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in {"-h", "--help", "help"}:
        print(_overview())
        return 0 if words else EXIT_USAGE
    if words[0] in {"-V", "--version"}:
        print(f"shoal {stream.__version__}")
        return 0
    module = find_commands().get(words[0])
    if module is None:
        print(_no_such_command(words[0]), file=sys.stderr)
        return EXIT_USAGE
    return _guarded(module, words)


def _guarded(module: str, words: list[str]) -> int:
    """Run the command; every way it can end becomes an exit code, every error one line."""
    try:
        return _run(module, words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has left (`| head`). Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last frame: line and exit code tell
        return _fail(words[0], error)


def _run(module_name: str, words: list[str]) -> int:
    module = importlib.import_module(module_name)
    parser = _Parser(prog="shoal")
    subparsers = parser.add_subparsers(dest="command", required=True)
    module.add_parser(subparsers)
    args, unknown = parser.parse_known_args(words)
    if unknown:
        subparsers.choices[words[0]].error(f"there is no {' '.join(unknown)}")
    return int(module.run(args))


def _fail(command: str, error: Exception) -> int:
    if os.environ.get("SHOAL_DEBUG"):
        raise error
    if isinstance(error, CommandFailedError):
        print(f"shoal {command}: {error}", file=sys.stderr)
        return error.exit_code
    first = next(iter(str(error).splitlines()), "")
    name = type(error).__name__
    print(
        f"shoal {command}: {name}: {first or 'no further word'} (SHOAL_DEBUG=1 shows where)",
        file=sys.stderr,
    )
    return EXIT_FAILED


def _overview() -> str:
    lines = [
        "usage: shoal COMMAND ...",
        "",
        "Keeps every customer of a shop in the right segments, from its event stream.",
        "",
    ]
    lines += [f"  {name:<13} {_first_line(module)}" for name, module in find_commands().items()]
    lines += ["", "Try it:        shoal demo", "One command:   shoal COMMAND --help"]
    return "\n".join(lines)


def _no_such_command(word: str) -> str:
    near = difflib.get_close_matches(word, find_commands(), n=1)
    guess = f" Did you mean `shoal {near[0]}`?" if near else ""
    return f"shoal: there is no command {word!r}.{guess} (see: shoal --help)"


def _first_line(module: str) -> str:
    doc = ast.get_docstring(ast.parse(_source(module))) or ""
    return doc.split("\n", 1)[0]


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    source = getattr(spec and spec.loader, "get_source", lambda _: None)(module)
    return source or ""


if __name__ == "__main__":
    sys.exit(main())
