"""What is relied on of aiokafka's private surface; its own `PartitionRecords` is the oracle."""

import gc
import inspect

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from stream.shell import aiokafka_private
from stream.shell.aiokafka_private import (
    BareRecords,
    KeptRecords,
    appender,
    bare_fetched,
    close_filled,
    fetch_from_leaders,
    keep_answers,
    read_past_emptied_markers,
)

PLACE = TopicPartition("t", 0)
NONE, GZIP = 0, 1
READ_UNCOMMITTED, READ_COMMITTED = 0, 1
CONTROL_BIT = 0x20
ABORT, COMMIT = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"


def batch(base: int, count: int, producer: int = -1, codec: int = NONE) -> bytearray:
    is_transactional = int(producer >= 0)
    builder = DefaultRecordBatchBuilder(2, codec, is_transactional, producer, 0, 0, 1 << 20)
    for number in range(count):
        offset = base + number
        headers = [("h", b"%d" % offset)] if offset % 3 == 0 else []
        value = None if offset % 5 == 0 else b"value %d" % offset
        builder.append(number, 1_000 + offset, b"key %d" % offset, value, headers)
    return based(builder.build(), base)


def based(data: bytearray, base: int) -> bytearray:
    data[:8] = base.to_bytes(8, "big")
    return data


def resummed(data: bytearray) -> bytearray:
    """With the checksum of what it has become."""
    crc = castagnoli(bytes(data[21:]))
    data[17:21] = crc.to_bytes(4, "big")
    return data


def castagnoli(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def marker(base: int, producer: int, kind: bytes) -> bytearray:
    builder = DefaultRecordBatchBuilder(2, NONE, 1, producer, 0, 0, 1 << 20)
    builder.append(0, 1_000, kind, b"\x00\x00\x00\x00\x00\x00", [])
    data = based(builder.build(), base)
    data[22] |= CONTROL_BIT
    return resummed(data)


def compacted(base: int, count: int, last_delta: int) -> bytearray:
    """A batch whose last records compaction has removed; its last offset stays."""
    data = batch(base, count)
    data[23:27] = last_delta.to_bytes(4, "big")
    return resummed(data)


def legacy(base: int, count: int, magic: int, codec: int = NONE) -> bytearray:
    builder = LegacyRecordBatchBuilder(magic, codec, 1 << 20)
    for number in range(count):
        builder.append(base + number, 1_000, b"key", b"value %d" % number)
    return builder.build()


TRANSACTIONS = [
    batch(0, 4, producer=7),
    batch(4, 3, producer=8),
    marker(7, 7, ABORT),
    batch(8, 2, producer=8),
    marker(10, 8, COMMIT),
    batch(11, 5, producer=7),
    marker(16, 7, COMMIT),
    batch(17, 2),
]
ABORTED = [(7, 0)]
LOGS = {
    "plain": [batch(0, 10), batch(10, 1), batch(11, 6)],
    "compressed": [batch(0, 10, codec=GZIP), batch(10, 8, codec=GZIP)],
    "transactions": TRANSACTIONS,
    "compacted": [compacted(0, 5, 9), batch(10, 2), compacted(12, 2, 30)],
    "legacy 0": [legacy(0, 6, 0)],
    "legacy 1": [legacy(0, 6, 1)],
    "legacy 1, compressed": [legacy(0, 6, 1, GZIP)],
    "nothing": [],
    "only a marker": [marker(0, 7, ABORT)],
}


def fetched(log: list[bytearray], from_offset: int, isolation: int) -> PartitionRecords:
    records = KeptRecords(b"".join(log))
    return PartitionRecords(PLACE, records, ABORTED, from_offset, None, None, True, isolation)


def seen(record) -> tuple:
    return record.offset, record.timestamp, record.key, record.value, tuple(record.headers)


class State:
    """As much of a partition's state as a result of a fetch looks at."""

    paused = False

    def __init__(self, position: int) -> None:
        self.position = position

    def consumed_to(self, position: int) -> None:
        self.position = position


class Assignment:
    active = True

    def __init__(self, position: int) -> None:
        self.state = State(position)

    def state_value(self, _: TopicPartition) -> State:
        return self.state


def polls(records, from_offset: int, records_max: int | None) -> list[tuple[list, int]]:
    """What each poll gives, and the position after it."""
    assignment = Assignment(from_offset)
    result = FetchResult(PLACE, assignment=assignment, partition_records=records, backoff=0)
    found = []
    while result.has_more():
        taken = [seen(record) for record in result.getall(records_max)]
        found.append((taken, assignment.state.position))
    return found


@pytest.mark.parametrize("name", LOGS)
@pytest.mark.parametrize("isolation", [READ_UNCOMMITTED, READ_COMMITTED])
@pytest.mark.parametrize("records_max", [None, 1, 3, 10])
def test_bare_records_and_positions_are_those_of_aiokafka(name, isolation, records_max):
    for from_offset in (0, 1, 5, 11):
        theirs = polls(fetched(LOGS[name], from_offset, isolation), from_offset, records_max)
        bare = BareRecords(fetched(LOGS[name], from_offset, isolation))
        assert polls(bare, from_offset, records_max) == theirs


@pytest.mark.parametrize("isolation", [READ_UNCOMMITTED, READ_COMMITTED])
@pytest.mark.parametrize("bare", [True, False])
def test_a_marker_that_compaction_has_taken_out_of_its_batch_is_read_past(isolation, bare):
    """As Kafka's own client does: the batch is kept, empty, and ends nothing any more."""
    emptied = marker(4, 7, COMMIT)[:61]
    emptied[8:12] = (61 - 12).to_bytes(4, "big")
    emptied[57:61] = (0).to_bytes(4, "big")
    log = [batch(0, 4), resummed(emptied), batch(5, 3)]
    read_past_emptied_markers()
    records = fetched(log, 0, isolation)
    [(taken, position)] = polls(BareRecords(records) if bare else records, 0, None)
    assert [offset for offset, *_ in taken] == [0, 1, 2, 3, 5, 6, 7]
    assert position == 8


def test_what_was_aborted_is_left_out_and_so_are_markers():
    bare = BareRecords(fetched(TRANSACTIONS, 0, READ_COMMITTED))
    assert [record.offset for record in bare] == [4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 17, 18]
    bare = BareRecords(fetched(TRANSACTIONS, 0, READ_UNCOMMITTED))
    assert [record.offset for record in bare][:5] == [0, 1, 2, 3, 4]


def test_a_damaged_batch_is_an_error_that_names_the_partition():
    damaged = batch(3, 4)
    damaged[-1] ^= 1
    bare = BareRecords(fetched([batch(0, 3), damaged, batch(7, 3)], 0, READ_COMMITTED))
    with pytest.raises(CorruptRecordException, match="partition=0"):
        list(bare)
    assert bare.next_fetch_offset == 3
    assert list(bare) == [], "what follows a batch that was not read would be read over a gap"
    assert bare.next_fetch_offset == 3


def test_every_bit_of_a_batch_is_summed():
    sound = batch(0, 2)
    for at in range(21 * 8, len(sound) * 8):
        damaged = bytearray(sound)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises(CorruptRecordException):
            list(BareRecords(fetched([damaged], 0, READ_COMMITTED)))


@pytest.mark.parametrize("magic", [0, 1])
def test_a_damaged_record_of_an_older_format_is_an_error(magic):
    damaged = legacy(0, 3, magic)
    damaged[-1] ^= 1
    with pytest.raises(CorruptRecordException):
        list(BareRecords(fetched([damaged], 0, READ_COMMITTED)))


def test_a_fetcher_takes_answers_in_by_the_name_that_is_replaced(monkeypatch):
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    keep_answers()
    assert fetcher.MemoryRecords is KeptRecords
    taken = inspect.getsource(fetcher.Fetcher._proc_fetch_request)
    assert "records = MemoryRecords(part_data[-1])" in taken
    assert KeptRecords(bytes(batch(0, 1))).data == bytes(batch(0, 1))


def test_records_are_copies_that_do_not_keep_the_answer():
    (record, *_) = BareRecords(fetched([batch(1, 3)], 0, READ_COMMITTED))
    assert type(record.key) is type(record.value) is bytes
    assert {type(part) for part in gc.get_referents(record)} <= {bytes, list}


def test_what_was_fetched_and_dropped_leaves_nothing_to_the_collector():
    gc.collect()
    gc.disable()
    try:
        begun = BareRecords(fetched(LOGS["plain"], 0, READ_COMMITTED))
        next(iter(begun))
        BareRecords(fetched(LOGS["plain"], 0, READ_COMMITTED))
        del begun
        assert gc.collect() == 0
    finally:
        gc.enable()


class Fetcher:
    def __init__(self, records: dict) -> None:
        self._records = records


class Request:
    topics = (("t", [(0, 0, 1 << 20), (1, 0, 1 << 20), (2, 0, 1 << 20)]),)


def test_only_what_nobody_has_touched_is_made_bare():
    failed = TopicPartition("t", 1)
    result = FetchResult(
        PLACE,
        assignment=Assignment(0),
        partition_records=fetched(LOGS["plain"], 0, READ_COMMITTED),
        backoff=0,
    )
    holder = Fetcher({PLACE: result, failed: fetcher.FetchError(error=ValueError(), backoff=0)})
    bare_fetched(holder, Request)
    bare = result._partition_records
    assert type(bare) is BareRecords
    bare_fetched(holder, Request)
    assert result._partition_records is bare
    assert type(holder._records[failed]) is fetcher.FetchError


def test_an_appender_writes_the_bytes_that_the_batch_itself_writes():
    own, direct = (BatchBuilder(4_096, NONE, is_transactional=1) for _ in range(2))
    append = appender(direct)
    entries = [(b"k%d" % n, bytes(n), [("h", b"1")] if n % 7 == 0 else []) for n in range(300)]
    count = 0
    for key, value, headers in entries:
        taken = own.append(timestamp=5, key=key, value=value, headers=headers)
        assert (append(count, 5, key, value, headers) is None) == (taken is None)
        if taken is None:
            break
        count += 1
    close_filled(direct, count)
    assert 10 < count < 300
    assert direct.closed()
    assert direct.record_count() == own.record_count() == count
    assert bytes(direct._build()) == bytes(own._build())


def test_the_backoff_between_transactions_is_where_it_is_set():
    assert sender.BACKOFF_OVERRIDE <= 0.02
    aiokafka_private.hasten_transactions()
    assert sender.BACKOFF_OVERRIDE == aiokafka_private.TRANSACTION_BACKOFF_S
    assert "BACKOFF_OVERRIDE" in inspect.getsource(sender.AddPartitionsToTxnHandler)


def test_a_fetch_has_a_version_in_which_none_but_a_leader_answers():
    fetch_from_leaders()
    fetch_from_leaders()
    question = FetchRequest(20, 1, 1 << 20, READ_COMMITTED, [(PLACE.topic, [(0, 7, 1 << 20)])])
    for newest in (11, 17):
        assert question.prepare({FetchRequest.API_KEY: (4, newest)}).API_VERSION == 10
    assert question.prepare({FetchRequest.API_KEY: (0, 4)}).API_VERSION == 4
