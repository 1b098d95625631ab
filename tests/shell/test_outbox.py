import pytest
from aiokafka.producer.message_accumulator import BatchBuilder

from stream.events.topics import RECORD_BYTES_MAX
from stream.shell.outbox import Outbox, RecordTooLargeError

BATCH_BYTES = 4_096


class Producer:
    """Makes real batches, and needs no broker for it."""

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_BYTES, 0, is_transactional=True)


def test_records_stay_in_order_and_apart_by_target():
    box = Outbox()
    box.put("t", 0, b"a", b"1")
    box.put("t", 1, b"b", b"2")
    box.put_all("t", 0, [(b"c", None, []), (None, b"4", [])])
    assert box.record_count == 4
    assert {target: len(entries) for target, entries in box.targets.items()} == {
        ("t", 0): 3,
        ("t", 1): 1,
    }
    assert [b.record_count() for _, _, (b,) in box.batches(Producer())] == [3, 1]


def test_a_full_batch_is_split_and_nothing_is_left_out():
    box = Outbox()
    box.put_all("t", 0, [(b"%d" % n, bytes(500), []) for n in range(100)])
    ((_, _, batches),) = box.batches(Producer())
    assert sum(batch.record_count() for batch in batches) == 100
    assert len(batches) > 10
    assert all(batch.closed() for batch in batches)


def test_a_record_larger_than_a_batch_gets_one_of_its_own():
    box = Outbox()
    box.put_all("t", 0, [(b"a", b"1", []), (b"b", bytes(3 * BATCH_BYTES), []), (b"c", b"3", [])])
    ((_, _, batches),) = box.batches(Producer())
    assert [batch.record_count() for batch in batches] == [1, 1, 1]


def test_no_records_make_no_batch():
    box = Outbox()
    box.put_all("t", 0, [])
    assert list(box.batches(Producer())) == []


def test_an_oversized_record_is_an_error_that_names_topic_hash_and_size_but_no_customer():
    box = Outbox()
    box.put("memberships", 3, b"anna@example.com", bytes(RECORD_BYTES_MAX))
    with pytest.raises(RecordTooLargeError) as caught:
        list(box.batches(Producer()))
    text = str(caught.value)
    assert "memberships" in text
    assert str(RECORD_BYTES_MAX + len("anna@example.com")) in text
    assert "anna" not in text
