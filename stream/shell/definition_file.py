"""The definitions file that a run was given; free of Kafka, for the offline run reads it too."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from stream.segments.pack import load_pack


def read_definitions(path: Path | None) -> bytes:
    """The definitions' text, checked; the built-in pack where no file is given.

    Raises
    ------
    DefinitionError
        Naming file, line, field, and what to write instead.
    """
    if path is None:
        pack = importlib.resources.files("stream.segments").joinpath("pack.yaml")
        content, name = pack.read_bytes(), "the built-in pack"
    else:
        content, name = path.read_bytes(), str(path)
    load_pack(content, name)
    return content
