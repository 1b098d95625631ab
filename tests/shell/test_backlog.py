from stream.engine.effects import StoredRecord
from stream.shell.backlog import BACKLOG_BYTES_MAX, BACKLOG_RECORDS_MAX, Backlog


def records(count: int, start: int = 0, size: int = 10) -> list[StoredRecord]:
    return [StoredRecord(n, 1_000 + n, None, bytes(size)) for n in range(start, start + count)]


def opened() -> Backlog:
    backlog = Backlog()
    backlog.restart()
    backlog.open()
    return backlog


def test_records_are_taken_in_order_and_stay_until_dropped():
    backlog = opened()
    assert backlog.add(records(3), backlog.reading)
    assert backlog.add(records(2, start=3), backlog.reading)
    assert [r.offset for r in backlog.first(4)] == [0, 1, 2, 3]
    assert len(backlog) == 5
    backlog.drop(4)
    assert [r.offset for r in backlog.first(10)] == [4]


def test_what_was_polled_for_an_earlier_reading_is_refused():
    backlog = opened()
    stale = backlog.reading
    backlog.restart()
    backlog.open()
    assert not backlog.add(records(3), stale)
    assert len(backlog) == 0


def test_what_belongs_to_the_reading_is_kept_even_before_it_is_asked_for():
    backlog = Backlog()
    reading = backlog.restart()
    assert not backlog.has_room
    assert backlog.add(records(2), reading)
    backlog.open()
    assert [r.offset for r in backlog.first(5)] == [0, 1]


def test_no_two_readings_share_a_number_not_even_of_two_backlogs():
    first, second = Backlog(), Backlog()
    numbers = [first.restart(), second.restart(), first.restart(), second.restart()]
    assert numbers == sorted(set(numbers))


def test_it_asks_for_no_more_than_its_bounds():
    by_count, by_bytes = opened(), opened()
    by_count.add(records(BACKLOG_RECORDS_MAX - 1), by_count.reading)
    assert by_count.has_room
    by_count.add(records(1), by_count.reading)
    assert not by_count.has_room
    by_bytes.add(records(4, size=BACKLOG_BYTES_MAX // 4), by_bytes.reading)
    assert not by_bytes.has_room
    by_bytes.drop(1)
    assert by_bytes.has_room


def test_a_long_poll_is_counted_by_a_part_of_it():
    backlog = opened()
    size = BACKLOG_BYTES_MAX // 1_000
    backlog.add(records(990, size=size), backlog.reading)
    assert backlog.has_room
    backlog.add(records(11, size=size), backlog.reading)
    assert not backlog.has_room


def test_tombstones_take_nothing():
    backlog = opened()
    tombstones = [StoredRecord(n, 1_000, b"key", None) for n in range(20)]
    assert backlog.add(tombstones, backlog.reading)
    assert backlog.has_room
    assert len(backlog) == 20


def test_it_knows_how_long_its_oldest_record_has_waited():
    backlog = opened()
    assert backlog.oldest_append_ms is None
    backlog.add(records(3), backlog.reading)
    assert backlog.oldest_append_ms == 1_000
    backlog.drop(3)
    assert backlog.oldest_append_ms == 1_002
