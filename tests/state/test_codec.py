from __future__ import annotations

import msgspec
import pytest

from stream.state.codec import FORMAT, RowFormatError, pack, unpack
from stream.state.fold import fold
from stream.state.row import Row
from tests.state.shopping import (
    DAY,
    START_MS,
    added,
    checkout,
    identified,
    message,
    order,
    page,
    product,
    refunded,
    search,
)


def full_row() -> Row:
    row = Row(sequence=7, activation=3, cluster="c2", forward_to=None, shared=True)
    events = [
        page(START_MS, channel="web"),
        search(START_MS),
        order(START_MS, "1", 10, coupon="X", currency="EUR"),
        refunded(START_MS + 1, "1", 3),
        product(START_MS + DAY),
        added(START_MS + DAY, "b"),
        checkout(START_MS + DAY),
        message(START_MS + DAY, "unsubscribed"),
        identified(START_MS + DAY, plan="gold", age=42, member=True, score=0.5),
    ]
    for event in events:
        fold(row, event)
    row.ids, row.older_ids, row.ids_since_ms = {1, 2**64 - 1}, {3}, START_MS
    row.bits, row.segments, row.buckets = [3, 13], {"loyal": START_MS}, {"orders.revenue": 812}
    row.targets, row.aliases = [("u", START_MS)], ["anon"]
    return row


def test_a_row_comes_back_as_it_was():
    row = full_row()
    assert unpack(pack(row)) == row
    assert unpack(pack(Row())) == Row()


def test_the_first_byte_is_the_format():
    assert pack(Row())[0] == FORMAT == 1


def test_a_newer_format_is_refused_and_says_so():
    with pytest.raises(RowFormatError, match="newer build"):
        unpack(bytes([FORMAT + 1]) + pack(Row())[1:])


@pytest.mark.parametrize("packed", [b"", b"\x01", b"\x01\xc1", b"\x01\x81\x01\x02"])
def test_bytes_that_are_no_row_are_refused(packed: bytes):
    with pytest.raises(RowFormatError):
        unpack(packed)


def test_a_row_of_an_older_build_has_defaults_for_what_it_lacks():
    values = msgspec.msgpack.decode(pack(full_row())[1:])
    older = bytes([FORMAT]) + msgspec.msgpack.encode(values[:12])
    row = unpack(older)
    assert row.first_ms == START_MS
    assert (row.targets, row.aliases, row.shared) == ([], [], False)


def test_a_part_that_never_came_into_being_costs_a_byte():
    assert len(pack(Row())) <= 1 + 3 + len(Row.__struct_fields__) + 9


def test_a_full_row_is_as_small_as_its_bounds_say():
    row = Row()
    for number in range(60):
        fold(row, added(START_MS + number, f"product-{number:08}"))
        fold(row, order(START_MS + number, f"order-{number}", 49.99))
        fold(row, added(START_MS + DAY + number, f"product-{number:08}", 2, 1234.56))
        fold(row, product(START_MS + DAY + number, f"product-{number:08}"))
    row.ids = {2**64 - 1 - number for number in range(512)}
    row.older_ids = {2**63 + number for number in range(512)}
    row.traits = {f"trait-{number:02}": "x" * 20 for number in range(50)}
    assert len(pack(row)) < 16 * 1024
