"""What no file of the product does: run what it has read, or make a shell of it.

State and models are packed by msgspec, by field. A pickle, a marshal or a tag of YAML that makes
objects would let whoever writes to a topic run code in the worker.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.shell.app import new_app
from stream.shell.settings import Settings

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "stream").rglob("*.py"))

MODULES = {
    "cloudpickle", "cPickle", "dbm", "dill", "joblib", "jsonpickle", "marshal", "pickle",
    "pickletools", "shelve", "telnetlib", "xmlrpc",
}  # fmt: skip

CALLS = {
    "__import__", "eval", "exec", "compile",
    "os.system", "os.popen", "tempfile.mktemp",
    "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load",
    "hashlib.md5", "hashlib.sha1",
    "ssl._create_unverified_context",
}  # fmt: skip

OWN_TEXT = {
    "stream/events/vocabulary.py": {"compile", "eval"},
    "stream/explain/leaves.py": {"compile", "eval"},
    "stream/segments/collect.py": {"compile", "exec"},
    "stream/segments/compiler.py": {"compile", "eval", "exec"},
}
"""Where text is compiled: it is put together there, from the registry's code and from the nodes
of conditions that the parser has let through one by one; tests/properties holds that."""

UNVERIFIED = {"check_hostname": False, "shell": True, "allow_pickle": True}


def dotted(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def findings(text: str) -> set[str]:
    """What a file's text does of all this."""
    tree = ast.parse(text)
    found = set(imported(tree)) & MODULES
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found |= {dotted(node.func)} & CALLS
            found |= {
                f"{word.arg}={word.value.value}"
                for word in node.keywords
                if isinstance(word.value, ast.Constant)
                and word.arg in UNVERIFIED
                and UNVERIFIED[word.arg] is word.value.value
            }
        elif isinstance(node, ast.Attribute) and node.attr == "CERT_NONE":
            found.add("CERT_NONE")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_runs_what_it_has_read(path: Path):
    allowed = OWN_TEXT.get(path.relative_to(ROOT).as_posix(), set())
    assert findings(path.read_text(encoding="utf-8")) - allowed == set()


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from marshal import loads",
        "eval(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "subprocess.run(words, shell=True)",
        "numpy.load(file, allow_pickle=True)",
        "context.verify_mode = ssl.CERT_NONE",
        "open_tls(check_hostname=False)",
    ],
)
def test_the_search_finds_what_it_is_for(text: str):
    assert findings(text)


def test_where_text_is_compiled_it_is():
    for name, allowed in OWN_TEXT.items():
        assert findings((ROOT / name).read_text(encoding="utf-8")) == allowed


def test_the_group_packs_nothing_by_pickle_and_serves_no_web():
    app = new_app(Settings())
    assert (app.conf.key_serializer, app.conf.value_serializer) == ("raw", "raw")
    assert app.conf.web_enabled is False
