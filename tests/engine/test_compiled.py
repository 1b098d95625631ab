"""The hot path has one source: tests run on it as it is and, by `make test-compiled`, built."""

from __future__ import annotations

import ast
import importlib
import os
import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BUILT = [
    pattern.lstrip("/")
    for pattern in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"][
        "include"
    ]
]


@pytest.mark.parametrize("path", BUILT)
def test_a_module_runs_in_the_form_that_this_run_is_about(path):
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    suffixes = EXTENSION_SUFFIXES if os.environ.get("SHOAL_TEST_COMPILED") else [".py"]
    assert any(module.__file__.endswith(suffix) for suffix in suffixes)


@pytest.mark.parametrize("path", BUILT)
def test_what_is_built_has_no_struct_whose_field_types_would_be_lost(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    bases = {
        ast.unparse(base)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }
    assert not {base for base in bases if base.endswith("Struct")}


@pytest.mark.parametrize("path", BUILT)
def test_a_function_names_each_kind_of_error_differently(path):
    """The compiler takes the first handler's type for a name, and insists on it in the next one."""
    for function in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef):
            handlers = [n for n in ast.walk(function) if isinstance(n, ast.ExceptHandler)]
            named = [(n.name, ast.unparse(n.type)) for n in handlers if n.name and n.type]
            assert len(set(named)) == len({name for name, _ in named})
