"""Every bound on what comes in, in one place: just within it works, just beyond has a reason."""

import gc
import json

import pytest

from stream.events.envelope import DEPTH_MAX, EVENT_BYTES_MAX, RejectedEventError, decode
from stream.events.history_map import MAP_CHARACTERS_MAX, VALUES_MAX, ColumnMapError, parse_map
from stream.events.identity import EXTERNAL_IDS_MAX, ID_BYTES_MAX
from stream.events.items import QUANTITY_MAX
from stream.events.money import AMOUNT_MAX
from stream.events.properties import ITEMS_MAX, TEXT_MAX
from stream.events.records import Custom
from stream.events.reference import (
    IDS_MAX,
    REFERENCE_BYTES_MAX,
    InvalidReferenceError,
    ReferenceBook,
)
from stream.events.traits import OWN_PROPERTIES_MAX, TRAIT_NAME_MAX, TRAITS_MAX
from stream.segments.pack import load_pack
from stream.segments.source import (
    DEFINITIONS_BYTES_MAX,
    NODES_MAX,
    SEGMENTS_MAX,
    DefinitionError,
)

NOW_MS = 1_795_256_100_000


def call(**fields) -> bytes:
    whole = {"type": "track", "event": "Custom", "userId": "u", "messageId": "m", **fields}
    return json.dumps(whole).encode()


def order(**properties) -> bytes:
    return call(event="Order Completed", properties={"order_id": "o", **properties})


def line(**fields) -> dict:
    return {"product_id": "p", "price": 1, "quantity": 1, **fields}


def nested(levels: int) -> bytes:
    return call()[:-1] + b', "deep": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


BEYOND = {
    "bytes": (call(x="x" * EVENT_BYTES_MAX), "too_large", "$"),
    "levels": (nested(DEPTH_MAX + 1), "too_deep", "$"),
    "an id": (call(userId="x" * (ID_BYTES_MAX + 1)), "bad_id", "$.userId"),
    "an amount": (order(total=AMOUNT_MAX * 2), "out_of_range", "$.properties.total"),
    "a number that is none": (
        call().replace(b'"m"', b'"m", "properties": {"x": NaN}'), "not_json", "$",
    ),
    "a number beyond all": (
        order().replace(b'"o"', b'"o", "total": 1e999'), "out_of_range", "$.properties.total",
    ),
    "an amount below zero": (order(total=-5), "out_of_range", "$.properties.total"),
    "a quantity": (
        order(products=[line(quantity=QUANTITY_MAX + 1)]),
        "out_of_range",
        "$.properties.products[0].quantity",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BEYOND)
def test_what_is_beyond_a_bound_is_a_dead_letter_with_its_reason(name):
    value, reason, field = BEYOND[name]
    with pytest.raises(RejectedEventError) as caught:
        decode(value, NOW_MS, None)
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_what_is_just_within_is_taken():
    for value in (
        nested(DEPTH_MAX),
        call(userId="x" * ID_BYTES_MAX),
        order(total=AMOUNT_MAX),
        order(products=[line(quantity=QUANTITY_MAX)]),
    ):
        assert decode(value, NOW_MS, None).record is not None


def test_of_what_may_be_cut_the_first_is_kept_and_the_cut_is_counted():
    traits = {f"t{n}": n for n in range(TRAITS_MAX + 5)}
    found = decode(call(type="identify", traits=traits), NOW_MS, None)
    assert (len(found.record.traits), found.cut) == (TRAITS_MAX, True)
    own = {f"{n}" * (TRAIT_NAME_MAX + 9): "x" * (TEXT_MAX + 1) for n in range(10, 40)}
    found = decode(call(event="y" * (TEXT_MAX + 1), properties=own), NOW_MS, None)
    assert isinstance(found.record, Custom)
    assert found.cut
    assert len(found.record.name) == TEXT_MAX
    assert len(found.record.properties) == OWN_PROPERTIES_MAX
    assert {len(name) for name in found.record.properties} == {TRAIT_NAME_MAX}
    assert {len(text) for text in found.record.properties.values()} == {TEXT_MAX}
    many = order(products=[line(product_id=f"p{n}") for n in range(ITEMS_MAX + 1)])
    found = decode(many, NOW_MS, None)
    assert (len(found.record.items), found.cut) == (ITEMS_MAX, True)
    ids = [{"type": "t", "id": f"{n}"} for n in range(EXTERNAL_IDS_MAX + 5)]
    found = decode(call(context={"externalIds": ids}), NOW_MS, None)
    assert len(found.links) == EXTERNAL_IDS_MAX


def test_names_of_events_leave_nothing_behind():
    """However many names a sender makes up: what a worker keeps does not grow by them."""

    def kept_after(count: int) -> int:
        for number in range(count):
            decode(call(event=f"Made Up {count} {number}"), NOW_MS, None)
        gc.collect()
        return len(gc.get_objects())

    kept_after(2_000)
    first = kept_after(2_000)
    assert kept_after(4_000) - first < 100


def test_reference_records_are_bounded_in_bytes_ids_and_number():
    book = ReferenceBook(ids_max=2)
    for number in (1, 2):
        book.update(b'{"type":"product","id":"p%d"}' % number)
    with pytest.raises(InvalidReferenceError, match="more than 2 ids"):
        book.update(b'{"type":"product","id":"p3"}')
    with pytest.raises(InvalidReferenceError, match=f"at most {REFERENCE_BYTES_MAX} bytes"):
        book.update(b'{"type":"product","id":"p1","x":"%s"}' % (b"x" * REFERENCE_BYTES_MAX))
    with pytest.raises(InvalidReferenceError, match=f"at most {ID_BYTES_MAX} bytes - at"):
        book.update(b'{"type":"product","id":"%s"}' % (b"x" * (ID_BYTES_MAX + 1)))
    with pytest.raises(InvalidReferenceError):
        book.update(b'{"type":"product","id":"p1","list_price":1e999}')
    assert IDS_MAX == 1_000_000


def aliases(levels: int) -> str:
    """Lines that stand for 9 ** levels values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        nine = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} [{nine}]")
    return "\n".join(lines)


SEGMENT = "  - {name: s%d, title: t, purpose: p, enter: orders.count > 0}"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"#" * (DEFINITIONS_BYTES_MAX + 1), "has 1,048,577 bytes, and may have 1,048,576"),
        (aliases(9).encode(), f"more than {NODES_MAX} values"),
        (b"[" * 5_000, "nested too deep"),
        (
            "\n".join(["segments:", *(SEGMENT % n for n in range(SEGMENTS_MAX + 1))]).encode(),
            f"more than {SEGMENTS_MAX} segments",
        ),
    ],
    ids=["bytes", "aliases", "levels", "segments"],
)
def test_a_definitions_file_beyond_a_bound_is_refused_at_once(content, says):
    with pytest.raises(DefinitionError, match=says):
        load_pack(content, "file.yaml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#" * (MAP_CHARACTERS_MAX + 1), "longer than"),
        (aliases(9), f"more than {VALUES_MAX:,} values"),
        ("[" * 5_000, "nested too deep"),
    ],
    ids=["characters", "aliases", "levels"],
)
def test_a_column_map_beyond_a_bound_is_refused_at_once(text, says):
    with pytest.raises(ColumnMapError, match=says):
        parse_map(text, "map.yaml")
