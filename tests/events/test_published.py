import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stream.clock import instant_ms
from stream.events.changes import Leaf, Membership, SegmentChanged
from stream.events.cloudevent import encode_change, encode_membership
from stream.events.published import (
    PublishedChange,
    PublishedMembership,
    decode_change,
    decode_membership,
)

CHANGE = SegmentChanged(
    id="9f",
    customer="c-17",
    segment="abandoned_cart",
    entered=True,
    time_ms=1_795_256_100_000,
    sequence=17,
    definition="1a2b",
    cause="timer",
    evidence=(Leaf("since(cart.last_activity) >= 1 * HOUR", False, True, 3600),),
    next_flip_ms=1_795_256_100_000 + 7 * 86_400_000 - 3_600_000,
    segments=("abandoned_cart", "regular"),
    historic=False,
    initial=False,
    valid_until_ms=None,
    control=False,
    action={"channels": ["email"]},
    at_ms=1_795_256_099_000,
    variant="plain",
    holdout="segment",
    not_before_ms=1_795_256_160_000,
    withheld="consent",
)


def every_field(kind: type[msgspec.Struct]) -> set[str]:
    return set(kind.__struct_fields__)


def test_a_change_reads_back_as_it_was_written():
    read = decode_change(encode_change(CHANGE, "toys"))
    assert read.entered
    assert (read.subject, read.sequence, read.source) == ("c-17", "17", "/shoal/toys")
    assert read.time == "2026-11-21T10:15:00.000Z"
    assert read.data.next_flip == "2026-11-28T09:15:00.000Z"
    assert read.data.evidence[0].value == 3600
    assert read.data.at == "2026-11-21T10:14:59.000Z"
    assert (read.data.variant, read.data.holdout) == ("plain", "segment")
    assert read.data.not_before == "2026-11-21T10:16:00.000Z"


def test_a_change_has_the_declared_fields_and_no_others():
    written = msgspec.json.decode(encode_change(CHANGE, "toys"))
    assert set(written) == every_field(PublishedChange)
    assert set(written["data"]) == every_field(type(decode_change(encode_change(CHANGE, "t")).data))


@given(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    st.text(), st.integers(0, 4_000_000_000_000), st.none() | st.integers(0, 4_000_000_000_000),
)  # fmt: skip
def test_the_standard_library_reads_what_was_written(
    value: float | str | bool | None, customer: str, time_ms: int, at_ms: int | None
):
    change = msgspec.structs.replace(
        CHANGE, customer=customer, time_ms=time_ms, at_ms=at_ms,
        evidence=(Leaf("leaf", None, False, value),), action={"message": customer, "variants": [1]},
    )  # fmt: skip
    written = json.loads(encode_change(change, "toys"))
    data = written["data"]
    assert written["subject"] == written["partitionkey"] == data["customer"] == customer
    assert data["evidence"] == [{"leaf": "leaf", "before": None, "after": False, "value": value}]
    assert data["action"] == {"message": customer, "variants": [1]}
    assert (data["segments"], data["valid_until"]) == (["abandoned_cart", "regular"], None)
    assert instant_ms(written["time"]) == time_ms
    assert ("at" in data) == (at_ms is not None)


def test_a_membership_has_the_declared_fields_and_reads_back():
    value = encode_membership(
        Membership("c-17", {"loyal": 1_795_256_100_000}, 3, 1_795_256_100_000)
    )
    assert set(msgspec.json.decode(value)) == every_field(PublishedMembership)
    assert decode_membership(value).since == {"loyal": "2026-11-21T10:15:00.000Z"}
