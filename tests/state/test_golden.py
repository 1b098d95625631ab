"""What older builds have written is read: rows, changelogs, merges on their way, and dumps.

The files in `golden/` are bytes of those builds; what is expected of them is written here by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream.cli import main as cli
from stream.clock import rfc3339
from stream.engine.effects import EngineStateError, StoredRecord, UnreadableVersionError
from stream.engine.meta import META_FORMAT, META_KEY, Meta, pack_meta, unpack_meta
from stream.engine.partition import PartitionEngine
from stream.events.records import Merge, Tick, decode_record, encode_record
from stream.simulation.dumped import DumpedRecord
from stream.state.codec import NewerRowError, unpack
from stream.state.row import ROW_FORMAT, Row
from tests.engine.lane import SETTINGS, turn
from tests.state.golden.story import LINKED_MS, full
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS
from tests.state.test_codec import full_row

GOLDEN = Path(__file__).parent / "golden"
FORMATS = sorted(path.stem for path in GOLDEN.glob("*.json"))

ORDERED_MS, FILLED_MS = START_MS + HOUR, START_MS + 2 * HOUR + MINUTE
SILENT_MS = ORDERED_MS + 30 * DAY

CHANGES = [
    ("anna", "buyer", "entered", ORDERED_MS, "event"),
    ("anna", "gold", "entered", ORDERED_MS, "event"),
    ("anna", "silent", "entered", SILENT_MS, "timer"),
    ("anon", "filled_cart", "entered", FILLED_MS, "event"),
    ("anon", "filled_cart", "exited", LINKED_MS, "merge"),
    ("ben", "filled_cart", "entered", LINKED_MS, "merge"),
]


def golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    return found


def dumped(name: str) -> list[DumpedRecord]:
    lines = (GOLDEN / f"{name}.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=DumpedRecord) for line in lines]


def restored(name: str) -> PartitionEngine:
    engine = PartitionEngine(0, SETTINGS)
    for key, value in golden(name)["changelog"]:
        engine.restore(bytes.fromhex(key), bytes.fromhex(value))
    engine.restored()
    return engine


def merge_of(name: str) -> StoredRecord:
    """The merge that was on its way when the changelog was written."""
    last = dumped(name)[-1]
    return StoredRecord(last.offset, last.timestamp, last.key, last.value)


def test_every_format_up_to_the_former_one_is_kept():
    assert FORMATS[: ROW_FORMAT - 1] == [f"format-{n}" for n in range(1, ROW_FORMAT)]


@pytest.mark.parametrize("name", FORMATS)
def test_rows_are_what_they_were(name: str):
    rows = golden(name)["rows"]
    assert unpack(bytes.fromhex(rows["empty"])) == Row()
    expected = full()
    if name == "format-1":
        expected = full_row()
        expected.consent = {}  # no build of that format kept it
    assert unpack(bytes.fromhex(rows["full"])) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_a_partition_stands_where_its_meta_record_says(name: str):
    engine = restored(name)
    meta = engine.meta
    assert (meta.next_offset, meta.clock_ms, meta.incarnation) == (11, START_MS + DAY + MINUTE, "1")
    assert [(one.kind, one.active_ms) for one in meta.base] == [
        ("definitions", 0),
        ("population", START_MS + 2 * HOUR),
    ]
    assert [(one.kind, one.active_ms) for one in meta.versions] == [
        ("definitions", START_MS + 10 * DAY)
    ]
    assert engine.timeline.latest.pack is not None
    assert engine.members == {"buyer": 1, "gold": 1}
    assert {k: sum(v.values()) for k, v in engine.days.histograms.items()} == {"orders.revenue": 1}


@pytest.mark.parametrize("name", FORMATS)
def test_restored_rows_say_what_is_known_of_the_customers(name: str):
    engine = restored(name)
    anna, anon = engine.store.get(b"anna"), engine.store.get(b"anon")
    assert anna is not None
    assert anna.orders is not None
    assert anna.segments == {"buyer": ORDERED_MS, "gold": ORDERED_MS}
    assert anna.traits == {"plan": "gold", "age": 42, "member": True, "score": 0.5}
    assert (anna.orders.count, anna.orders.revenue_micros) == (1, 49_990_000)
    assert (anna.orders.refunded_micros, anna.orders.currency) == (3_000_000, "EUR")
    assert anna.timer_ms <= SILENT_MS
    assert anon is not None
    assert anon.forward_to == "ben"
    assert (anon.cart, anon.segments, anon.events) == (None, {}, 0)


@pytest.mark.parametrize("name", FORMATS)
def test_a_merge_on_its_way_arrives_and_timers_fire(name: str):
    engine = restored(name)
    found = engine.fold([merge_of(name)])
    assert [turn(change) for change in found.changes] == [
        ("ben", "filled_cart", True, LINKED_MS, "merge")
    ]
    ben = engine.store.get(b"ben")
    assert ben is not None
    assert ben.cart is not None
    assert ben.browse is not None
    assert (ben.cart.items, ben.cart.last_ms, ben.browse.products) == (
        2, FILLED_MS, {"b": START_MS + 2 * HOUR}
    )  # fmt: skip
    assert ben.aliases == ["anon"]
    late = StoredRecord(12, SILENT_MS, None, encode_record(Tick(clock_ms=SILENT_MS)))
    [change] = [c for c in engine.fold([late]).changes if c.customer == "anna"]
    assert turn(change) == ("anna", "silent", True, SILENT_MS, "timer")


@pytest.mark.parametrize("name", FORMATS)
def test_a_dump_is_replayed(name: str, tmp_path: Path):
    later = DumpedRecord(0, 12, SILENT_MS, None, encode_record(Tick(clock_ms=SILENT_MS)))
    log = tmp_path / "log.jsonl"
    log.write_bytes((GOLDEN / f"{name}.jsonl").read_bytes() + msgspec.json.encode(later))
    changes, members = tmp_path / "changes.jsonl", tmp_path / "members.jsonl"
    out = ["--changes", str(changes), "--members", str(members)]
    assert cli.main(["replay", "--log", str(log), *out]) == 0
    told = [json.loads(line) for line in changes.read_text("utf-8").splitlines()]
    assert sorted(
        (c["subject"], c["data"]["segment"], c["type"].rpartition(".")[2], c["time"]) for c in told
    ) == [(who, segment, way, rfc3339(at_ms)) for who, segment, way, at_ms, _ in CHANGES]
    held = [json.loads(line) for line in members.read_text("utf-8").splitlines()]
    assert {m["customer"]: m["segments"] for m in held} == {
        "anna": ["buyer", "gold", "silent"],
        "ben": ["filled_cart"],
    }


def newer(packed: bytes) -> bytes:
    """The row as if the next build had written it."""
    values = msgspec.msgpack.decode(packed)
    return msgspec.msgpack.encode([ROW_FORMAT + 1, *values[1:]])


def test_a_changelog_of_a_newer_format_is_refused_and_says_what_to_do():
    engine = PartitionEngine(0, SETTINGS)
    rows = golden(FORMATS[-1])["rows"]
    engine.restore(b"anna", newer(bytes.fromhex(rows["full"])))
    with pytest.raises(NewerRowError, match=r"written by a newer build; run that build"):
        engine.restored()


def test_a_merge_of_a_newer_format_waits_for_a_worker_that_can_read_it():
    """While workers are upgraded one by one; as a dead letter the customer's past would be lost."""
    engine = restored(FORMATS[-1])
    record = merge_of(FORMATS[-1])
    merge = decode_record(record.value or b"")
    assert isinstance(merge, Merge)
    merge = msgspec.structs.replace(merge, state=newer(merge.state))
    with pytest.raises(UnreadableVersionError, match=r"a merge: .* newer build; run that build"):
        engine.fold([StoredRecord(11, LINKED_MS, b"ben", encode_record(merge))])


def test_a_meta_record_of_a_newer_format_is_refused_and_says_what_to_do():
    with pytest.raises(EngineStateError, match="run the build that wrote it"):
        unpack_meta(pack_meta(Meta(format=META_FORMAT + 1)))
    engine = PartitionEngine(0, SETTINGS)
    engine.restore(META_KEY, pack_meta(Meta(format=META_FORMAT + 1)))
    with pytest.raises(EngineStateError, match="run the build that wrote it"):
        engine.restored()
