"""Packs of any size are packs, and no definition of theirs is another's copy."""

from __future__ import annotations

import pytest

from stream.segments.pack import load_pack
from tests.bench.packs import pack_of, pack_size


@pytest.mark.parametrize("definitions", [0, 1, 14, 28, 56, 60])
def test_a_pack_has_so_many_definitions_and_all_differ(definitions: int):
    pack = load_pack(pack_of(definitions))
    assert len(pack.definitions) == definitions
    conditions = {(one.enter, one.exit) for one in pack.definitions.values()}
    fixed = sum(one.name.startswith(("new_visitor", "regular", "one_time", "exploring"))
                for one in pack.definitions.values())  # fmt: skip
    assert len(conditions) >= definitions - fixed


def test_the_first_definitions_are_the_built_in_ones():
    small, large = load_pack(pack_of(pack_size())), load_pack(pack_of(2 * pack_size()))
    for name, one in small.definitions.items():
        assert large.definitions[name].enter == one.enter
