from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
import zstandard

from stream.clock import NEVER_MS
from stream.state import row_dictionary
from stream.state.codec import (
    PackedRow,
    RowFormatError,
    pack,
    rest_of,
    uncompressed,
    unpack,
    unpack_head,
)
from stream.state.dedupe import is_duplicate, new_ids, remember
from stream.state.fold import fold
from stream.state.row import ROW_FORMAT, Row
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

FORMAT_1_ROW = (
    "01dc001dcf0000019cabd83800cf0000019cb0fe940000cf0020000000000000070392030d81a56c6f79616ccf"
    "0000019cabd83800a2633281ae6f72646572732e726576656e7565cd032c099201cfffffffffffffffff9103cf"
    "0000019cabd838009c02cf0000019cb0fe9400cf0000019cb0fe9400c300000100010100019481a1629301ce00"
    "989680cf0000019cb0fe940001cf0000019cb0fe94000194cf0000019cb0fe9400cf0000019cb0fe940001c092"
    "81a161cf0000019cb0fe9400cf0000019cb0fe9400dc00139198cf65cd25028f98f158cf0000019cabd83800ce"
    "00989680ce002dc6c0c2c2c30001cf0000019cabd83800cf0000019cabd83800ce00989680ce002dc6c0000100"
    "01cf0000019cabd8380000cb000000000000000000000000a345555297cf0000019cabd83800ce0098968000c0"
    "a158c0c399000000000000000091a5656d61696c84a4706c616ea4676f6c64a36167652aa66d656d626572c3a5"
    "73636f7265cb3fe000000000000081a377656201c0c39192a175cf0000019cabd8380091a4616e6f6ecf000001"
    "9cb0fe94000000"
)


DICTIONARY_3 = "a24809c882951439d8b0bffd4044cbfb196bf4296146b6c2fd747ec028274d85"


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
    row.ids, row.ids_since_ms = new_ids([3], [1, 2**64 - 1]), START_MS
    row.bits, row.segments, row.buckets = [3, 13], {"loyal": START_MS}, {"orders.revenue": 812}
    row.targets, row.aliases = [("u", START_MS)], ["anon"]
    return row


def with_rest(values: list[object]) -> bytes:
    """A packed row of these fields behind its head."""
    packed = row_dictionary.new_compressor().compress(msgspec.msgpack.encode(values))
    return msgspec.msgpack.encode([ROW_FORMAT, NEVER_MS, {}, {}, None, packed])


def test_a_row_comes_back_as_it_was():
    row = full_row()
    assert unpack(pack(row)) == row
    assert unpack(pack(Row())) == Row()


def test_a_row_begins_with_its_format_and_what_restores_need():
    row = full_row()
    row.shadows = {"tried": START_MS + 1}
    values = msgspec.msgpack.decode(pack(row))
    assert values[:4] == [ROW_FORMAT, NEVER_MS, {"loyal": START_MS}, {"tried": START_MS + 1}]


def test_the_rest_is_what_zstd_says_with_the_dictionary():
    """Read by what the format says alone, not by the row's own reader."""
    *_, rest = msgspec.msgpack.decode(pack(full_row()))
    path = Path(row_dictionary.__file__).with_name("row_dictionary.bin")
    dictionary = zstandard.ZstdCompressionDict(path.read_bytes())
    magicless = zstandard.FORMAT_ZSTD1_MAGICLESS
    plain = zstandard.ZstdDecompressor(dict_data=dictionary, format=magicless).decompress(rest)
    assert len(rest) < len(plain)
    values = dict(zip(PackedRow.__struct_fields__[4:], msgspec.msgpack.decode(plain), strict=True))
    assert (values["first_ms"], values["sequence"], values["cluster"]) == (START_MS, 7, "c2")
    assert values["traits"] == {"plan": "gold", "age": 42, "member": True, "score": 0.5}
    assert values["ways"] == []


@pytest.mark.parametrize("packed", [pack(full_row()), bytes.fromhex(FORMAT_1_ROW)])
def test_every_text_of_a_row_can_be_searched(packed: bytes):
    content = uncompressed(packed)
    for text in (b"loyal", b"gold", b"anon", b"EUR", b"email"):
        assert text in content
    with pytest.raises(RowFormatError):
        uncompressed(packed[:20])


def test_compressors_do_not_disturb_each_other():
    """Each has its own state, and all read one prepared dictionary."""
    packed, row = pack(full_row()), full_row()
    others = [row_dictionary.new_compressor() for _ in range(50)]
    for other in others:
        assert other.compress(rest_of(row)) == msgspec.msgpack.decode(packed)[-1]
        assert pack(row) == packed


def test_a_dictionary_is_never_another_one_for_the_same_format():
    """Rows were written with it, in topics that nobody writes anew."""
    path = Path(row_dictionary.__file__).with_name("row_dictionary.bin")
    assert (ROW_FORMAT, sha256(path.read_bytes()).hexdigest()) == (3, DICTIONARY_3)


def test_the_head_is_that_of_the_row():
    row = full_row()
    row.timer_ms, row.shadows = START_MS + 1, {"tried": START_MS}
    head = unpack_head(pack(row))
    assert (head.timer_ms, head.segments) == (START_MS + 1, {"loyal": START_MS})
    assert head.shadows == {"tried": START_MS}
    older = unpack_head(bytes.fromhex(FORMAT_1_ROW))
    assert (older.timer_ms, older.segments) == (NEVER_MS, {"loyal": START_MS})


def test_equal_rows_have_equal_bytes():
    """Whether an id came in this life of the row or is from its bytes."""
    row = full_row()
    other = unpack(pack(full_row()))
    for number in range(3):
        for each in (row, other):
            assert not is_duplicate(each, 100 + number)
            remember(each, 100 + number, START_MS + number)
            pack(row)
    assert pack(row) == pack(other)


@pytest.mark.parametrize("read", [unpack, unpack_head])
def test_a_newer_format_is_refused_and_says_so(read):
    values = msgspec.msgpack.decode(pack(Row()))
    newer = msgspec.msgpack.encode([ROW_FORMAT + 1, *values[1:]])
    with pytest.raises(RowFormatError, match="newer build"):
        read(newer)


@pytest.mark.parametrize("read", [unpack, unpack_head])
@pytest.mark.parametrize(
    "packed", [b"", b"\x01", b"\x01\xc1", b"\x01\x81\x01\x02", b"\x90", b"\x91\x01", b"\x02\x90"]
)
def test_bytes_that_are_no_row_are_refused(read, packed: bytes):
    with pytest.raises(RowFormatError):
        read(packed)


def test_ids_that_are_no_ids_are_refused():
    values = msgspec.msgpack.decode(pack(full_row()))
    values[1 + PackedRow.__struct_fields__.index("ids")] = ["a"]
    with pytest.raises(RowFormatError):
        unpack(msgspec.msgpack.encode(values))


def test_a_rest_that_was_cut_or_is_none_is_refused():
    whole = msgspec.msgpack.decode(pack(full_row()))
    for rest in (whole[-1][:-1], b"", b"nothing"):
        with pytest.raises(RowFormatError, match="does not decode"):
            unpack(msgspec.msgpack.encode([*whole[:-1], rest]))


def test_a_row_of_format_1_is_the_row_that_it_was():
    """Bytes that the last build of format 1 wrote of this very row."""
    row = full_row()
    row.consent = {}  # no build of that format kept it
    assert unpack(bytes.fromhex(FORMAT_1_ROW)) == row


def test_a_row_of_an_older_build_has_defaults_for_what_it_lacks():
    row = unpack(with_rest(list(full_row().values()[4:12])))
    assert row.first_ms == START_MS
    assert (row.targets, row.aliases, row.shared) == ([], [], False)
    oldest = msgspec.msgpack.decode(bytes.fromhex(FORMAT_1_ROW)[1:])[:3]
    assert unpack(b"\x01" + msgspec.msgpack.encode(oldest)) == Row(
        first_ms=START_MS, last_ms=START_MS + DAY
    )


def test_a_part_that_never_came_into_being_costs_a_byte_before_it_is_compressed():
    assert len(rest_of(Row())) <= 3 + len(PackedRow.__struct_fields__) + 9
    assert len(pack(Row())) < 40


def test_a_full_row_is_as_small_as_its_bounds_say():
    row = Row()
    for number in range(60):
        fold(row, added(START_MS + number, f"product-{number:08}"))
        fold(row, order(START_MS + number, f"order-{number}", 49.99))
        fold(row, added(START_MS + DAY + number, f"product-{number:08}", 2, 1234.56))
        fold(row, product(START_MS + DAY + number, f"product-{number:08}"))
    row.ids = new_ids(range(2**63, 2**63 + 512), range(2**64 - 512, 2**64))
    row.traits = {f"trait-{number:02}": "x" * 20 for number in range(50)}
    assert len(pack(row)) < 16 * 1024
