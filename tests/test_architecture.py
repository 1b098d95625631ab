"""What holds for the project as a whole: rooms, dependencies, packaged files, locks."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = sorted(path.parent for path in (ROOT / "stream").glob("*/__init__.py"))
LOCKS = sorted((ROOT / "deploy").glob("*.lock"))


def floors() -> list[str]:
    contract = PROJECT["tool"]["importlinter"]["contracts"][0]
    return [room.strip() for layer in contract["layers"] for room in layer.split("|")]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    names = {canonical(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in requirements}
    return names - {PROJECT["project"]["name"]}


def imported_roots(path: Path) -> set[str]:
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            roots.add(node.module.split(".")[0])
    return roots - set(sys.stdlib_module_names) - {"stream", "tests"}


def undeclared(folder: str, requirements: set[str]) -> dict[str, set[str]]:
    distributions = importlib.metadata.packages_distributions()
    missing: dict[str, set[str]] = {}
    for path in (ROOT / folder).rglob("*.py"):
        local = {other.stem for other in path.parent.iterdir()}
        for root in imported_roots(path) - local:
            names = {canonical(name) for name in distributions.get(root, [root])}
            if not names & requirements:
                missing.setdefault(root, set()).add(path.relative_to(ROOT).as_posix())
    return missing


OPTIONAL = {"rocksdict": {"stream/shell/local_store.py"}}
"""What an extra brings, and the one file that needs it: imported where the settings ask for it."""


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_says_what_it_is_for_in_a_few_lines_and_has_a_floor(room: Path):
    doc = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert 3 <= doc.count("\n") + 1 <= 8
    assert room.name in floors()


def test_every_floor_is_a_room():
    assert set(floors()) == {room.name for room in ROOMS} | {"clock"}


def test_what_the_package_imports_is_declared():
    assert undeclared("stream", declared(PROJECT["project"]["dependencies"])) == OPTIONAL
    extras = PROJECT["project"]["optional-dependencies"]
    assert declared(extras["rocksdb"]) == set(OPTIONAL)


def test_what_the_tests_import_is_declared():
    extras = PROJECT["project"]["optional-dependencies"]
    groups = [PROJECT["project"]["dependencies"], *extras.values()]
    assert undeclared("tests", set().union(*map(declared, groups))) == {}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_every_direct_dependency_with_hashes_and_no_address(lock: Path):
    text = lock.read_text(encoding="utf-8")
    pinned = {canonical(name) for name in re.findall(r"^([\w.-]+)==\S+", text, re.MULTILINE)}
    groups = [PROJECT["project"]["dependencies"]]
    if "dev" in lock.name:
        groups += PROJECT["project"]["optional-dependencies"].values()
    assert set().union(*map(declared, groups)) <= pinned
    assert text.count("--hash=sha256:") > len(pinned)
    assert "://" not in text


def test_both_locks_agree():
    versions = [
        dict(re.findall(r"^([\w.-]+)==([^\s;]+)(?! ;)", path.read_text("utf-8"), re.MULTILINE))
        for path in LOCKS
    ]
    shared = set(versions[0]) & set(versions[1])
    assert len(LOCKS) == 2
    assert {name for name in shared if versions[0][name] != versions[1][name]} == set()
