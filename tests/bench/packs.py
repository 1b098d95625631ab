"""Definition files to measure with: the built-in pack, and what `kinds` has, beside or alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import yaml

from stream.segments.pack import Pack
from stream.segments.source import Source
from stream.shell.definition_file import read_definitions
from stream.state.fold import FOLDS, PAST, TIME
from stream.state.parts import event_part
from tests.bench.kinds import TURNS, Kind


def pack_size() -> int:
    """Definitions of the built-in pack."""
    return len(_built_in()["segments"])


def pack_of(kinds: Sequence[Kind], definitions: int, *, built_in: bool) -> bytes:
    """The text of a file with so many definitions of these kinds, each kind in its turn.

    With `built_in` they stand behind the built-in ones.
    """
    found = _built_in() if built_in else {}
    made = (kind.definition(turn) for turn in range(TURNS) for kind in kinds)
    extra = list(islice(made, definitions))
    assert len(extra) == definitions, f"{len(kinds)} kinds make {len(extra)} definitions"
    tree = {**found, "segments": [*found.get("segments", ()), *extra]}
    return yaml.safe_dump(tree, sort_keys=False).encode()


def is_touched(pack: Pack, record: type) -> bool:
    """Whether a record of this type can change anything that the definitions read, but time."""
    changes = (FOLDS[record].parts | event_part(record)) & ~(TIME | PAST)
    return any(unit.parts & changes for unit in pack.units)


def _built_in() -> dict[str, Any]:
    """The built-in pack; of a definition for several values, each one of them."""
    pack: dict[str, Any] = Source(read_definitions(None), "pack.yaml").tree
    return pack
