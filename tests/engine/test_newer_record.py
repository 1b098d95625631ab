"""A record of a kind that a newer build has added ends this one; bytes that are none are buried."""

from __future__ import annotations

from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest

from stream.engine.effects import StoredRecord, UnreadableVersionError
from stream.engine.newer_record import TAG_MAX, known_record, unknown_kind
from stream.engine.past_log import Beginning, PastRows, Survey
from stream.events.records import Tick, encode_record
from tests.engine.lane import Lane
from tests.state.shopping import START_MS, added, page


def of_kind(tag: object, *fields: object) -> bytes:
    return msgspec.msgpack.encode([tag, *fields])


def stored(lane: Lane, value: bytes, key: bytes | None = b"c") -> StoredRecord:
    return StoredRecord(lane.engine.next_offset, START_MS, key, value)


@pytest.mark.parametrize("key", [b"c", None])
def test_a_record_of_a_newer_kind_ends_this_build_and_is_not_buried(key: bytes | None):
    lane = Lane(None)
    lane.put("c", page(START_MS))
    before = lane.engine.next_offset
    newer = stored(lane, of_kind(TAG_MAX, START_MS, "what", {"nobody": b"knows"}), key)
    says = f"the record at offset {before} is of kind {TAG_MAX}, .*newer build wrote it.*run that"
    with pytest.raises(UnreadableVersionError, match=says):
        lane.engine.fold([newer])
    # The same in the middle of a batch, with good ones around it.
    good = encode_record(added(START_MS + 1))
    batch = [
        StoredRecord(before + n, START_MS, b"c", value)
        for n, value in enumerate((good, newer.value, good))
    ]
    lane.restored()
    with pytest.raises(UnreadableVersionError, match=f"offset {before + 1} is of kind"):
        lane.engine.fold(batch)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xc1",
        b"{}",
        of_kind(TAG_MAX),
        of_kind(TAG_MAX, "a whole one")[:-1],
        of_kind(TAG_MAX, "a whole one") + b"\0",
        of_kind(TAG_MAX + 1, START_MS),
        of_kind(-5, START_MS),
        of_kind(0, START_MS),
        of_kind("page", START_MS),
        of_kind(True, START_MS),
        of_kind(None, START_MS),
        msgspec.msgpack.encode({TAG_MAX: START_MS}),
        encode_record(page(START_MS))[:-1],
        of_kind(50, "no number"),
        b"\x91" * 5_000,
    ],
)
def test_garbage_is_buried(value: bytes):
    lane = Lane(None)
    effects = lane.engine.fold([stored(lane, value)])
    assert [dead.record.value for dead in effects.dead] == [value]


def test_every_kind_that_is_written_is_known():
    assert unknown_kind(encode_record(Tick(clock_ms=1))) is None
    assert unknown_kind(encode_record(page(START_MS))) is None


def test_random_bytes_are_hardly_ever_taken_for_a_newer_kind():
    random = Random(7)
    found = sum(unknown_kind(random.randbytes(random.randrange(4, 40))) is not None
                for _ in range(20_000))  # fmt: skip
    assert found < 20


@pytest.mark.parametrize("key", [b"c", None])
def test_a_past_is_not_read_over_a_record_of_a_newer_kind(key: bytes | None):
    """It may have said that somebody is forgotten, or one with somebody else."""
    newer = StoredRecord(7, START_MS, key, of_kind(TAG_MAX, START_MS))
    survey = Survey({}, is_cut=True)
    with pytest.raises(UnreadableVersionError, match="offset 7 is of kind"):
        survey.take(0, [newer])
    if key is not None:
        rows = PastRows([Beginning(0, 0, (), begins=8)], {}, ZoneInfo("UTC"), {})
        with pytest.raises(UnreadableVersionError, match="offset 7 is of kind"):
            rows.take([newer])


def test_bytes_that_are_no_record_are_none():
    assert known_record(StoredRecord(7, START_MS, b"c", b"{}")) is None
    assert known_record(StoredRecord(7, START_MS, b"c", None)) is None
