"""How the code is written, as far as a machine can tell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for top in ("stream", "tests") for path in (ROOT / top).rglob("*.py"))

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "common", "manager", "base", "misc"}
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]))
ASSERTING = re.compile(
    r"\bassert|raises\(|warns\(|fail\(|\bcheck_\w*\(|\bexpect_\w*\(|run_state_machine|\bverify\w*\("
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def lines_of(function: Function) -> int:
    """Lines of the function without its docstring."""
    doc = ast.get_docstring(function, clean=False)
    end = function.end_lineno or function.lineno
    return end - function.lineno + 1 - (doc.count("\n") + 1 if doc else 0)


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_there_is_code_to_look_at():
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=place)
def test_a_file_fits_its_limits(path: Path):
    text = path.read_text(encoding="utf-8")
    long = {f.name: lines_of(f) for f in functions(path) if lines_of(f) > FUNCTION_LINES_MAX}
    assert text.count("\n") <= FILE_LINES_MAX
    assert not long, f"functions over {FUNCTION_LINES_MAX} lines"
    assert path.stem not in NAMES_THAT_SAY_NOTHING


@pytest.mark.parametrize("path", FILES, ids=place)
def test_nothing_is_left_for_later(path: Path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if UNFINISHED.search(line)]


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name.startswith("test_")], ids=place
)
def test_every_test_asserts(path: Path):
    tests = [f for f in functions(path) if f.name.startswith("test_")]
    assert not [f.name for f in tests if not ASSERTING.search(ast.unparse(f))]
