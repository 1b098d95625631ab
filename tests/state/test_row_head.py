from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream.state.codec import RowFormatError, pack, unpack
from stream.state.row import Row
from stream.state.row_head import unpack_held
from stream.state.row_parts import Cart, CartLine


@pytest.mark.parametrize(
    "row",
    [
        Row(),
        Row(timer_ms=7, segments={"a": 1, "b": 2}, shadows={"c": 3}),
        Row(
            timer_ms=9,
            shadows={"in shadow": 5},
            cart=Cart({"p": CartLine(1, 2, 3)}, 1, 2, 3),
            windows={},
            past={"a": (1, 2)},
        ),
    ],
)
def test_what_is_read_is_what_the_row_holds(row: Row) -> None:
    held = unpack_held(pack(row))
    assert held.timer_ms == row.timer_ms
    assert held.segments == row.segments
    assert held.shadows == row.shadows


GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.json")))
def test_a_row_of_an_older_format_is_read_too(name: str) -> None:
    for packed in json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))["rows"].values():
        row, held = unpack(bytes.fromhex(packed)), unpack_held(bytes.fromhex(packed))
        assert held.timer_ms == row.timer_ms
        assert held.segments == row.segments
        assert held.shadows == row.shadows


def test_what_is_no_row_is_refused() -> None:
    with pytest.raises(RowFormatError):
        unpack_held(b"\xc1")
