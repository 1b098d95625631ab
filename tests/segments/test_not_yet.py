"""What is not there yet is refused by name, with the reason and what to take instead."""

from __future__ import annotations

import pytest

from stream.segments.not_yet import NOT_YET
from stream.segments.pack import load_pack
from stream.segments.source import DefinitionError
from tests.engine.lane import BUILT_IN, definitions


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ("lifetime.alive < 0.5", "lifetime.alive"),
        ("since(lifetime.next_order) > 3 * DAY", "lifetime.next_order"),
        ("percentile(lifetime.value) >= 0.9", "lifetime.value"),
        ('in_segment("likely_to_convert")', "likely_to_convert"),
        ('in_segment("lookalike:loyal")', "lookalike:loyal"),
        ('in_segment("back_in_stock")', "back_in_stock"),
    ],
)
def test_the_parser_says_why(condition: str, name: str):
    with pytest.raises(DefinitionError) as caught:
        load_pack(definitions(f"name: it, enter: '{condition}'"), "it.yaml")
    assert f"{name} is not yet available: " in str(caught.value)
    assert NOT_YET[name.partition(":")[0]] in str(caught.value)


def test_the_built_in_pack_fakes_none_of_it():
    families = {name.partition(":")[0] for name in load_pack(BUILT_IN).definitions}
    assert not families & NOT_YET.keys()
